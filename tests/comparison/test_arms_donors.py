"""An arm with a donor of its own starts from it in each phase."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comparators import X, Y, comparator, net
from sklearn.frozen import FrozenEstimator

from sk_warmstart import Checkpoint, WarmStartClassifier
from sk_warmstart.policies import InitPolicy


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
