"""Loss that a module computes itself, as those that learn without labels do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ._generator import GLOBAL_GENERATOR


class OwnLoss(nn.Module):
    """Criterion that passes on the loss that a module returned.

    That is a tensor with the loss of each row, or with one number for the batch, or an output with such a tensor
    as its attribute ``loss``, as those of ``transformers`` have.

    Examples
    --------
    >>> import torch
    >>> from sk_warmstart.modules import OwnLoss
    >>> OwnLoss()(torch.tensor([1.0, 2.0]))
    tensor(1.5000)
    """

    def __init__(self) -> None:
        super().__init__()
        self.reduction = "mean"

    def forward(self, output: Any, target: Any = None) -> Tensor:
        """Return the loss of a batch.

        Parameters
        ----------
        output : Tensor, or object with an attribute ``loss``
            What the module returned.
        target : object, default=None
            Not used.

        Returns
        -------
        Tensor
            The mean loss; that of each row where ``reduction`` is "none".

        Raises
        ------
        TypeError
            If the output holds no loss.
        """
        loss = own_loss(output)
        return loss if self.reduction == "none" else loss.mean()


def own_loss(output: Any) -> Tensor:
    """Return the loss in what a module returned, of each row or of the batch; one without a loss is an error."""
    loss = output if isinstance(output, Tensor) else getattr(output, "loss", None)
    if isinstance(loss, Tensor) and loss.ndim <= 1 and loss.is_floating_point():
        return loss
    if isinstance(loss, Tensor):
        found = f"a tensor of shape {tuple(loss.shape)} and {str(loss.dtype).removeprefix('torch.')}"
    else:
        found = f"a {type(output).__name__}" + ("" if loss is None else f" whose loss is a {type(loss).__name__}")
    raise TypeError(
        "a module that learns without labels must return its loss from forward: a number for each row, one number "
        f"for the batch, or an output with such a tensor as .loss; it returned {found}"
    )


def learns_alone(module: Any) -> bool:
    """Tell whether a module has the method that gives embeddings; a layer of this name is none."""
    return callable(getattr(type(getattr(module, "_orig_mod", module)), "embed", None))


def embed(module: nn.Module, X: Any) -> Tensor:
    """Return what a module's ``embed`` makes of a batch; anything but a table is an error."""
    if not learns_alone(module):
        raise TypeError(
            f"the module {type(module).__name__} has no method embed: give it embed(X), which returns the "
            "embeddings of a batch, a tensor of shape (n_samples, n_components)"
        )
    table: Any = module.embed(**X) if isinstance(X, Mapping) else module.embed(X)  # type: ignore[operator]
    if isinstance(table, Tensor) and table.ndim == 2:
        return table
    found = f"a tensor of shape {tuple(table.shape)}" if isinstance(table, Tensor) else f"a {type(table).__name__}"
    raise TypeError(
        f"embed of the module {type(module).__name__} must return a tensor of shape (n_samples, n_components), "
        f"and returned {found}"
    )


def repeatable(network: nn.Module) -> nn.Module:
    """Let each call of a network return its loss as a tensor, and draw the same random numbers for it."""
    forward = network.forward

    def repeat(*args: Any, **kwargs: Any) -> Tensor:
        with GLOBAL_GENERATOR, torch.random.fork_rng():
            torch.manual_seed(0)
            return own_loss(forward(*args, **kwargs)).reshape(-1)

    network.forward = repeat
    return network
