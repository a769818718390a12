"""The incumbent: the model in use, as an arm that is not trained."""

from __future__ import annotations

import os
from typing import Any

from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ....estimators import WarmStartMixin
from ....state import Checkpoint
from .._estimators import last_step


def resolve_incumbent(incumbent: Any, estimator: Any) -> Any:
    """Turn an estimator, a checkpoint, its path or None into a fitted estimator of the user's rows, or None.

    A checkpoint is loaded into a copy of the estimator.
    """
    if incumbent is None:
        return None
    if isinstance(incumbent, str | os.PathLike | Checkpoint):
        incumbent = _load(incumbent, estimator)
    if isinstance(incumbent, type) or not hasattr(incumbent, "predict"):
        kind = "a class" if isinstance(incumbent, type) else type(incumbent).__name__
        raise ValueError(f"incumbent must be a fitted estimator or a checkpoint; {kind} does not predict")
    check_is_fitted(incumbent)
    return incumbent


def _load(checkpoint: Any, estimator: Any) -> Any:
    net = last_step(estimator)
    if isinstance(estimator, Pipeline) and len(estimator) > 1:
        raise ValueError(
            "a checkpoint knows nothing of the steps in front of the network: pass a fitted Pipeline as incumbent"
        )
    if not isinstance(net, WarmStartMixin):
        raise ValueError(
            f"a checkpoint is for a WarmStartClassifier or WarmStartRegressor, not for {type(net).__name__}"
        )
    loaded = checkpoint if isinstance(checkpoint, Checkpoint) else Checkpoint.load(checkpoint)
    return loaded.to_estimator(clone(net).set_params(callbacks=None))
