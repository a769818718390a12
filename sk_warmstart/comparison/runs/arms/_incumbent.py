"""The incumbent: the model in use, as an arm that is not trained."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ....estimators import WarmStartMixin, known_share
from ....state import Checkpoint, LeakageWarning
from ..._rows import count, take
from .._estimators import last_step

_A_FEW = 50


def resolve_incumbent(incumbent: Any, estimator: Any, X: Any, y: Any) -> Any:
    """Turn an estimator, a checkpoint, its path or None into a fitted estimator of the user's rows, or None.

    A checkpoint is loaded into a copy of the estimator. A LeakageWarning says that it was trained on some rows.
    """
    if incumbent is None:
        return None
    loaded = isinstance(incumbent, str | os.PathLike | Checkpoint)
    if loaded:
        incumbent = _load(incumbent, estimator, X, y)
    if isinstance(incumbent, type) or not hasattr(incumbent, "predict"):
        kind = "a class" if isinstance(incumbent, type) else type(incumbent).__name__
        raise ValueError(f"incumbent must be a fitted estimator or a checkpoint; {kind} does not predict")
    check_is_fitted(incumbent)
    _warn_of_leakage(incumbent, X, own=not loaded)
    return incumbent


def _load(checkpoint: Any, estimator: Any, X: Any, y: Any) -> Any:
    net = last_step(estimator)
    if isinstance(estimator, Pipeline) and len(estimator) > 1:
        raise ValueError(
            "a checkpoint knows nothing of the steps in front of the network: pass a fitted Pipeline as incumbent"
        )
    if not isinstance(net, WarmStartMixin):
        raise ValueError(
            f"a checkpoint is for a WarmStartClassifier or WarmStartRegressor, not for {type(net).__name__}"
        )
    some = np.arange(min(_A_FEW, count(X)))
    net = clone(net).set_params(
        warm_start_from=checkpoint, init_policy="warm", early_stopping=False, callbacks=None, max_epochs=0
    )
    net.fit(take(X, some), take(y, some))  # no epochs: its predictions stay
    if net.start_.loaded is not None:
        raise ValueError("incumbent must be a whole network; the file holds weights of another module")
    return net


def _warn_of_leakage(incumbent: Any, X: Any, own: bool) -> None:
    net = last_step(incumbent)
    if not isinstance(net, WarmStartMixin):
        return
    if isinstance(incumbent, Pipeline) and len(incumbent) > 1:
        try:
            X = incumbent[:-1].transform(X)
        except (TypeError, ValueError) as error:
            raise ValueError(f"the incumbent does not take these rows: {error}") from error
    share = known_share(net, X, own)
    if share:
        warnings.warn(
            f"the incumbent was trained on {share:.0%} of the rows, which flatter it: compare on later rows",
            LeakageWarning,
            stacklevel=4,
        )
