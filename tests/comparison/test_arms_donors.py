"""An arm with a donor of its own starts from it in each phase."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comparators import X, Y, comparator, net
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_warmstart import Checkpoint, DataIncremental, WarmStartClassifier
from sk_warmstart.policies import BestOf, InitPolicy


class Notes(InitPolicy):
    """Notes what it starts from."""

    seen: list[float] = []

    def start(self, previous: Any, fresh: Any, context: Any) -> Any:
        Notes.seen.append(float(previous["output.bias"].sum()))
        return previous.copy()


def donor() -> WarmStartClassifier:
    return net(max_epochs=20, random_state=3).fit(X[::2], Y[::2])


@pytest.mark.parametrize("kind", ["frozen", "checkpoint", "path"])
@pytest.mark.parametrize("packed", [True, False])
def test_it_starts_each_phase_and_the_refit(kind: str, packed: bool, tmp_path: Path) -> None:
    fitted = donor()
    checkpoint = Checkpoint.from_estimator(fitted)
    checkpoint.save(tmp_path / "donor.safetensors")
    given = {
        "frozen": FrozenEstimator(fitted),
        "checkpoint": checkpoint,
        "path": tmp_path / "donor.safetensors",
    }[kind]
    Notes.seen.clear()
    policies = {"cold": "cold", "given": {"init_policy": Notes(), "warm_start_from": given}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the donor knows some test rows
        result = comparator(policies=policies, packed=packed, refit="given", n_probes=1).fit(X, Y)
    assert (result.results_["error"] == "").all()
    assert result.refit_error_ is None
    expected = float(fitted.module_.state_dict()["output.bias"].sum())
    assert len(Notes.seen) >= 2 * 2 + 1
    np.testing.assert_allclose(Notes.seen, expected, rtol=1e-5)
    assert result.best_estimator_.start_.donor == "warm_start_from"


def test_without_one_it_starts_from_the_phase_before() -> None:
    Notes.seen.clear()
    policies = {"cold": "cold", "own": {"init_policy": Notes(), "warm_start_from": None}}
    comparator(policies=policies).fit(X, Y)
    assert len(Notes.seen) == 2 * 2
    assert len(set(Notes.seen)) > 2  # more than the fits of the first phase


def test_it_cannot_start_from_the_baseline_too() -> None:
    arm = {"init_policy": "warm", "start_from": "baseline", "warm_start_from": FrozenEstimator(donor())}
    with pytest.raises(ValueError, match="the arm 'both': start_from='baseline' and warm_start_from"):
        comparator(policies={"cold": "cold", "both": arm}).fit(X, Y)


def leaks(estimator: Any, start: Any, **params: Any) -> list[str]:
    policies = {"cold": "cold", "given": start}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = comparator(estimator, policies=policies, phases=DataIncremental(2), **params).fit(X, Y)
    told = [str(each.message) for each in caught if "starts from a donor" in str(each.message)]
    noted = [note for note in fitted.notes_ if "starts from a donor" in note]
    assert noted == [f"{words[0].upper()}{words[1:]}." for words in told]
    return told


@pytest.mark.parametrize(
    ("kind", "scoring"),
    [
        *((kind, None) for kind in ("frozen", "checkpoint", "path", "estimator", "policy")),
        ("frozen", lambda net, X, y: float((net.predict(X) == y).mean())),
    ],
)
def test_rows_that_test_and_trained_its_donor_are_told(kind: str, scoring: Any, tmp_path: Path) -> None:
    fitted = donor()  # on every other row
    checkpoint = Checkpoint.from_estimator(fitted)
    checkpoint.save(tmp_path / "donor.safetensors")
    given = {"checkpoint": checkpoint, "path": tmp_path / "donor.safetensors"}.get(kind, FrozenEstimator(fitted))
    start: Any = {"init_policy": "warm", "warm_start_from": given}
    start = BestOf(("warm", "cold"), sources=[given]) if kind == "policy" else start
    estimator = net(warm_start_from=given) if kind == "estimator" else net()
    start = "warm" if kind == "estimator" else start
    (words,) = leaks(estimator, start, scoring=scoring)
    who = "the estimator" if kind == "estimator" else "the arm 'given'"
    share = re.fullmatch(rf"{who} starts from a donor that was trained on (\d+)% of the rows that test, .*", words)
    assert share is not None
    assert 30 < int(share[1]) < 70


def test_a_donor_in_a_pipeline_of_its_own_is_told() -> None:
    fitted = make_pipeline(StandardScaler(), net()).fit(X, Y)
    start = {"init_policy": "warm", "warm_start_from": FrozenEstimator(fitted)}
    (words,) = leaks(make_pipeline(StandardScaler(), net()), start)
    assert "trained on 100% of the rows that test" in words


def test_a_donor_of_other_rows_is_no_leak() -> None:
    fitted = net().fit(X + 1, Y)
    assert leaks(net(), {"init_policy": "warm", "warm_start_from": FrozenEstimator(fitted)}) == []
