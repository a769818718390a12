"""Losses with a weight for each row, from criteria that take none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

_WEIGHTS: ContextVar[Tensor | None] = ContextVar("weights_of_batch", default=None)
_UNWEIGHTED = nullcontext()
_NUMBER_BY_NUMBER = (
    nn.BCEWithLogitsLoss,
    nn.BCELoss,
    nn.MSELoss,
    nn.L1Loss,
    nn.SmoothL1Loss,
    nn.HuberLoss,
    nn.PoissonNLLLoss,
)  # of criteria that compare floats of one shape


def weights_of_batch(weight: Tensor | None) -> AbstractContextManager[None]:
    """Return the context in which ``get_loss``, which has no argument for them, uses the weights of a batch."""
    return _UNWEIGHTED if weight is None else _weighted(weight)


@contextmanager
def _weighted(weight: Tensor) -> Iterator[None]:
    token = _WEIGHTS.set(weight)
    try:
        yield
    finally:
        _WEIGHTS.reset(token)


def batch_weights() -> Tensor | None:
    """Return the weights of the batch at hand; None if all its rows count alike."""
    return _WEIGHTS.get()


def weighted_loss(criterion: nn.Module, y_pred: Tensor, y_true: Tensor, weight: Tensor) -> Tensor:
    """Average a criterion's loss over rows with weights, of mean 1 over the data set.

    The sum is divided by the number of rows, not by the batch's weights: each row counts alike in any batch.
    """
    reduction = getattr(criterion, "reduction", None)
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"sample_weight and class_weight need a criterion with torch's `reduction` attribute; "
            f"{type(criterion).__name__} has none"
        )
    criterion.reduction = "none"  # type: ignore[assignment]
    try:
        losses = criterion(y_pred, y_true)
    finally:
        criterion.reduction = reduction
    if losses.ndim > 1:
        losses = losses.flatten(1).sum(1) if reduction == "sum" else losses.flatten(1).mean(1)
    total = (losses * weight).sum()
    if reduction == "sum":
        return total
    own = getattr(criterion, "weight", None)
    if isinstance(criterion, nn.CrossEntropyLoss | nn.NLLLoss) and isinstance(own, Tensor):
        return total / own[y_true].sum()  # torch's mean divides by the weights of the classes
    return total / len(losses)


def shaped_like(y_true: Any, y_pred: Any, criterion: Any) -> Any:
    """Fit a target to the output where torch would fail, or silently spread (n,) over (n, 1)."""
    if not (isinstance(y_true, Tensor) and isinstance(y_pred, Tensor)):
        return y_true
    if y_true.is_floating_point() and y_true.shape != y_pred.shape and y_true.numel() == y_pred.numel():
        return y_true.reshape(y_pred.shape)
    criterion = getattr(criterion, "_orig_mod", criterion)  # what torch.compile wrapped
    if not isinstance(criterion, _NUMBER_BY_NUMBER):
        return y_true
    if y_true.numel() != y_pred.numel():
        if type(criterion) not in _NUMBER_BY_NUMBER:  # one of the user's own may mean it
            return y_true
        raise ValueError("one would be spread over the other, row by row they must have as many numbers")
    return y_true.to(y_pred.dtype).reshape(y_pred.shape)


def normalised(weight: Tensor | None) -> Tensor | None:
    """Scale weights to mean 1, as :func:`weighted_loss` wants them."""
    if weight is None:
        return None
    mean = weight.mean()
    if not bool(torch.isfinite(mean)):  # their sum is too large, not they
        weight = weight / weight.max()
        mean = weight.mean()
    return weight / mean if bool(mean > 0) else torch.ones_like(weight)
