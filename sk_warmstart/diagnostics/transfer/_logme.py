"""LogME: evidence of a target given features."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from .._inputs import as_class_codes, as_table, as_targets, classifies
from .._measuring import Rows

_GRID = np.linspace(-12, 12, 97) * math.log(10)


def logme(features: Rows, y: Any, *, task: str = "auto") -> float:
    r"""Compute LogME: the logarithm of the maximum evidence of a target given features, per row.

    Bayesian linear regression :math:`y \sim N(Fw, \beta^{-1})`, :math:`w \sim N(0, \alpha^{-1} I)`, with the
    :math:`\alpha` and :math:`\beta` that make y most likely; classes are regressed one against the rest and
    averaged. There is no intercept: add a column of ones, or centre targets, where one is wanted. Higher is
    better; only scores of the same targets compare.

    The published iteration is stopped early. Here the maximum itself is found: for a given ratio
    :math:`\alpha / \beta` the best :math:`\beta` is known, so there is one number to search.

    Parameters
    ----------
    features : Tensor or ndarray of shape (n_samples, n_features)
        What the network in question gives to its head, at least 2 rows.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Labels, or numbers to regress on.
    task : {"auto", "classification", "regression"}, default="auto"
        What y holds; ``"auto"`` takes floating numbers as regression targets, anything else as labels.

    Returns
    -------
    float
        Mean over classes (or targets) of the log evidence divided by the number of rows. It is capped where
        features explain a target without a rest (at a ratio of 1e-12 of the largest squared singular value).

    Raises
    ------
    ValueError
        If features are not a table of finite numbers, y does not match or has a single class or value.

    References
    ----------
    .. [1] You et al., "LogME: Practical Assessment of Pre-trained Models for Transfer Learning", ICML 2021,
       arXiv:2102.11005, equation 2 and algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_warmstart.diagnostics import logme
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(2, size=100)
    >>> useful, useless = y[:, None] + 0.3 * rng.normal(size=(100, 4)), rng.normal(size=(100, 4))
    >>> logme(useful, y) > logme(useless, y)
    True
    """
    table = as_table(features, "features", min_rows=2)
    if classifies(task, y):
        codes = as_class_codes(y, "y", len(table))
        targets = np.eye(codes.max() + 1)[codes]
    else:
        targets = as_targets(y, "y", len(table))
    left, values, _ = np.linalg.svd(table, full_matrices=False)
    kept = values > values[0] * max(table.shape) * np.finfo(np.float64).eps
    left, squares = left[:, kept], values[kept] ** 2
    inside = left.T @ targets
    outside = np.sum((targets - left @ inside) ** 2, axis=0)
    found = [_evidence(len(table), squares, z**2, float(rest)) for z, rest in zip(inside.T, outside, strict=True)]
    return float(np.mean(found)) / len(table) - 0.5 * (1 + math.log(2 * math.pi / len(table)))


def _evidence(n: int, squares: NDArray, inside: NDArray, outside: float) -> float:
    """Return the largest log evidence of n rows over both precisions, without its constant terms."""
    # inside: the squared target along each singular direction; outside: what of it lies along none.

    def at(log_ratio: float) -> float:
        ratio = math.exp(log_ratio)
        shrunk = ratio / (squares + ratio)
        rest = outside + float(np.sum(inside * shrunk))  # |y - Fm|^2 + ratio |m|^2
        return 0.5 * float(np.sum(np.log(shrunk))) - 0.5 * n * math.log(rest)

    if not len(squares):
        return at(0.0)
    logs = _GRID + math.log(squares[0])
    best = int(np.argmax([at(x) for x in logs]))
    ends = (logs[max(best - 1, 0)], logs[min(best + 1, len(logs) - 1)])
    search = minimize_scalar(lambda x: -at(x), bounds=ends, method="bounded", options={"xatol": 1e-10})
    return max(-float(search.fun), at(logs[best]))
