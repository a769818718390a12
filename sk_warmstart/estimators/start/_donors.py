"""Where the previous state comes from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from sklearn.model_selection._search import BaseSearchCV
from torch import nn

from ...state import Checkpoint, Donor, donor_of, layers_of


def find_donors(estimator: Any, brought: Sequence[Any] = ()) -> tuple[list[Donor], str | None]:
    """Return the donors that an estimator's next ``fit`` has.

    Parameters
    ----------
    estimator : WarmStartMixin
        The estimator: its own state comes first (``warm_start=True`` and fitted), then ``warm_start_from``.
    brought : sequence, default=()
        What its policy brings, as ``warm_start_from`` takes it.

    Returns
    -------
    donors : list of Donor
        The donor, and those that the policy brings; without a donor of its own, these alone.
    kind : {"self", "warm_start_from", "init_policy"} or None
        Where the first of them was found.

    Raises
    ------
    ValueError
        If ``warm_start_from`` is not fitted.
    CheckpointError
        If it is a path to what is no checkpoint.
    TypeError
        If it is nothing that holds a network.
    """
    more = [_donor_in(source, "each of the policy's sources") for source in brought]
    if estimator.warm_start and hasattr(estimator, "module_"):
        return [donor_of(estimator), *more], "self"
    if estimator.warm_start_from is not None:
        return [_donor_in(estimator.warm_start_from), *more], "warm_start_from"
    return more, "init_policy" if more else None


def _donor_in(source: Any, name: str = "warm_start_from") -> Donor:
    if isinstance(source, Checkpoint):
        return source.donor()
    if isinstance(source, str | os.PathLike):
        return Checkpoint.load(source).donor()
    net = list(layers_of(source))[-1]
    kind = type(net).__name__
    if isinstance(getattr(net, "module_", None), nn.Module):
        return donor_of(source)
    if isinstance(source, type) or not (hasattr(net, "get_params") and hasattr(net, "fit")):
        raise TypeError(
            f"{name} must be a Checkpoint, a path to one, FrozenEstimator(fitted) or None, got "
            f"{type(source).__name__}: {source!r}"
        )
    if hasattr(net, "module") or hasattr(net, "steps") or isinstance(net, BaseSearchCV):
        raise ValueError(
            f"warm_start_from holds an unfitted {kind}. scikit-learn's clone drops what an estimator has learned, "
            "so wrap the fitted donor: warm_start_from=FrozenEstimator(fitted) (sklearn.frozen), or "
            "Checkpoint.from_estimator(fitted)"
        )
    raise TypeError(
        f"warm_start_from holds a {kind}, which has no torch network to start from. Pass FrozenEstimator(fitted) "
        "of a WarmStartClassifier, a WarmStartRegressor or another skorch net"
    )
