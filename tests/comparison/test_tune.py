"""A tuned arm chooses by validation rows, pays for all that it tried, and never sees the test rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier

from sk_warmstart import WarmStartClassifier, WarmStartComparator
from sk_warmstart.comparison import DataIncremental
from sk_warmstart.comparison.runs.arms._arm import make_arms

X, Y = load_digits(return_X_y=True)
X, Y = (X[:500] / 16).astype(np.float32), Y[:500]
GRID = {"shrink_perturb": {"init_policy__shrink": [0.0, 1.0]}}


def compared(tune: Any = GRID, policies: Any = ("cold", "warm", "shrink_perturb"), **params: Any) -> Any:
    net = WarmStartClassifier(max_epochs=5, module__hidden_layer_sizes=(16,), **params)
    return WarmStartComparator(
        net, policies, DataIncremental(3), n_repeats=2, tune=tune, refit="shrink_perturb", random_state=0
    ).fit(X, Y)


def test_the_validation_rows_choose_and_the_choice_is_told() -> None:
    result = compared()
    fixed = {
        shrink: compared(None, {"cold": "cold", "shrink_perturb": {"init_policy__shrink": shrink}}).results_
        for shrink in (0.0, 1.0)
    }
    for repeat in (0, 1):  # in the first phase that has a donor both begin with the same state
        runs = {
            shrink: table.set_index(["arm", "repeat", "phase"]).loc[("shrink_perturb", repeat, 2)]
            for shrink, table in fixed.items()
        }
        best = max(runs, key=lambda shrink: (runs[shrink]["final_valid_score"], -shrink))
        mine = result.results_.set_index(["arm", "repeat", "phase"]).loc[("shrink_perturb", repeat, 2)]
        assert mine["chosen"] == f"init_policy__shrink={best!r}"
        assert mine["score"] == runs[best]["score"]
        assert mine["final_valid_score"] == runs[best]["final_valid_score"]
    others = result.results_[result.results_["arm"] != "shrink_perturb"]
    assert (others["chosen"] == "").all()


def test_it_pays_for_all_that_it_tried() -> None:
    result = compared()
    runs = result.results_.set_index("arm")
    assert (runs.loc["shrink_perturb", "samples"] == 2 * runs.loc["warm", "samples"].to_numpy()).all()
    curves = result.curves_[result.curves_["arm"] == "shrink_perturb"]
    begun = curves[curves["epoch"] == 0]["samples"].to_numpy()
    assert (begun >= runs.loc["warm", "samples"].to_numpy()).all()  # the other option's come first
    assert result.gain_.loc["shrink_perturb", "speedup"] < 1
    assert result.best_estimator_.init_policy.shrink in (0.0, 1.0)


def test_each_option_goes_on_from_the_choice_before() -> None:
    arms = make_arms(
        ("cold", "dash"), WarmStartClassifier(), {"dash": {"init_policy__shrink": [0.1, 0.3], "lr": [0.1]}}
    )
    options = arms[1].options
    assert [option.words for option in options] == [f"init_policy__shrink={s}, lr=0.1" for s in (0.1, 0.3)]
    assert [option.params["lr"] for option in options] == [0.1, 0.1]
    assert [option.params["init_policy"].shrink for option in options] == [0.1, 0.3]


@pytest.mark.parametrize(
    ("tune", "message"),
    [
        ({"dash": {"init_policy__shrink": [0.1]}}, "tune knows no arm 'dash'"),
        ([0.1], "tune must map an arm to a parameter grid"),
        ({"shrink_perturb": {"shrinkage": [0.1]}}, "'shrinkage' is no parameter of WarmStartClassifier"),
        ({"warm": {"init_policy": ["cold", "warm"]}}, "mixes cold and warm starts"),
    ],
)
def test_what_cannot_be_tuned_is_said(tune: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compared(tune)


def test_other_estimators_have_nothing_to_tune() -> None:
    with pytest.raises(ValueError, match="takes no parameters"):
        WarmStartComparator(SGDClassifier(), ("cold", "warm"), tune={"warm": {"alpha": [1.0]}}).fit(X, Y)


def test_without_validation_rows_there_is_nothing_to_choose_by() -> None:
    net = WarmStartClassifier(max_epochs=1, validation_fraction=1e-9)
    result = WarmStartComparator(
        net, ("cold", "shrink_perturb"), DataIncremental(2), n_repeats=1, tune=GRID, refit=None, random_state=0
    )
    result.fit(X, Y)
    assert result.gain_.loc["shrink_perturb", "verdict"] == "failed"
    assert "tune needs validation rows" in result.summary_[0]
