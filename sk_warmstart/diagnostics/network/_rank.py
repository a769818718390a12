"""Effective rank and srank of features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..._parameters import check_number
from .._inputs import as_table
from .._measuring import Rows


def effective_rank(features: Rows) -> float:
    """Return the effective rank: exp of the entropy of the normalised singular values.

    Parameters
    ----------
    features : Tensor or ndarray of shape (n_samples, n_features)
        Features of a probe batch, not centred. The rank is at most the smaller side, so have at least as many
        rows as features and compare at equal numbers of rows.

    Returns
    -------
    float
        Between 1 and ``min(n_samples, n_features)``; 0 where all features are zero.

    Raises
    ------
    ValueError
        If features is not a table of finite numbers.

    References
    ----------
    .. [1] Roy and Vetterli, "The effective rank: a measure of effective dimensionality", EUSIPCO 2007,
       definition 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_warmstart.diagnostics import effective_rank
    >>> round(effective_rank(np.eye(3)), 6)
    3.0
    """
    values = _singular_values(features)
    if not len(values):
        return 0.0
    shares = values / values.sum()
    return float(np.exp(-np.sum(shares * np.log(shares))))


def srank(features: Rows, delta: float = 0.01) -> int:
    """Return how many singular values make up a share ``1 - delta`` of their sum.

    Work on plasticity calls it the stable rank; it is not the stable rank of numerical analysis, which divides
    the squared Frobenius norm by the squared spectral norm.

    Parameters
    ----------
    features : Tensor or ndarray of shape (n_samples, n_features)
        Features of a probe batch, not centred; best at least as many rows as features.
    delta : float, default=0.01
        Share that may be missing, in [0, 1).

    Returns
    -------
    int
        Between 1 and ``min(n_samples, n_features)``; 0 where all features are zero.

    Raises
    ------
    ValueError
        If features is not a table of finite numbers, or ``delta`` is out of its range.

    References
    ----------
    .. [1] Kumar et al., "Implicit Under-Parameterization Inhibits Data-Efficient Deep Reinforcement Learning",
       ICLR 2021, arXiv:2010.14498, definition 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_warmstart.diagnostics import srank
    >>> srank(np.diag([90.0, 9.5, 0.5]))
    2
    """
    check_number("delta", delta, 0, 1, exclude="high")
    sums = np.cumsum(_singular_values(features))
    # Counting the sums below the mark, the last left out, stands rounding at delta=0.
    return int(np.sum(sums[:-1] < (1 - delta) * sums[-1])) + 1 if len(sums) else 0


def _singular_values(features: Rows) -> NDArray[np.float64]:
    """Those that are not zero to rounding, largest first."""
    table = as_table(features, "features")
    values = np.linalg.svd(table, compute_uv=False)
    return values[values > values[0] * max(table.shape) * np.finfo(np.float64).eps]
