"""Two-sample test by the maximum mean discrepancy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial.distance import pdist, squareform

from ..._parameters import check_integer, check_number
from ..._warning import warn_renamed
from .._inputs import as_pair
from .._measuring import Rows
from .._rng import Rng, numpy_rng, rng_of_random_state
from ._mixed import aligned, in_pandas
from ._two_sample import TwoSample

_BLOCK = 1 << 22  # numbers of the permutations that are held at a time


def mmd(
    a: Rows,
    b: Rows,
    *,
    bandwidth: float | None = None,
    n_permutations: int = 500,
    rng: Rng = None,
    random_state: Any = "deprecated",
) -> TwoSample:
    r"""Test whether two samples differ, by the unbiased squared maximum mean discrepancy.

    The kernel is :math:`\exp(-\|x - x'\|^2 / (2\sigma^2))`. It goes by Euclidean distance, so bring columns of
    unequal units to one scale first. Memory grows with the square of the number of rows: 5,000 rows in all take
    about 400 MB.

    Parameters
    ----------
    a, b : DataFrame, Tensor or ndarray of shape (n_samples, n_features)
        The samples, at least 2 rows each and with the same columns, those of two data frames by name.
    bandwidth : float or None, default=None
        The kernel's sigma, above 0. None takes the median distance between two rows of both samples together,
        equal rows left out.
    n_permutations : int, default=500
        Random assignments of the rows to the samples that the p-value is counted on.
    rng : int, Generator, RandomState, torch.Generator or None, default=None
        Draws them; a generator moves on. None draws the same ones at every call.
    random_state : int, RandomState or None
        Old name of ``rng``, whose None draws anew at every call.

        .. deprecated:: 0.2
            Use ``rng``.

    Returns
    -------
    TwoSample
        The squared discrepancy, which may be negative where the samples are alike, and its p-value: the share of
        the assignments, the given one included, that have at least this value.

    Raises
    ------
    ValueError
        If the samples are not tables of finite numbers with the same columns, too small, or a setting is out of
        its range.

    References
    ----------
    .. [1] Gretton et al., "A Kernel Two-Sample Test", JMLR 13, 2012, equation 3.
    .. [2] Phipson and Smyth, "Permutation P-values Should Never Be Zero", 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_warmstart.diagnostics import mmd
    >>> rng = np.random.default_rng(0)
    >>> old, new = rng.normal(size=(50, 2)), rng.normal(loc=2, size=(50, 2))
    >>> mmd(old, new).p_value < 0.01
    True
    """
    if not isinstance(random_state, str):
        warn_renamed("the parameter random_state of mmd", "rng")
        rng = rng_of_random_state(random_state)
    if bandwidth is not None:
        check_number("bandwidth", bandwidth, 0, exclude="low")
    check_integer("n_permutations", n_permutations)
    a, b = in_pandas(a), in_pandas(b)
    if isinstance(a, pd.DataFrame) and isinstance(b, pd.DataFrame):
        b = aligned(a, b, ("a", "b"))
    first, second = as_pair(a, b, min_rows=2)
    squares = pdist(np.concatenate([first, second]), "sqeuclidean")
    if bandwidth is None:
        apart = squares[squares > 0]
        bandwidth = float(np.sqrt(np.median(apart))) if len(apart) else 1.0
    kernel = squareform(np.exp(-squares / (2 * bandwidth**2)))  # its diagonal is zero: no row meets itself
    n, m = len(first), len(second)
    source = numpy_rng(rng)

    def discrepancy(mine: np.ndarray) -> np.ndarray:
        """For each column, which marks the rows of one sample by 1."""
        met = kernel @ mine
        within = np.sum(mine * met, axis=0)
        across = np.sum(met, axis=0) - within
        rest = kernel.sum() - within - 2 * across
        return within / (n * (n - 1)) + rest / (m * (m - 1)) - 2 * across / (n * m)

    given = np.zeros((n + m, 1))
    given[:n] = 1
    value = float(discrepancy(given)[0])
    larger, step = 0, max(1, _BLOCK // (n + m))
    for start in range(0, n_permutations, step):
        columns = [source.permutation(given[:, 0]) for _ in range(min(step, n_permutations - start))]
        larger += int(np.sum(discrepancy(np.stack(columns, axis=1)) >= value - 1e-12))  # equal to rounding
    return TwoSample(value, (1 + larger) / (1 + n_permutations))
