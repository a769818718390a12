"""Validation rows of the user's own that a Pipeline hands on as they are."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from .._protocol import WarmStartNet
from ._parts import RowParts, are_parts
from ._pipeline_names import steps_before

_MOST_ROWS = 1000
_FAR = 1.0  # mean distance of the columns, in deviations, from which rows are not like those of X


def as_inside_pipeline(net: WarmStartNet, X_val: Any, X: Any) -> Any:
    """Return validation rows as the last step of a Pipeline sees rows.

    A Pipeline transforms X, and X_val only if its ``transform_input`` says so. Rows that are as X was before the
    steps are passed through them; rows that are as X is now were transformed by the user.
    """
    steps = steps_before(net, "X_val")
    if steps is None:
        return X_val
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is a try
            passed = steps.transform(X_val)
    except Exception:  # whatever a step says of rows that are not those it knows
        return X_val
    if isinstance(X, RowParts):  # what a step makes of texts is no text
        return X_val if are_parts(X_val) else passed
    given, after, now = _table(X_val), _table(passed), _table(X)
    if after is None or now is None or after.shape[1] != now.shape[1]:
        return X_val
    if given is None or given.shape[1] != now.shape[1]:
        return passed
    far = _distance(given, now)
    return passed if far > _FAR and _distance(after, now) < far / 2 else X_val


def _distance(rows: NDArray, others: NDArray) -> float:
    """How far means and spreads of the columns lie apart, on average, in the deviations of the second table."""
    spread = others.std(0)
    used = spread > 0
    if not used.any():
        return 0.0
    apart = np.abs(rows.mean(0) - others.mean(0))[used] / spread[used]
    if len(rows) > 4:
        ratio = np.maximum(rows.std(0)[used], 1e-12 * spread[used]) / spread[used]
        apart = apart + np.abs(np.log(ratio))
    return float(np.minimum(apart, 10.0).mean())


def _table(X: Any) -> NDArray | None:
    """A sample of the rows as numbers; None where they are none, or not finite."""
    n = X.shape[0] if hasattr(X, "shape") else len(X)
    step = max(1, -(-n // _MOST_ROWS))
    try:
        rows = X.tocsr()[::step].toarray() if issparse(X) else np.asarray(X)[::step]
        table = rows.astype(np.float64)
    except (TypeError, ValueError):
        return None
    return table if table.ndim == 2 and len(table) and np.isfinite(table).all() else None
