"""Population stability index of columns."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import chi2

from ..._parameters import check_number
from ...state import FeatureSummary
from .._inputs import as_table
from .._measuring import Rows
from ._mixed import counts_of, in_pandas

_LEAST = 10  # rows that ten bins are worth filling with


class PopulationStability(NamedTuple):
    """The population stability index of each column, and what it would be without drift.

    Parameters
    ----------
    value : ndarray of shape (n_features,), or Series
        The index, by the names of the columns where data frames were compared; NaN where nothing is counted of a
        column.
    expected : ndarray of shape (n_features,), or Series
        Its mean where nothing has drifted.
    threshold : ndarray of shape (n_features,), or Series
        What it exceeds with probability ``alpha`` where nothing has drifted.
    p_value : ndarray of shape (n_features,), or Series
        Probability of an index at least as large where nothing has drifted.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_warmstart.diagnostics import population_stability
    >>> rows = np.arange(100.0)[:, None]
    >>> found = population_stability(rows, rows)
    >>> found.value.tolist(), found.expected.round(6).tolist()
    ([0.0], [0.18])
    """

    value: Any
    expected: Any
    threshold: Any
    p_value: Any


def population_stability(
    reference: Rows | FeatureSummary, new: Rows | FeatureSummary, *, alpha: float = 0.05
) -> PopulationStability:
    r"""Compute the population stability index of each column, with its null distribution.

    With shares P of the reference and Q of the new rows in the ten decile bins of the reference, the index is
    :math:`\sum_b (P_b - Q_b) \ln(P_b / Q_b)`. Without drift, of N and M rows and B bins in use, it is distributed
    about as :math:`(1/N + 1/M) \chi^2_{B-1}`: the customary limits 0.1 and 0.25 alarm too often on few rows and
    too seldom on many. A bin that is empty in one sample counts half a row there; one that is empty in both is
    not in use, as with columns of few values.

    Of two data frames the columns may hold words too, whose bins are the nine most frequent ones of the reference
    and all others together, and values may be missing, which is a bin of its own.

    Parameters
    ----------
    reference : FeatureSummary, DataFrame, or Tensor, ndarray or sparse matrix of shape (n_samples, n_features)
        The rows that a network was trained on, or what its state remembers of them.
    new : DataFrame, Tensor, ndarray or sparse matrix of shape (n_samples, n_features), or FeatureSummary
        The new rows; or a summary of them in the same bins. Of more than 10,000 rows a sample evenly spaced
        counts, as in :class:`~sk_warmstart.state.FeatureSummary`.
    alpha : float, default=0.05
        False alarms that the threshold allows per column, in (0, 1). Over many columns divide it by their number.

    Returns
    -------
    PopulationStability
        Arrays with an entry per column: the index, its expectation, threshold and p-value without drift. Of data
        frames Series, so that ``pd.DataFrame(found._asdict())`` is a report of the drift. The distribution is
        rough below 50 rows, where bins hold fewer than five.

    Raises
    ------
    ValueError
        If rows are not a table of finite numbers (or two data frames with the same columns), a sample has fewer
        than 10 rows, columns or bins do not match, or ``alpha`` is out of its range.

    References
    ----------
    .. [1] Yurdakul, "Statistical Properties of Population Stability Index", dissertation, Western Michigan
       University, 2018.
    .. [2] Potgieter et al., arXiv:2307.11878, on the fixed limits.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_warmstart.diagnostics import population_stability
    >>> from sk_warmstart.state import FeatureSummary
    >>> rng = np.random.default_rng(0)
    >>> remembered = FeatureSummary.from_rows(rng.normal(size=(500, 2)))
    >>> found = population_stability(remembered, rng.normal(loc=[0, 1], size=(200, 2)))
    >>> (found.value > found.threshold).tolist()
    [False, True]

    Tables as they are, with words and missing values:

    >>> import pandas as pd
    >>> old = pd.DataFrame({"age": np.arange(100.0), "city": ["Rome", "Oslo"] * 50})
    >>> new = old.assign(age=np.nan, city="Oslo")
    >>> found = population_stability(old, new)
    >>> pd.DataFrame(found._asdict()).query("value > threshold").index.tolist()
    ['age', 'city']
    """
    check_number("alpha", alpha, 0, 1, exclude="low high")
    names = None
    reference, new = in_pandas(reference), in_pandas(new)
    if isinstance(reference, pd.DataFrame) and isinstance(new, pd.DataFrame):
        names = reference.columns
        old, fresh = counts_of(reference, new)
    else:
        given = isinstance(reference, FeatureSummary)
        known = reference if given else FeatureSummary.from_rows(_rows(reference, "reference"))
        old, fresh = known.bins, _counts(known, new)
    n, m = old.sum(axis=1), fresh.sum(axis=1)
    counted = (n > 0) & (m > 0)  # columns that align to nothing have no counts
    for name, rows in (("reference", n), ("new", m)):
        if (rows[counted] < _LEAST).any():
            raise ValueError(f"{name} must have at least {_LEAST} rows, got {rows[counted].min():g}")
    used = (old + fresh > 0) & counted[:, None]
    p, q = (
        np.where(used, np.maximum(counts, 0.5) / np.where(counted, rows, 1)[:, None], 1.0)
        for counts, rows in ((old, n), (fresh, m))
    )
    value = np.where(counted, np.sum((p - q) * np.log(p / q), axis=1), np.nan)
    factor = np.divide(1, n, out=np.full(len(n), np.nan), where=counted)
    factor += np.divide(1, m, out=np.full(len(n), np.nan), where=counted)
    freedom = np.maximum(used.sum(axis=1) - 1, 0)
    # A column of one value cannot drift within one bin: the distribution is a point at zero.
    fixed = counted & (freedom == 0)
    degrees = np.maximum(freedom, 1)
    threshold = np.where(fixed, 0.0, factor * chi2.isf(alpha, degrees))
    p_value = np.where(fixed, 1.0, chi2.sf(value / factor, degrees))
    found = (value, factor * freedom, threshold, p_value)
    return PopulationStability(*(found if names is None else (pd.Series(each, names) for each in found)))


def _counts(known: FeatureSummary, new: Rows | FeatureSummary) -> NDArray[np.float64]:
    """Count new rows in each bin of a summary."""
    if isinstance(new, FeatureSummary):
        if not np.array_equal(new.edges, known.edges, equal_nan=True):
            raise ValueError("new has other bins than reference: pass its rows instead of a summary")
        return new.bins
    rows = _rows(new, "new")
    if rows.shape[1] != len(known.edges):
        raise ValueError(f"new has {rows.shape[1]} columns, reference has {len(known.edges)}: give the same ones")
    return known.updated(rows).bins - known.bins


def _rows(values: Any, name: str) -> Any:
    """Return rows as finite numbers; sparse ones stay sparse."""
    if not sparse.issparse(values):
        return as_table(values, name, _LEAST)
    if values.shape[0] < _LEAST:
        raise ValueError(f"{name} must have at least {_LEAST} rows, got {values.shape[0]}")
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold numbers, got dtype {values.dtype}")
    if not np.isfinite(values.tocsr().data).all():
        raise ValueError(f"{name} contains NaN or infinity: impute or drop these rows first")
    return values
