"""Means of the runs of each replicate: what is nested in a replicate is averaged, not counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def replicate_means(values: ArrayLike, replicate: ArrayLike) -> NDArray[np.float64]:
    """Average the runs of each replicate, which share what varies most; NaN stays NaN in its replicate."""
    v, labels = np.asarray(values, dtype=float), np.asarray(replicate)
    if labels.shape != v.shape:
        raise ValueError(f"replicate must have one label for each of the {v.size} values, got {labels.size}")
    codes = np.unique(labels, return_inverse=True)[1].ravel()  # NumPy 2.0.0 alone gives it the axes of its input
    return np.bincount(codes, weights=v) / np.bincount(codes)
