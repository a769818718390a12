"""Posterior of a gain from the scores of single test rows, which replicates share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._holm import holm
from ._posterior import ROUNDING, Posterior

INFLATION = 2.0  # training rows may have as much in common as test rows
GROUP_INFLATION = 3.0  # and few groups train in nearly every replicate
_ONCE = 0.5  # by which the replicates count for more where each row tests once
_LEAST_DF = 0.5
_DENSE_CELLS = 20_000_000  # 160 MB of float64


@dataclass(frozen=True)
class ClusteredPosterior(Posterior):
    """What is believed of a mean difference after seeing it for each test row of each replicate.

    Parameters
    ----------
    mean : float
        Mean of the differences.
    scale : float
        Scale of Student's t around it; 0 where no row differs from the mean, NaN where there are too few
        replicates or rows.
    df : float
        Degrees of freedom: one less than the replicates, or than the clusters of rows where these are fewer;
        clusters of unequal weights count as fewer.
    shared_variance : float
        The part of the squared scale that comes from the rows, which more replicates do not lower.
    n_clusters : int
        Number of distinct test rows, or of groups of them.
    reach : float, default=1.0
        How far the score of a row can differ. Without any spread, the mean lies within
        ``reach * (1 - (1 - confidence)**(1 / n_clusters))`` of what was seen: that is how common a difference can
        be which none of so many rows showed.

    See Also
    --------
    clustered_t : Makes one.

    Examples
    --------
    >>> from sk_warmstart.statistics import ClusteredPosterior
    >>> alike = ClusteredPosterior(0.0, 0.0, 4, shared_variance=0.0, n_clusters=5)
    >>> low, high = alike.interval(0.95)
    >>> print(f"{low:.2f} to {high:.2f}")
    -0.45 to 0.45
    """

    shared_variance: float
    n_clusters: int
    reach: float = 1.0

    def _half_width(self, confidence: float) -> float:
        if self.scale != 0:
            return super()._half_width(confidence)
        return self.reach * (1 - (1 - confidence) ** (1 / self.n_clusters))

    def _below(self, bound: float) -> float:
        if self.scale != 0:
            return super()._below(bound)
        if not self.reach > 0:
            return float("nan")
        tail = 0.5 * max(0.0, 1 - abs(bound - self.mean) / self.reach) ** self.n_clusters
        return tail if bound < self.mean else 1 - tail


def clustered_t(
    differences: ArrayLike,
    weights: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    inflation: float | None = None,
    reach: float = 1.0,
) -> ClusteredPosterior:
    """Return the posterior of a mean difference from its parts by replicate and test row.

    Replicates that test on the same rows are no independent evidence of other rows, and runs of one replicate
    share their seeds. The variance is clustered both ways [1]_: with ``u`` the weighted residuals by the number of
    replicates, and V the sum over rows, over replicates or over both of the squared sums of ``u``,

        ``max((1 + 1/(2 m)) V_reps, inflation * (V_rows - V_both)+ + (V_reps - V_both)+ + V_both)``

    for rows that test in m replicates each, on average: rows that test once, as in folds, do not show what they
    have in common with the rows that replicates share for training.

    It needs no ratio of test to training rows [2]_, and holds for fixed splits, too, whose rows replicates alone
    say nothing about.

    Parameters
    ----------
    differences : array-like of shape (n_replicates, n_rows)
        For each replicate and test row the sum of weight times difference over all that the replicate ran
        (phases, streams).
    weights : array-like of shape (n_replicates, n_rows), default=None
        Sums of those weights, which are 1 in all for each replicate, and 0 where a row did not test. By default
        all rows of a replicate count alike.
    clusters : array-like of shape (n_rows,), default=None
        Label of the group of each row, where rows of one group are no independent evidence. Each row by itself by
        default.
    inflation : float, default=None
        How much the rows count: training rows, which replicates share as well, may have as much in common as test
        rows. By default 2, and 3 with clusters, of which training sets share more.
    reach : float, default=1.0
        How far the score of a row can differ: 1 for scores within 0 and 1. For the case that no row differs.

    Returns
    -------
    ClusteredPosterior
        Student's t, with as many degrees of freedom as replicates less one, or as clusters less one where these
        are fewer. Clusters of unequal weights p count as ``1 / sum(p**2)``.

    Raises
    ------
    ValueError
        If shapes differ, weights are not numbers, or a replicate's do not sum to 1.

    References
    ----------
    .. [1] Cameron, Gelbach and Miller, "Robust Inference With Multiway Clustering", Journal of Business & Economic
       Statistics 29, 2011.
    .. [2] Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52, 2003.

    Examples
    --------
    Three replicates on the same six rows; in two of the rows the new arm is right where the old one is not:

    >>> import numpy as np
    >>> from sk_warmstart.statistics import clustered_t
    >>> gains = np.array([[1, 0, 0, 0, 0, 0], [1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, 0]])
    >>> posterior = clustered_t(gains / 6)
    >>> low, high = posterior.interval(0.95)
    >>> print(f"{posterior.mean:.3f} [{low:.3f}, {high:.3f}]")
    0.222 [-0.688, 1.132]
    """
    d = np.asarray(differences, dtype=float)
    if d.ndim != 2:
        raise ValueError(f"differences must have the shape (n_replicates, n_rows), got {d.shape}")
    w = np.full(d.shape, 1 / max(1, d.shape[1])) if weights is None else np.asarray(weights, dtype=float)
    if w.shape != d.shape:
        raise ValueError(f"weights must have the shape of differences, {d.shape}, got {w.shape}")
    if not np.allclose(w.sum(axis=1), 1):
        raise ValueError("weights must be numbers that sum to 1 in each replicate")
    labels = np.arange(d.shape[1]) if clusters is None else np.asarray(clusters)
    if labels.shape != d.shape[1:]:
        raise ValueError(
            f"clusters must have one label for each of the {d.shape[1]} rows, got shape {labels.shape}"
        )
    codes = np.unique(labels, return_inverse=True)[1].ravel()
    replicate, row = np.nonzero(w)
    d, w = d[replicate, row], w[replicate, row]
    n = len(w) and int(replicate.max()) + 1
    mean = float(d.sum() / n) if n else float("nan")
    size = float(np.abs(d / w).max(initial=0.0))
    if inflation is None:
        inflation = INFLATION if clusters is None else GROUP_INFLATION
    return posterior_of(
        mean, (d - mean * w) / max(n, 1), w, replicate, codes[row], n, inflation=inflation, reach=reach, size=size
    )


def posterior_of(
    mean: float,
    residuals: NDArray[np.float64],
    weights: NDArray[np.float64],
    replicate: NDArray[np.int64],
    cluster: NDArray[np.int64],
    n_replicates: int,
    *,
    inflation: float = INFLATION,
    reach: float = 1.0,
    floor: float = 0.0,
    size: float = 1.0,
) -> ClusteredPosterior:
    """Return the posterior from weighted residuals, each of a replicate and a cluster, both counted from 0.

    ``floor`` is how far a row differs where it does: the mean is as uncertain as one row at least. ``size`` is the
    largest size of what was subtracted, by which rounding is told from a difference.
    """
    rounding = ROUNDING * max(1.0, size)
    if abs(mean) <= rounding:
        mean = 0.0
    used = np.bincount(cluster) > 0
    n_clusters = int(used.sum())
    if min(n_replicates, n_clusters) < 2 or not np.isfinite(mean):
        nan = float("nan")
        return ClusteredPosterior(mean, nan, 0, nan, n_clusters, reach)
    share = np.bincount(cluster, weights=weights)
    df = max(_LEAST_DF, min(float(n_replicates), float(share.sum() ** 2 / (share @ share))) - 1)
    by_row = _squared_sums(cluster, residuals, len(used)) * n_clusters / (n_clusters - 1)
    by_replicate = _squared_sums(replicate, residuals, n_replicates) * n_replicates / (n_replicates - 1)
    both = _squared_sums(replicate * len(used) + cluster, residuals, n_replicates * len(used))
    shared = inflation * max(by_row - both, 0.0)
    tests = np.count_nonzero(np.bincount(replicate * len(used) + cluster)) / n_clusters
    variance = max((1 + _ONCE / tests) * by_replicate, shared + max(by_replicate - both, 0.0) + both)
    scale = float(np.sqrt(variance))
    if scale <= rounding:
        return ClusteredPosterior(mean, 0.0, df, 0.0, n_clusters, reach)
    # One row that differs in one replicate must not say much more than none that does.
    return ClusteredPosterior(mean, max(scale, floor / n_clusters), df, shared, n_clusters, reach)


def phase_interaction(contrasts: Sequence[Posterior]) -> float:
    """Return the p-value of "the gain is the same in all phases".

    Parameters
    ----------
    contrasts : sequence of Posterior
        For each phase, that of the phase's gain less the mean over phases. Of two phases they say the same, and
        one of them counts.

    Returns
    -------
    float
        The smallest p-value of a contrast, after Holm's adjustment; 1 with fewer than two phases, NaN where there
        are too few replicates.

    See Also
    --------
    holm : The adjustment.

    Examples
    --------
    >>> from sk_warmstart.statistics import Posterior, phase_interaction
    >>> round(phase_interaction([Posterior(0.04, 0.01, 9), Posterior(0.0, 0.01, 9), Posterior(-0.04, 0.01, 9)]), 4)
    0.0093
    """
    if len(contrasts) < 2:
        return 1.0
    p_values = [posterior.p_value for posterior in contrasts[: 1 if len(contrasts) == 2 else None]]
    adjusted = holm(p_values)
    return float("nan") if np.isnan(adjusted).all() else float(np.nanmin(adjusted))


def _squared_sums(codes: NDArray[np.int64], values: NDArray[np.float64], n: int) -> float:
    """Add up the squared sums of the values of each code; the codes are below n."""
    if n > _DENSE_CELLS:
        codes = np.unique(codes, return_inverse=True)[1].ravel()
    sums = np.bincount(codes, weights=values)
    return float(sums @ sums)
