"""Steps of a pack of networks that torch can run for many members at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from ...modules import call_with, each_part, first_output
from .._loss import shaped_like, weighted_loss
from .._random import seeded
from ..rows._streaming import Batch
from ..updates._flat_update import FlatUpdate
from ._data import PackBatch
from ._state import PackState

# Parameters, rows, targets and weights of all members, to their gradients and losses.
Rule = Callable[[Tensor, Any, Tensor, Tensor | None], tuple[Tensor, Tensor]]
_MOVE = 0.1  # of the weights, where two rules are compared
_EMBEDDING = ("input", "weight", "padding_idx", "max_norm", "norm_type", "scale_grad_by_freq", "sparse")


class VmapEngine:
    """Steps of any module that torch can run for many members at once; ``sample`` is a small batch of one."""

    def __init__(self, network: nn.Module, criterion: nn.Module, state: PackState, sample: Batch):
        self._network, self._criterion, self._state = network, criterion, state
        self._names = [name for name, _ in network.named_parameters()]
        self._update = FlatUpdate(state.kind, state.flat, state.gradient, state.moments)
        network.train()  # as each epoch begins
        inside, outside = gradient_inside(self._loss), gradient_outside(self._loss)
        self._rule = outside if _agree(inside, outside, state.flat[:2], sample) else inside

    def epoch(self, batches: Iterable[PackBatch]) -> list[Tensor]:
        """Train one epoch; the loss of each member in each batch."""
        losses: list[Tensor] = []
        state, update = self._state, self._update
        update.set_numbers(state.numbers())
        update.steps = state.steps
        for batch in batches:
            with BoundedLookups():
                gradient, loss = self._rule(state.flat, batch.X, batch.y, batch.weight)
            update.gradient = gradient.contiguous()
            keep_last(state.gradient, gradient, batch.ends)
            update.step(batch.moving)
            losses.append(loss.detach())
        return losses

    def _loss(self, flat: Tensor, X: Any, y: Tensor, weight: Tensor | None) -> Tensor:
        parameters = dict(zip(self._names, self._state.views(flat), strict=True))
        output = first_output(call_with(self._network, parameters, X))
        y = shaped_like(y, output, self._criterion)
        if weight is None:
            return self._criterion(output, y)
        return weighted_loss(self._criterion, output, y, weight)


def gradient_inside(loss: Callable[..., Tensor]) -> Rule:
    """Make the rule that differentiates each member's loss by itself: for all that vmap takes."""
    rule: Any = torch.func.grad_and_value(loss)

    def run(flat: Tensor, X: Any, y: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor]:
        return _of_members(rule, weight)(flat, X, y, weight)

    return run


def gradient_outside(loss: Callable[..., Tensor]) -> Rule:
    """Make the rule that differentiates all members' losses at once: the same numbers with less to look after."""

    def run(flat: Tensor, X: Any, y: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor]:
        leaf = flat.detach().requires_grad_()
        with torch.enable_grad():
            losses = _of_members(loss, weight)(leaf, X, y, weight)
        if not losses.requires_grad:
            return torch.zeros_like(flat), losses
        (gradient,) = torch.autograd.grad(losses, leaf, torch.ones_like(losses))
        return gradient, losses.detach()

    return run


def _of_members(rule: Callable[..., Any], weight: Tensor | None) -> Callable[..., Any]:
    return torch.func.vmap(rule, in_dims=(0, 0, 0, None if weight is None else 0), randomness="different")


def _agree(inside: Rule, outside: Rule, flat: Tensor, sample: Batch) -> bool:
    """Tell whether two rules find the same gradients of two members, whatever the rows.

    Their weights are moved: a last layer of zeros would hide what lies before it.
    """
    X, y, weight = sample
    assert y is not None
    draws = torch.Generator().manual_seed(0)
    flat = flat + _MOVE * torch.randn(flat.shape, generator=draws).to(flat)
    rows: Any = each_part(lambda part: torch.stack([part] * len(flat)), X)
    its = torch.stack([y] * len(flat)), None if weight is None else torch.stack([weight] * len(flat))
    found = []
    try:
        for rule in (inside, outside):
            with seeded(0), BoundedLookups() as lookups:
                found.append(rule(flat, rows, *its)[0])
    except Exception:  # of what autograd cannot see through vmap: hooks, or a requires_grad that is asked for
        return False
    one, other = found
    largest = float(one.abs().max())
    if lookups.own_gradient or not 0 < largest < float("inf"):  # nothing that could be compared
        return False
    return torch.allclose(one, other, rtol=1e-4, atol=1e-5 * largest)


def keep_last(kept: Tensor, gradient: Tensor, ends: list[int]) -> None:
    """Keep the gradients of members whose last batch this is."""
    if len(ends) == len(kept):
        kept.copy_(gradient)
    elif ends:
        kept[ends] = gradient[ends]


def why_unpackable(network: nn.Module, criterion: nn.Module, rows: Batch) -> str | None:
    """Say why torch cannot run a module for many members at once; None if it can."""
    X, y, _ = rows
    assert y is not None

    def loss(parameters: dict[str, Tensor], X: Any, y: Tensor) -> Tensor:
        output = first_output(call_with(network, parameters, X))
        return criterion(output, shaped_like(y, output, criterion))

    twice = {name: torch.stack([p.detach(), p.detach()]) for name, p in network.named_parameters()}
    try:
        with seeded(0):
            rule = torch.func.vmap(torch.func.grad(loss), randomness="different")
            rule(twice, each_part(lambda part: torch.stack([part, part]), X), torch.stack([y, y]))
    except Exception as error:  # the fit's own loop is to raise it
        return (str(error) or type(error).__name__).splitlines()[0]
    return None


class BoundedLookups(TorchFunctionMode):
    """Refuse whole numbers that a network cannot look up.

    vmap lays the embeddings of all members in one, where a number out of range finds another member's entry.
    ``own_gradient`` tells whether a look-up may have another gradient than the derivative, by an entry of each
    member: outside of vmap it would be taken for an entry of all.
    """

    def __init__(self) -> None:
        super().__init__()
        self.own_gradient = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Look at the numbers before they are looked up."""
        kwargs = kwargs or {}
        if func is functional.embedding:
            given = dict(zip(_EMBEDDING, args, strict=False)) | kwargs
            index, weight = given["input"], given["weight"]
            torch.empty(weight.shape[0], device=index.device).index_select(0, index.reshape(-1))
            self.own_gradient |= given.get("padding_idx") is not None or bool(given.get("scale_grad_by_freq"))
        self.own_gradient |= func in (torch.embedding, functional.embedding_bag, torch.embedding_bag)
        return func(*args, **kwargs)
