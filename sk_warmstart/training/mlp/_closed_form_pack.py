"""Gradients of many multi-layer perceptrons of one shape in closed form, in batched products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ._activations import ACTIVATIONS

LINE = 16  # numbers of a cache line


class ClosedFormPack:
    """Networks as :class:`ClosedFormNet` has them, one a member, over the parameters of a pack.

    ``parameters`` and ``gradients`` are weight and bias of each layer, in the order of the module's, with an axis
    for the members before; gradients are written in place. Dropout draws for all members at once.

    Targets and outputs have their rows last, (members, outputs, rows): a softmax over few classes is vectorised
    that way. No mode of torch's is set here.
    """

    def __init__(
        self,
        activation: str,
        loss: str,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        dropout: float = 0.0,
    ):
        self._activation, self._dropout = ACTIVATIONS[activation], dropout
        self._weights, self._biases = parameters[::2], parameters[1::2]
        self._gradients, self._bias_gradients = gradients[::2], gradients[1::2]
        first, last = parameters[0], parameters[-1]
        self._members, self._n_outputs = len(first), last.shape[-1]
        self._kind: dict[str, Any] = {"dtype": first.dtype, "device": first.device}
        # Whether threads that share its operations change no bit; nothing may be drawn then.
        self.rounds_alike = self._activation.rounds_alike and not dropout
        self._of_classes = loss == "cross_entropy"
        self._minus_one = torch.tensor(-1.0, **self._kind)
        # Batched products are twice as fast into memory in one piece.
        self._products = [self._zeros(*weight.shape[1:]) for weight in self._weights]
        self._workspaces: dict[int, tuple[list[_Hidden], Tensor, Tensor]] = {}

    def scale(self, n_rows: int, weight: Tensor | None = None) -> float | Tensor:
        """Return by what the gradient of each row's output is multiplied, for a mean over ``n_rows``.

        A row of padding has weight 0; for members whose batches differ in size the weights make up for it.
        """
        factor = 1 / n_rows if self._of_classes else 2 / (n_rows * self._n_outputs)
        return factor if weight is None else (weight * factor).unsqueeze(-2)

    def losses(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Return the loss of each row, unweighted, from what :meth:`step` returned."""
        if self._of_classes:
            return outputs.gather(-2, y.unsqueeze(-2)).squeeze(-2).neg_()
        return (outputs - self._numbers(y)).square_().mean(-2)

    def step(self, x: Tensor, y: Tensor, scale: float | Tensor) -> Tensor:
        """Write the gradients of one batch of each member.

        Returns the outputs before the step; of classes the logarithms of their probabilities.
        """
        n_rows = x.shape[1]
        if n_rows not in self._workspaces:
            hidden = [_Hidden(self, n_rows, weight.shape[1]) for weight in self._weights[:-1]]
            buffers = self._zeros(self._n_outputs, n_rows), self._zeros(self._n_outputs, n_rows)
            self._workspaces[n_rows] = (hidden, *buffers)
        hidden, outputs, delta = self._workspaces[n_rows]
        sources = self._forward(x, hidden)
        torch.baddbmm(self._biases[-1].unsqueeze(-1), self._weights[-1], sources[-1].mT, out=outputs)
        if self._of_classes:
            # By the logarithm, unlike the softmax itself, the bits do not depend on the number of threads.
            outputs = torch.log_softmax(outputs, -2)
            torch.exp(outputs, out=delta)
            at = y.unsqueeze(-2)
            delta.scatter_add_(-2, at, self._minus_one.expand_as(at))
        else:
            torch.sub(outputs, self._numbers(y), out=delta)
        delta.mul_(scale)
        torch.sum(delta, -1, out=self._bias_gradients[-1])
        self._backward(sources, hidden, delta)
        return outputs

    def _forward(self, x: Tensor, hidden: Sequence[_Hidden]) -> list[Tensor]:
        """What goes into each layer."""
        activation, dropout, sources = self._activation, self._dropout, [x]
        for layer, weight, bias in zip(hidden, self._weights, self._biases, strict=False):
            torch.baddbmm(bias.unsqueeze(1), sources[-1], weight.mT, out=layer.pre)
            if activation.forward is not None:
                activation.forward(layer.pre, layer.active)
            if dropout:
                layer.noise.bernoulli_(1 - dropout).div_(1 - dropout)
                torch.mul(layer.active, layer.noise, out=layer.dropped)
            sources.append(layer.dropped)
        return sources

    def _backward(self, sources: Sequence[Tensor], hidden: Sequence[_Hidden], delta_t: Tensor) -> None:
        """From the gradient of the outputs, rows last, to those of all layers."""
        activation = self._activation
        for k in range(len(hidden), -1, -1):
            torch.bmm(delta_t, sources[k], out=self._products[k])
            self._gradients[k].copy_(self._products[k])
            if not k:
                break
            below = hidden[k - 1]
            torch.bmm(delta_t.mT, self._weights[k], out=below.delta)
            if self._dropout:
                below.delta.mul_(below.noise)
            if activation.backward is not None:
                activation.backward(below.delta, below.pre if activation.saves_input else below.active)
            torch.sum(below.delta, 1, out=self._bias_gradients[k - 1])
            delta_t = below.delta.mT

    def _numbers(self, y: Tensor) -> Tensor:
        return y.reshape(self._members, -1, self._n_outputs).mT

    def _zeros(self, *shape: int) -> Tensor:
        """Zeros for each member, each beginning at a cache line: a product may round by where its numbers lie."""
        n = math.prod(shape)
        return torch.zeros(self._members, -(-n // LINE) * LINE, **self._kind)[:, :n].unflatten(-1, shape)


class _Hidden:
    """Buffers of a hidden layer for batches of one size."""

    def __init__(self, net: ClosedFormPack, n_rows: int, width: int):
        self.pre, self.delta = net._zeros(n_rows, width), net._zeros(n_rows, width)
        self.active = net._zeros(n_rows, width) if net._activation.saves_input else self.pre
        self.noise = net._zeros(n_rows, width if net._dropout else 0)
        self.dropped = net._zeros(n_rows, width) if net._dropout else self.active
