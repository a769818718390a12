"""Donors of a fit: its own last state, ``warm_start_from``, and what its policy brings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from ..._compat._sklearn import BaseSearchCV
from ...state import Checkpoint, CheckpointError, CheckpointStore, Donor, Pretrained, donor_of
from ...state._sources import layers_of
from ...state.files._weights import ENDINGS_OF_INDEX, ENDINGS_OF_TORCH, is_of_another_library
from .._protocol import WarmStartNet


def find_donors(estimator: WarmStartNet, brought: Sequence[Any] = ()) -> tuple[list[Donor], str | None]:
    """Return the donors of the next ``fit``, those that its policy brings at the end, and where the first is from.

    The estimator's own state comes first (``warm_start=True`` and fitted), then ``warm_start_from``.
    """
    more = [donor_in(source, "each of the policy's sources") for source in brought]
    if estimator.warm_start and hasattr(estimator, "module_"):
        return [donor_of(estimator), *more], "self"
    if estimator.warm_start_from is not None:
        return [donor_in(estimator.warm_start_from), *more], "warm_start_from"
    return more, "init_policy" if more else None


def donor_in(source: Any, name: str = "warm_start_from") -> Donor:
    """Return the donor that a source holds, or say what to pass instead."""
    if isinstance(source, Checkpoint | Pretrained):
        return source.donor()
    if isinstance(source, str | os.PathLike):
        return _in_file(source)
    if isinstance(source, CheckpointStore):
        raise TypeError(f"{name} is a store, so say which checkpoint: store.get('latest') or store.get('best')")
    net = list(layers_of(source))[-1]
    kind = type(net).__name__
    if isinstance(getattr(net, "module_", None), nn.Module):
        return donor_of(source)
    if isinstance(source, nn.Module) or (isinstance(source, Mapping) and _holds_tensors(source)):
        return Pretrained(source).donor()
    if isinstance(source, type) or not (hasattr(net, "get_params") and hasattr(net, "fit")):
        raise TypeError(
            f"{name} must be a Checkpoint, a path to one, FrozenEstimator(fitted), Pretrained(...), a module, its "
            f"state dict or None, got {type(source).__name__}: {source!r:.200}"
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


def _in_file(path: str | os.PathLike) -> Donor:
    if is_of_another_library(path) or os.fsdecode(path).endswith(ENDINGS_OF_INDEX):
        return Pretrained(path).donor()
    try:
        return Checkpoint.load(path).donor()
    except CheckpointError as error:
        if not os.path.isdir(path) and not os.fsdecode(path).endswith(ENDINGS_OF_TORCH):
            raise
        raise CheckpointError(
            f"{error}. If it holds weights of another library, say so: Pretrained({os.fsdecode(path)!r}) reads "
            "them without running code"
        ) from error


def _holds_tensors(source: Mapping[Any, Any]) -> bool:
    return bool(source) and all(isinstance(value, Tensor) for value in source.values())
