"""Pseudo-values: what each row adds to a score that is no mean over rows.

Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 7, 1979: with the score of all n
rows and the scores without row i, the value of row i is n score - (n - 1) score_without_i. Of a mean these are the
rows' own values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Weights = NDArray[np.float64] | None


class LeaveOneOut(NamedTuple):
    """A score, and what it is without each row; NaN where it is not defined without one."""

    score: float
    without: Floats


def pseudo_values(score: float, without: ArrayLike, sizes: ArrayLike | float = 1.0) -> Floats:
    """Return pseudo-values from the scores without each part, shifted so that their mean over rows is the score.

    Parts have ``sizes`` rows; a part without which the score is not defined has no influence.
    """
    left = np.asarray(without, dtype=np.float64)
    many = np.broadcast_to(np.asarray(sizes, dtype=np.float64), left.shape)
    total = float(many.sum())
    values = score + (total / many - 1.0) * (score - left)
    values[~np.isfinite(values)] = score
    return values + (score - np.average(values, weights=many))


def mean_values(score: float, losses: ArrayLike, weights: Weights = None) -> Floats:
    """Return what rows add to their weighted mean; without weights their own values, shifted to the score."""
    each = np.asarray(losses, dtype=np.float64)
    if weights is None:
        return each + (score - each.mean())
    influence = len(each) * weights / weights.sum() * (each - np.average(each, weights=weights))
    return score + influence - influence.mean()


def block_values(score: float, blocks: ArrayLike, score_of: Callable[[NDArray[np.intp]], float]) -> Floats | None:
    """Return pseudo-values by leaving out a block at a time; the rows of a block have one value.

    ``score_of`` scores the rows at some places; where it fails without a block, the block has no influence. None
    where it fails without any block, or there is one only.
    """
    _, codes, sizes = np.unique(np.asarray(blocks), return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        return None
    without = np.array([_score_or_nan(score_of, np.flatnonzero(codes != block)) for block in range(len(sizes))])
    if not np.isfinite(without).any():
        return None
    return pseudo_values(score, without, sizes)[codes]


def _score_or_nan(score_of: Callable[[NDArray[np.intp]], float], places: NDArray[np.intp]) -> float:
    try:
        return float(score_of(places))
    except Exception:  # the user's function need not take fewer rows, such as those without a class
        return float("nan")


def _columns(values: ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    return array.reshape(len(array), -1)


def _ones(weights: Weights, n: int) -> Floats:
    return (np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64))[:, None]


def _over_outputs(scores: Floats, without: Floats) -> LeaveOneOut:
    return LeaveOneOut(float(scores.mean()), without.mean(axis=1))


def r2_without(y: ArrayLike, predicted: ArrayLike, weights: Weights = None) -> LeaveOneOut:
    """Leave rows out of R2, the mean over outputs: both sums of squares change in closed form."""
    true, error = _columns(y), _columns(y) - _columns(predicted)
    w = _ones(weights, len(true))
    residual = w * error**2
    return _one_less_ratio(residual.sum(axis=0), residual.sum(axis=0) - residual, *_scatter(true, w))


def explained_variance_without(y: ArrayLike, predicted: ArrayLike, weights: Weights = None) -> LeaveOneOut:
    """Leave rows out of the explained variance, the mean over outputs."""
    true = _columns(y)
    w = _ones(weights, len(true))
    return _one_less_ratio(*_scatter(true - _columns(predicted), w), *_scatter(true, w))


def rmse_without(y: ArrayLike, predicted: ArrayLike, weights: Weights = None) -> LeaveOneOut:
    """Leave rows out of the root mean squared error, the mean over outputs."""
    w = _ones(weights, len(_columns(y)))
    squares, total = w * (_columns(y) - _columns(predicted)) ** 2, w.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        without = np.maximum(squares.sum(axis=0) - squares, 0.0) / (total - w)
    return _over_outputs(np.sqrt(squares.sum(axis=0) / total), np.sqrt(without))


def _scatter(values: Floats, w: Floats) -> tuple[Floats, Floats]:
    """Weighted squares around the weighted mean, of all rows and without each."""
    total = w.sum()
    squares = w * (values - (w * values).sum(axis=0) / total) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        left = squares.sum(axis=0) - total / (total - w) * squares
    return squares.sum(axis=0), left


def _one_less_ratio(above: Floats, above_left: Floats, below: Floats, below_left: Floats) -> LeaveOneOut:
    with np.errstate(divide="ignore", invalid="ignore"):
        floor = 1e-12 * below  # all but one target are equal: not defined without that one
        without = np.where(below_left > floor, 1 - above_left / below_left, np.nan)
        return _over_outputs(1 - above / below, without)


def auc_without(positive: ArrayLike, scores: ArrayLike, weights: Weights = None) -> LeaveOneOut:
    """Leave rows out of the area under the ROC curve, by their placements among the other class.

    DeLong, DeLong and Clarke-Pearson, "Comparing the Areas under Two or More Correlated Receiver Operating
    Characteristic Curves: a Nonparametric Approach", Biometrics 44, 1988.
    """
    is_positive, s = np.asarray(positive, dtype=bool), np.asarray(scores, dtype=np.float64)
    w = np.ones(len(s)) if weights is None else np.asarray(weights, dtype=np.float64)
    own, other = w[is_positive], w[~is_positive]
    placement = np.empty(len(s))
    placement[is_positive] = _share_below(s[is_positive], s[~is_positive], other)
    placement[~is_positive] = 1 - _share_below(s[~is_positive], s[is_positive], own)
    area = float(np.average(placement[is_positive], weights=own))
    mine = np.where(is_positive, own.sum(), other.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        without = np.where(mine - w > 1e-12 * mine, (mine * area - w * placement) / (mine - w), np.nan)
    return LeaveOneOut(area, without)


def _share_below(values: Floats, others: Floats, weights: Floats) -> Floats:
    """Weighted share of others below each value, ties by half."""
    order = np.argsort(others, kind="stable")
    sums, ordered = np.concatenate([[0.0], np.cumsum(weights[order])]), others[order]
    below, upto = (sums[np.searchsorted(ordered, values, side=side)] for side in ("left", "right"))
    return (below + upto) / (2 * sums[-1])


def average_precision_without(positive: ArrayLike, scores: ArrayLike) -> LeaveOneOut:
    """Leave rows out of the average precision: a row changes the precision at thresholds down from its own."""
    is_positive, s = np.asarray(positive, dtype=bool), np.asarray(scores, dtype=np.float64)
    _, level = np.unique(-s, return_inverse=True)  # 0 is the highest score
    hits = np.bincount(level, weights=is_positive)
    found, ahead = np.cumsum(hits), np.cumsum(np.bincount(level))
    n_positive = found[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = hits * found / ahead
        # Summed over the levels below a row's own, without a positive or a negative row.
        less_positive = np.where(ahead > 1, hits * (found - 1) / (ahead - 1), 0.0)
        less_negative = np.where(ahead > 1, hits * found / (ahead - 1), 0.0)
        above = np.concatenate([[0.0], np.cumsum(plain)[:-1]])
        from_here = np.cumsum(less_negative[::-1])[::-1]
        after = np.cumsum(less_positive[::-1])[::-1] - less_positive
        own = np.where(ahead > 1, (hits - 1) * (found - 1) / (ahead - 1), 0.0)
        without = np.where(
            is_positive,
            (above + own + after)[level] / (n_positive - 1),
            (above + from_here)[level] / n_positive,
        )
    without[~np.isfinite(without)] = np.nan
    return LeaveOneOut(float(plain.sum() / n_positive), without)


def log_losses(codes: ArrayLike, probabilities: ArrayLike) -> Floats:
    """Return the log-loss of each row, from the columns of the true classes; a vector is of the second class."""
    p = _of_classes(probabilities)
    edge = np.finfo(np.asarray(probabilities).dtype).eps
    p = np.clip(p, edge, 1 - edge)
    return -np.log(p[np.arange(len(p)), np.asarray(codes)])


def brier_losses(codes: ArrayLike, probabilities: ArrayLike) -> Floats:
    """Return half the squared distance of each row's probabilities from its class; of two classes (y - p)**2."""
    p = _of_classes(probabilities)
    truth = np.eye(p.shape[1])[np.asarray(codes)]
    return ((p - truth) ** 2).sum(axis=1) / 2


def _of_classes(probabilities: ArrayLike) -> Floats:
    p = np.asarray(probabilities, dtype=np.float64)
    return np.column_stack([1 - p, p]) if p.ndim == 1 else p


def label_counts_without(
    truth: ArrayLike, predicted: ArrayLike, score_of: Callable[[NDArray[Any], NDArray[Any]], float], most: int
) -> LeaveOneOut | None:
    """Leave rows out of any function of true and predicted labels; equal pairs of labels have equal scores.

    It is called once for each distinct pair; None where there are more than ``most``.
    """
    true, guess = np.asarray(truth), np.asarray(predicted)
    _, first = np.unique(true, return_inverse=True)
    _, second = np.unique(guess, return_inverse=True)
    _, where, pair = np.unique(first * (second.max() + 1) + second, return_index=True, return_inverse=True)
    if len(where) > most or len(true) < 2:
        return None
    without = np.array(
        [_score_or_nan(lambda kept: score_of(true[kept], guess[kept]), _all_but(i, len(true))) for i in where]
    )
    return LeaveOneOut(float(score_of(true, guess)), without[pair])


def _all_but(place: int, n: int) -> NDArray[np.intp]:
    return np.delete(np.arange(n), place)


def confusion_without(
    truth: NDArray[np.intp], predicted: NDArray[np.intp], score_of: Callable[[Floats], Floats]
) -> LeaveOneOut:
    """Leave rows out of a function of confusion matrices (true by predicted), which takes a stack of them.

    Labels are codes from 0; equal pairs have equal scores.
    """
    n_classes = int(max(truth.max(), predicted.max())) + 1
    cells, pair = np.unique(truth * n_classes + predicted, return_inverse=True)
    counts = np.bincount(truth * n_classes + predicted, minlength=n_classes**2).astype(np.float64)
    stack = np.repeat(counts[None], len(cells) + 1, axis=0)
    stack[np.arange(1, len(cells) + 1), cells] -= 1
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = np.asarray(score_of(stack.reshape(-1, n_classes, n_classes)), dtype=np.float64)
    return LeaveOneOut(float(scores[0]), scores[1:][pair])
