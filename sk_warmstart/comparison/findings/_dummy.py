"""Cold against a dummy that knows no columns: what there was to gain."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...statistics._nesting import replicate_means
from ...statistics._posterior import correlated_t
from .._names import REFERENCE
from ._targets import RUN

_ROPE = 0.01  # of scores that are at most 1, and as a share of what there was to gain of others


def choose_rope(results: pd.DataFrame, dummy: pd.DataFrame, bounded: bool) -> tuple[float, str]:
    """Return a ROPE with the unit of the score, and how it was found."""
    if bounded:
        return _ROPE, "the default for scores of at most 1"
    pairs = _pairs(results, dummy)
    distance = abs(float((pairs["score_cold"] - pairs["score"]).mean())) if len(pairs) else np.nan
    if not np.isfinite(distance):
        return 0.0, "no dummy could be scored: give a number"
    cold, guess = pairs["score_cold"].mean(), pairs["score"].mean()
    return _ROPE * distance, f"1% of the distance between cold's score, {cold:.4g}, and a dummy's, {guess:.4g}"


def worth_of_cold(results: pd.DataFrame, dummy: pd.DataFrame, score: str, confidence: float) -> str | None:
    """Say that cold is not shown to be better than a dummy; None where it is."""
    pairs = _pairs(results, dummy)
    if not len(pairs):
        return None
    gains = replicate_means(pairs["score_cold"] - pairs["score"], pairs["repeat"])
    posterior = correlated_t(gains, 0.0)
    p_worse = posterior.below(0.0)
    better = posterior.mean > 0 and (np.isnan(p_worse) or p_worse <= 1 - confidence)
    if better:
        return None
    cold, guess = pairs["score_cold"].mean(), pairs["score"].mean()
    if cold > guess:
        return (
            f"Cold scores {cold:.4g} in {score}, and a guess that knows no columns {guess:.4g}: that it is better "
            f"is not shown by {pairs['repeat'].nunique()} replicates. Run more of them before the verdicts."
        )
    return (
        f"Cold learned nothing that shows in {score}: it scores {cold:.4g}, and a guess that knows no columns "
        f"{guess:.4g}. Look at the estimator, the columns and the scoring before the verdicts."
    )


def _pairs(results: pd.DataFrame, dummy: pd.DataFrame) -> pd.DataFrame:
    if dummy.empty:
        return pd.DataFrame(columns=["repeat", "score", "score_cold"])
    cold = results.loc[results["arm"] == REFERENCE, [*RUN, "score"]]
    return dummy.merge(cold, on=RUN, suffixes=("", "_cold")).dropna(subset=["score", "score_cold"])
