"""How far the runs of an arm lie apart, pair by pair, against those of another."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from ....statistics._posterior import ROUNDING
from ....statistics._spread import SpreadRatio


def pairwise_matrix(pairs: pd.DataFrame, value: str, n: int) -> NDArray[np.float64]:
    """Return a symmetric matrix of what was measured of the pairs of n runs; NaN where it was not."""
    matrix = np.full((n, n), np.nan)
    first, second = pairs["first"].to_numpy(), pairs["second"].to_numpy()
    matrix[first, second] = matrix[second, first] = pairs[value].to_numpy(dtype=float)
    return matrix


def ratio_of_means(first: NDArray[np.float64], second: NDArray[np.float64], confidence: float) -> SpreadRatio:
    """Return the mean over the pairs of some runs by that of others, with a jackknife interval.

    Run i of both is left out at a time (they share a seed): pairs have runs in common and are not independent, so
    that the runs count (Arvesen, "Jackknifing U-Statistics", Annals of Mathematical Statistics 40, 1969).
    """
    one, other = _mean(first), _mean(second)
    nan = float("nan")
    ratio = one / other if other > 0 else (1.0 if one == other else nan)
    n = len(first)
    left_out = [
        (_mean(np.delete(np.delete(first, i, 0), i, 1)), _mean(np.delete(np.delete(second, i, 0), i, 1)))
        for i in range(n)
    ]
    if n < 3 or not other > 0:
        return SpreadRatio(ratio, nan, nan, nan)
    if not (one > 0 and min(min(pair) for pair in left_out) > 0):
        scale = _jackknife_scale([a - b for a, b in left_out])  # there is no logarithm of 0
        return SpreadRatio(
            ratio, nan, nan, float(2 * stats.t.sf(abs(one - other) / scale, n - 1)) if scale else nan
        )
    scale = _jackknife_scale([np.log(a / b) for a, b in left_out])
    if not scale:
        return SpreadRatio(ratio, nan, nan, nan)
    half = scale * stats.t.ppf(0.5 + confidence / 2, n - 1)
    p_value = float(2 * stats.t.sf(abs(np.log(ratio)) / scale, n - 1))
    return SpreadRatio(ratio, float(ratio * np.exp(-half)), float(ratio * np.exp(half)), p_value)


def _jackknife_scale(values: list[float]) -> float:
    """The standard error from what is left when one run is left out; 0 where it is only rounding."""
    around = np.asarray(values) - np.mean(values)
    scale = float(np.sqrt((len(values) - 1) / len(values) * np.sum(around**2)))
    return scale if scale > ROUNDING else 0.0


def _mean(matrix: NDArray[np.float64]) -> float:
    """The mean of the pairs; NaN where there is none."""
    values = matrix[np.triu_indices(len(matrix), 1)]
    return float(values.mean()) if len(values) else float("nan")
