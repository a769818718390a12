"""Gradient of a multi-layer perceptron in closed form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ._activations import ACTIVATIONS


class ClosedFormNet:
    """A multi-layer perceptron over one flat parameter vector, with its gradient.

    Linear layers with biases, one activation between them, dropout after each activation. ``loss`` is
    "cross_entropy", on logits and codes of classes, or "squared_error", the mean over the outputs. Dropout draws
    from torch's global generator as autograd's layers do on a CPU.

    A layer lies in the flat vectors ``parameters`` and ``gradient`` as one matrix of (outputs, inputs + 1), the
    bias in its last column: inputs have a last column of ones, so that one product gives the gradient of both.

    Everything is written in place: make and use it in ``torch.inference_mode()``, or in ``torch.no_grad()`` where
    its vectors are to be ordinary tensors. No mode is set here: setting one costs as much as an operation.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str,
        loss: str,
        *,
        dropout: float = 0.0,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
    ):
        self.sizes, self.loss, self.dropout = tuple(sizes), loss, dropout
        self._activation = ACTIVATIONS[activation]
        self._kind: dict[str, Any] = {"dtype": dtype, "device": torch.device(device)}
        self._shapes = [(n_out, n_in + 1) for n_in, n_out in zip(self.sizes, self.sizes[1:], strict=False)]
        n_parameters = sum(rows * columns for rows, columns in self._shapes)
        self.parameters, self.gradient = self._zeros(n_parameters), self._zeros(n_parameters)
        self._weights, self._gradients = self._matrices(self.parameters), self._matrices(self.gradient)
        self._classes = torch.eye(self.sizes[-1], **self._kind) if loss == "cross_entropy" else None
        self._workspaces: dict[int, list[_Layer]] = {}

    def views(self, flat: Tensor) -> list[Tensor]:
        """Return weight and bias of each layer, in the order of the module's, as views of a flat vector."""
        return [view for matrix in self._matrices(flat) for view in (matrix[..., :-1], matrix[..., -1])]

    def targets(self, y: Tensor, out: Tensor) -> Tensor:
        """Write targets as :meth:`step` takes them, numbers or one-hot rows, and return them."""
        if self._classes is None:
            return out.copy_(y.reshape(out.shape))
        return torch.index_select(self._classes, 0, y, out=out)

    def scale(self, n_rows: int, weight: Tensor | None = None) -> float | Tensor:
        """Return by what the gradient of each row's output is multiplied, for a mean over ``n_rows``."""
        factor = 1 / n_rows if self.loss == "cross_entropy" else 2 / (n_rows * self.sizes[-1])
        return factor if weight is None else (weight * factor).unsqueeze(-1)

    def losses(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Return the loss of each row, unweighted, from the outputs of :meth:`step`."""
        if self._classes is None:
            return (outputs - y.reshape(outputs.shape)).square_().mean(-1)
        return _log_softmax(outputs).gather(-1, y.unsqueeze(-1)).squeeze(-1).neg_()

    def step(self, x: Tensor, target: Tensor, scale: float | Tensor, outputs: Tensor) -> None:
        """Write the gradient of one batch into ``gradient``, and the outputs before the step."""
        n_rows = x.shape[-2]
        layers = self._workspaces.get(n_rows)
        if layers is None:
            layers = self._workspaces[n_rows] = self._workspace(n_rows)
        mm, activation, dropout = torch.mm, self._activation, self.dropout
        last = layers[-1]
        source, sources = x, []
        for layer in layers:
            sources.append(source)
            if layer is last:
                break
            mm(source, layer.weight_t, out=layer.pre)
            if activation.forward is not None:
                activation.forward(layer.pre, layer.active)
            if dropout:
                # The draw, the division and the product of torch's own dropout on a CPU.
                layer.noise.bernoulli_(1 - dropout).div_(1 - dropout)
                torch.mul(layer.active, layer.noise, out=layer.inner)
            source = layer.widened
        mm(source, last.weight_t, out=outputs)
        if self._classes is None:
            torch.sub(outputs, target, out=last.delta)
        else:
            _softmax(outputs, last.delta)
            last.delta.sub_(target)
        last.delta.mul_(scale)
        for k in range(len(layers) - 1, -1, -1):
            layer = layers[k]
            mm(layer.delta_t, sources[k], out=layer.gradient)
            if k:
                below = layers[k - 1]
                mm(layer.delta, layer.weight_inner, out=below.delta)
                if dropout:
                    below.delta.mul_(below.noise)
                if activation.backward is not None:
                    saved = below.pre if activation.saves_input else below.active
                    activation.backward(below.delta, saved)

    def _zeros(self, *shape: int) -> Tensor:
        return torch.zeros(*shape, **self._kind)

    def _matrices(self, flat: Tensor) -> list[Tensor]:
        sizes = [math.prod(shape) for shape in self._shapes]
        parts = flat.split(sizes, -1)
        return [part.unflatten(-1, shape) for part, shape in zip(parts, self._shapes, strict=True)]

    def _workspace(self, n_rows: int) -> list[_Layer]:
        return [
            _Layer(self, n_rows, weight, gradient)
            for weight, gradient in zip(self._weights, self._gradients, strict=True)
        ]


# Over a short last axis torch's softmax runs number by number; over another axis it is vectorised.
_SHORT = 24


def _softmax(outputs: Tensor, out: Tensor) -> None:
    if outputs.shape[-1] <= _SHORT:
        out.copy_(torch.softmax(outputs.mT.contiguous(), -2).mT)
    else:
        torch.softmax(outputs, -1, out=out)


def _log_softmax(outputs: Tensor) -> Tensor:
    if outputs.shape[-1] <= _SHORT and outputs.numel() > 4096:
        return torch.log_softmax(outputs.mT.contiguous(), -2).mT
    return torch.log_softmax(outputs, -1)


class _Layer:
    """Buffers and views of one layer for batches of one size."""

    def __init__(self, net: ClosedFormNet, n_rows: int, weight: Tensor, gradient: Tensor):
        width = weight.shape[-2]
        self.gradient, self.weight_t, self.weight_inner = gradient, weight.mT, weight[..., :-1]
        self.delta = net._zeros(n_rows, width)
        self.delta_t = self.delta.mT
        self.widened = net._zeros(n_rows, width + 1).fill_(1)
        self.inner = self.widened[..., :-1]
        self.noise = net._zeros(n_rows, width if net.dropout else 0)
        self.active = net._zeros(n_rows, width) if net.dropout else self.inner
        self.pre = net._zeros(n_rows, width) if net._activation.saves_input else self.active
