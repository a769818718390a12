"""A scorer that raises is told as an arm that does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from comparators import X, Y, comparator, net
from sklearn.dummy import DummyClassifier

from sk_warmstart import WarmStartClassifier
from sk_warmstart.comparison import DataIncremental


def is_warm(estimator: Any) -> bool:
    policy = getattr(estimator, "init_policy", None)
    return type(policy).__name__ == "Warm" and estimator.start_.donor is not None


def scorer(fails: Any) -> Any:
    def score(estimator: Any, X: Any, y: Any) -> float:
        if fails(estimator):
            raise RuntimeError("cannot be scored")
        return float(estimator.score(X, y))

    return score


def failing_on_call(number: int) -> Any:
    calls: list[int] = []

    def fails(estimator: Any) -> bool:
        calls.append(1) if is_warm(estimator) else None
        return is_warm(estimator) and len(calls) == number

    return scorer(fails)


def test_of_an_arm_it_is_told() -> None:
    result = comparator(scoring=scorer(is_warm), refit="best").fit(X, Y)
    assert result.gain_.loc["warm", "verdict"] == "failed"
    assert result.summary_ == ["warm failed in 2 of 2 replicates (RuntimeError: cannot be scored)."]
    assert result.advice_ == "Retrain cold: the only other start failed."
    assert isinstance(result.best_estimator_, WarmStartClassifier)
    assert np.isfinite(result.gain_.loc["cold", "score"])


@pytest.mark.parametrize("number", range(1, 8))
def test_once_it_ends_nothing(number: int) -> None:
    result = comparator(scoring=failing_on_call(number)).fit(X, Y)
    warm, cold = (result.results_.query("arm == @arm") for arm in ("warm", "cold"))
    assert set(warm["error"]) <= {"", "RuntimeError: cannot be scored"}
    assert (cold["error"] == "").all()
    assert cold["score"].notna().all()
    assert warm.loc[warm["error"] == "", "score"].notna().all()
    if number == 1:
        assert (warm["error"] != "").any()


def test_of_cold_it_is_the_error() -> None:
    with pytest.raises(RuntimeError, match="cannot be scored"):
        comparator(scoring=scorer(lambda estimator: isinstance(estimator, WarmStartClassifier))).fit(X, Y)


@pytest.mark.parametrize("phases_scored", [0, 1, 3])
def test_of_the_incumbent_it_is_told(phases_scored: int) -> None:
    incumbent = DummyClassifier().fit(X, Y)
    incumbent.in_use = True
    calls: list[int] = []

    def fails(estimator: Any) -> bool:
        calls.append(1) if hasattr(estimator, "in_use") else None
        return hasattr(estimator, "in_use") and len(calls) > phases_scored

    settings = {"scoring": scorer(fails), "incumbent": incumbent, "refit": "best", "phases": DataIncremental(3)}
    result = comparator(net(max_epochs=1), **settings).fit(X, Y)
    assert "RuntimeError: cannot be scored" in set(result.results_.query("arm == 'incumbent'")["error"])
    assert result.advice_.startswith("Keep the incumbent for now: it failed, so that no retrained model")
    assert any(text.startswith("incumbent failed in 2 of 2 replicates") for text in result.summary_)
