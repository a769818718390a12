"""Copies of fitted estimators, as a comparison makes them."""

from __future__ import annotations

import copy
from typing import Any


def copied(estimator: Any) -> Any:
    """Copy an estimator with what it has learned; scikit-learn's callbacks are shared, as clones share them.

    Parameters
    ----------
    estimator : estimator
        Perhaps a pipeline.

    Returns
    -------
    estimator
        The copy.
    """
    parts = [estimator, *estimator.get_params(deep=True).values()]
    callbacks = [each for part in parts for each in getattr(part, "_skl_callbacks", ())]
    return copy.deepcopy(estimator, {id(callback): callback for callback in callbacks})
