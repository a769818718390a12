"""What allows no comparison, and arms that fail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from comparators import CLOCK, X, Y, comparator, net
from sklearn.neighbors import KNeighborsClassifier

from sk_warmstart import WarmStartClassifier
from sk_warmstart.comparison import DataIncremental
from sk_warmstart.policies import InitPolicy

NAN = float("nan")


class FailsLate(InitPolicy):
    """Goes wrong once the rows are many."""

    def start(self, previous: Any, fresh: Any, context: Any) -> Any:
        if len(context.data.rows) > 70:
            raise RuntimeError("no more")
        return previous.copy()


@pytest.mark.parametrize("packed", [True, False])
def test_an_arm_that_fails_is_told_and_the_others_are_shown(packed: bool, tmp_path: Any) -> None:
    policies = {"cold": "cold", "late": FailsLate(), "warm": "warm"}
    result = comparator(policies=policies, packed=packed, refit="best").fit(X, Y)
    late = result.results_[result.results_["arm"] == "late"]
    assert late.groupby("phase")["error"].agg(set).to_dict() == {2: {""}, 3: {"RuntimeError: no more"}}
    assert late[late["phase"] == 3]["score"].isna().all()
    assert result.gain_.loc["late", "verdict"] == "failed"
    assert result.summary_[0] == "late failed in 2 of 2 replicates (RuntimeError: no more)."
    assert result.best_arm_ in ("cold", "warm")
    alone = comparator(packed=packed).fit(X, Y)
    shared = result.results_[result.results_["arm"] != "late"].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        shared.drop(columns=CLOCK), alone.results_.drop(columns=CLOCK), rtol=1e-6, check_dtype=False
    )
    page = result.report(tmp_path / "report.html").read_text()
    assert "late failed in 2 of 2 replicates" in page


def test_nothing_is_compared_where_cold_or_the_base_fails() -> None:
    class Broken(WarmStartClassifier):
        def get_loss(self, *args: Any, **kwargs: Any) -> Any:
            raise ArithmeticError("no loss")

    with pytest.raises(ArithmeticError, match="no loss"):
        comparator(Broken(max_epochs=1)).fit(X, Y)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_repeats": 0}, "n_repeats must be an integer of at least 1, got 0"),
        ({"n_repeats": 2.0}, "n_repeats must be an integer of at least 1, got 2.0"),
        ({"n_repeats": True}, "n_repeats must be an integer of at least 1, got True"),
        ({"rope": -0.1}, "rope must be a number of at least 0 and finite, got -0.1"),
        ({"rope": NAN}, "rope must be a number of at least 0 and finite, got nan"),
        ({"confidence": 0.5}, r"confidence must be a number in \(0.5, 1\), got 0.5"),
        ({"confidence": 1}, r"confidence must be a number in \(0.5, 1\), got 1"),
        ({"refit": "lukewarm"}, "refit must be 'best', None or the name of an arm, got 'lukewarm'"),
        ({"refit": "shrink_perturb"}, "refit must be 'best', None or the name of an arm"),
        ({"policies": ("warm", "shrink_perturb")}, "policies must hold 'cold'"),
        ({"phases": DataIncremental(100)}, "100 phases are too many for 150 rows"),
        ({"estimator": KNeighborsClassifier()}, "has neither a parameter warm_start"),
    ],
)
def test_parameters_that_cannot_be(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        comparator(**params).fit(X, Y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(150, int), "the target has one class only .*: there is nothing to tell apart"),
        (np.r_[NAN, Y[1:]], "the target has 1 missing value: drop those rows"),
        (np.r_[NAN, NAN, Y[2:]], "the target has 2 missing values: drop those rows"),
        (np.array([None, *"ab" * 74, "a"], dtype=object), "the target has 1 missing value: drop"),
        (np.array([1, "a"] * 75, dtype=object), "the labels are of the types int and str: use one type"),
        (Y[:-1], "inconsistent numbers of samples"),
    ],
)
def test_targets_that_cannot_be(y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        comparator().fit(X, y)


@pytest.mark.parametrize(
    "change",
    [{"n_repeats": 0}, {"policies": ("cold", "x")}, {"scoring": "roc_auc"}],
    ids=["parameter", "policy", "while it runs"],
)
def test_a_fit_that_fails_leaves_the_one_before(change: dict[str, Any]) -> None:
    result = comparator(net(max_epochs=1), n_repeats=1, refit="warm").fit(X, Y)
    before, predicted = dict(vars(result)), result.predict_proba(X)
    result.set_params(**change)
    with pytest.raises(ValueError):
        result.fit(X, Y)
    for name in ("gain_", "results_", "curves_", "best_estimator_", "best_arm_", "summary_"):
        assert getattr(result, name) is before[name]
    assert np.array_equal(result.predict_proba(X), predicted)
