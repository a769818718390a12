"""Ctrl-C gives what is complete, also where a fit takes it for its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from skorch.callbacks import Callback

from sk_warmstart import WarmStartClassifier, WarmStartComparator
from sk_warmstart.comparison import DataIncremental

X, Y = load_iris(return_X_y=True)


@pytest.fixture(autouse=True)
def _as_in_the_foreground() -> Iterator[None]:
    # A shell lets what it starts in the background ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class PressesCtrlC(Callback):
    """Presses it at a certain epoch of all that are trained."""

    epochs = 0
    at = 10**9

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        PressesCtrlC.epochs += 1
        if PressesCtrlC.epochs == PressesCtrlC.at:
            os.kill(os.getpid(), signal.SIGINT)


def run(at: int, packed: bool, n_repeats: int = 3, n_probes: int = 0) -> WarmStartComparator:
    PressesCtrlC.epochs, PressesCtrlC.at = 0, at
    net = WarmStartClassifier(max_epochs=4, module__hidden_layer_sizes=(4,), callbacks=[PressesCtrlC()])
    comparator = WarmStartComparator(
        net, ("cold", "warm"), DataIncremental(4), n_repeats=n_repeats, packed=packed, n_probes=n_probes
    )
    comparator.set_params(random_state=0)
    before = signal.getsignal(signal.SIGINT)
    try:
        return comparator.fit(X, Y)
    finally:
        assert signal.getsignal(signal.SIGINT) is before


def test_complete_replicates_are_told() -> None:
    # One by one a replicate takes 4 epochs of its base and 3 times 2 times 4; this is in the third.
    with pytest.warns(UserWarning, match="2 of 3 replicates are complete"):
        result = run(at=2 * 28 + 6, packed=False)
    assert result.interrupted_ is not None
    assert result.results_["repeat"].unique().tolist() == [0, 1]
    assert result.settings_["replicates"] == 2
    assert result.best_estimator_ is None
    assert result.gain_.loc["warm", "verdict"] in ("beneficial", "neutral", "detrimental", "undecided")


def test_further_runs_that_are_missing_are_told() -> None:
    # In a pack they come after all replicates.
    with pytest.warns(UserWarning, match="all 3 replicates are complete, the further runs of n_probes are not"):
        result = run(at=3 * 28 + 3, packed=True, n_probes=2)
    assert result.results_["repeat"].unique().tolist() == [0, 1, 2]
    assert list(result.stages_["consistency"]) == ["sd over replicates"]
    assert result.best_estimator_ is None


@pytest.mark.parametrize("packed", [True, False])
def test_without_any_the_phases_that_all_have_behind_them(packed: bool) -> None:
    n = 3 if packed else 1
    # In the last phase: bases, two phases of two arms, and some more.
    at = n * (4 + 2 * 8) + 2
    with pytest.warns(UserWarning, match=f"2 phases are complete in {'each' if n > 1 else 'the one'} of {n}"):
        result = run(at, packed, n_repeats=n)
    assert sorted(result.results_["phase"].unique()) == [2, 3]
    assert len(result.results_) == n * 2 * 2
    assert sorted(result.curves_["phase"].unique()) == [2, 3]
    straight = run(10**9, packed, n_repeats=n)
    assert straight.interrupted_ is None
    both = [
        frame.query("phase < 4").sort_values(["repeat", "phase", "arm"])
        for frame in (result.results_, straight.results_)
    ]
    np.testing.assert_array_equal(both[0]["score"], both[1]["score"])


@pytest.mark.parametrize("packed", [True, False])
def test_with_nothing_complete_it_is_passed_on_and_what_was_fitted_stays(packed: bool) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(at=5 if packed else 2, packed=packed)


class Swallows(ClassifierMixin, BaseEstimator):
    """Takes Ctrl-C for a wish to stop early, as scikit-learn's own networks do."""

    fits = 0

    def __init__(self, warm_start: bool = False):
        self.warm_start = warm_start

    def fit(self, X: Any, y: Any) -> Any:
        Swallows.fits += 1
        self.classes_ = np.unique(y)
        try:
            if Swallows.fits == 9:
                os.kill(os.getpid(), signal.SIGINT)
                sum(range(1000))  # the signal is heard between two operations
        except KeyboardInterrupt:
            pass
        return self

    def predict(self, X: Any) -> Any:
        return np.full(len(X), self.classes_[0])


def test_an_estimator_that_keeps_it_to_itself_does_not_hide_it() -> None:
    Swallows.fits = 0
    # A replicate takes 1 + 2 * 2 fits.
    with pytest.warns(UserWarning, match="1 of 4 replicates are complete"):
        result = WarmStartComparator(Swallows(), ("cold", "warm"), DataIncremental(3), n_repeats=4).fit(X, Y)
    assert Swallows.fits == 9
    assert len(result.results_) == 4
