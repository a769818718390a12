"""Gradient of a multi-layer perceptron in closed form, of one network or a pack of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

_aten = torch.ops.aten


@dataclass(frozen=True)
class _Activation:
    """``forward(pre, out)``, and ``backward(delta, saved, scratch)`` in place, where out is saved, or pre."""

    forward: Callable[[Tensor, Tensor], object] | None
    backward: Callable[[Tensor, Tensor, Tensor], object] | None
    saves_input: bool = False


# Where there is no cheaper way these are the very kernels that autograd runs.
_ACTIVATIONS = {
    "identity": _Activation(None, None),
    "relu": _Activation(
        lambda pre, out: torch.clamp_min(pre, 0, out=out),
        lambda delta, out, scratch: delta.mul_(torch.sign(out, out=scratch)),
    ),
    "tanh": _Activation(
        lambda pre, out: torch.tanh(pre, out=out),
        lambda delta, out, _: _aten.tanh_backward.grad_input(delta, out, grad_input=delta),
    ),
    "logistic": _Activation(
        lambda pre, out: torch.sigmoid(pre, out=out),
        lambda delta, out, _: _aten.sigmoid_backward.grad_input(delta, out, grad_input=delta),
    ),
    "leaky_relu": _Activation(
        lambda pre, out: _aten.leaky_relu.out(pre, 0.01, out=out),
        lambda delta, out, _: _aten.leaky_relu_backward.grad_input(delta, out, 0.01, True, grad_input=delta),
    ),
    "silu": _Activation(
        lambda pre, out: _aten.silu.out(pre, out=out),
        lambda delta, pre, _: _aten.silu_backward.grad_input(delta, pre, grad_input=delta),
        saves_input=True,
    ),
    "gelu": _Activation(
        lambda pre, out: _aten.gelu.out(pre, out=out),
        lambda delta, pre, _: _aten.gelu_backward.grad_input(delta, pre, grad_input=delta),
        saves_input=True,
    ),
}
ACTIVATIONS = tuple(_ACTIVATIONS)


class ClosedFormNet:
    """A multi-layer perceptron over one flat parameter vector, with its gradient.

    Linear layers with biases, one activation between them, dropout after each activation. With ``members`` all
    tensors have a leading axis, and each member is a network of its own. ``loss`` is "cross_entropy", on logits
    and codes of classes, or "squared_error", the mean over the outputs. Dropout draws from torch's global
    generator as autograd's layers do on a CPU; a pack draws for all members at once.

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
        members: int | None = None,
        dropout: float = 0.0,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
        parameters: Tensor | None = None,
    ):
        self.sizes, self.loss, self.members, self.dropout = tuple(sizes), loss, members, dropout
        self._activation = _ACTIVATIONS[activation]
        self._lead = () if members is None else (members,)
        self._mm = torch.mm if members is None else torch.bmm
        self._kind: dict[str, Any] = {"dtype": dtype, "device": torch.device(device)}
        self._shapes = [(n_out, n_in + 1) for n_in, n_out in zip(self.sizes, self.sizes[1:], strict=False)]
        n_parameters = sum(rows * columns for rows, columns in self._shapes)
        self.parameters = self._zeros(n_parameters) if parameters is None else parameters
        self.gradient = self._zeros(n_parameters)
        self._weights, self._gradients = self._matrices(self.parameters), self._matrices(self.gradient)
        self._classes = torch.eye(self.sizes[-1], **self._kind) if loss == "cross_entropy" else None
        self._workspaces: dict[int, list[_Layer]] = {}

    def views(self, flat: Tensor) -> list[Tensor]:
        """Return weight and bias of each layer, in the order of the module's, as views of a flat vector."""
        return [view for matrix in self._matrices(flat) for view in (matrix[..., :-1], matrix[..., -1])]

    def targets(self, y: Tensor, out: Tensor | None = None) -> Tensor:
        """Return targets as :meth:`step` takes them: numbers, or one-hot rows; ``out`` without members only."""
        if self._classes is None:
            return y if out is None else out.copy_(y.reshape(out.shape))
        return self._classes[y] if out is None else torch.index_select(self._classes, 0, y, out=out)

    def scale(self, n_rows: int, weight: Tensor | None = None) -> float | Tensor:
        """Return by what the gradient of each row's output is multiplied, for a mean over ``n_rows``.

        A row of padding has weight 0; for members whose batches differ in size the weights make up for it.
        """
        factor = 1 / n_rows if self.loss == "cross_entropy" else 2 / (n_rows * self.sizes[-1])
        return factor if weight is None else (weight * factor).unsqueeze(-1)

    def losses(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Return the loss of each row, unweighted, from the outputs of :meth:`step`."""
        if self._classes is None:
            return (outputs - y.reshape(outputs.shape)).square_().mean(-1)
        return _log_softmax(outputs).gather(-1, y.unsqueeze(-1)).squeeze(-1).neg_()

    def step(self, x: Tensor, target: Tensor, scale: float | Tensor, out: Tensor | None = None) -> Tensor:
        """Write the gradient of one batch into ``gradient``; return the outputs before the step."""
        n_rows = x.shape[-2]
        layers = self._workspaces.get(n_rows)
        if layers is None:
            layers = self._workspaces[n_rows] = self._workspace(n_rows)
        mm, activation, dropout = self._mm, self._activation, self.dropout
        last = layers[-1]
        source, sources = x, []
        for layer in layers:
            sources.append(source)
            if layer is last:
                break
            mm(source, layer.weight_t, out=layer.pre)
            if activation.forward is not None:
                activation.forward(layer.pre, layer.active)
            elif layer.active is not layer.pre:
                layer.active.copy_(layer.pre)
            if dropout:
                # The draw, the division and the product of torch's own dropout on a CPU.
                layer.noise.bernoulli_(1 - dropout).div_(1 - dropout)
                torch.mul(layer.active, layer.noise, out=layer.inner)
            source = layer.widened
        outputs = self._zeros(n_rows, self.sizes[-1]) if out is None else out
        mm(source, last.weight_t, out=outputs)
        if self._classes is None:
            torch.sub(outputs, target, out=last.delta)
        else:
            _softmax(outputs, last.delta)
            last.delta.sub_(target)
        last.delta.mul_(scale)
        for k in range(len(layers) - 1, -1, -1):
            layer = layers[k]
            if layer.product is None:
                mm(layer.delta_t, sources[k], out=layer.gradient)
            else:
                mm(layer.delta_t, sources[k], out=layer.product)
                layer.gradient.copy_(layer.product)
            if k:
                below = layers[k - 1]
                mm(layer.delta, layer.weight_inner, out=below.delta)
                if dropout:
                    below.delta.mul_(below.noise)
                if activation.backward is not None:
                    saved = below.pre if activation.saves_input else below.active
                    activation.backward(below.delta, saved, below.scratch)
        return outputs

    def _zeros(self, *shape: int) -> Tensor:
        """Zeros for each member, each beginning at a cache line: a product may round by where its numbers lie."""
        if self.members is None:
            return torch.zeros(*shape, **self._kind)
        n = math.prod(shape)
        return torch.zeros(self.members, -(-n // _LINE) * _LINE, **self._kind)[:, :n].unflatten(-1, shape)

    def _matrices(self, flat: Tensor) -> list[Tensor]:
        sizes = [math.prod(shape) for shape in self._shapes]
        parts = flat.split(sizes, -1)
        return [part.unflatten(-1, shape) for part, shape in zip(parts, self._shapes, strict=True)]

    def _workspace(self, n_rows: int) -> list[_Layer]:
        return [
            _Layer(self, n_rows, weight, gradient)
            for weight, gradient in zip(self._weights, self._gradients, strict=True)
        ]


_LINE = 16  # numbers
# Over a short last axis torch's softmax runs number by number; over another axis it is vectorised.
_SHORT = 24


def _softmax(outputs: Tensor, out: Tensor) -> None:
    if outputs.shape[-1] <= _SHORT:  # one network and a pack alike, so that they round alike
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
        # Batched products are twice as fast into contiguous memory; a single one does not care.
        packed = net.members is not None
        self.product = net._zeros(*gradient.shape[-2:]) if packed else None
        self.widened = net._zeros(n_rows, width + 1).fill_(1)
        self.inner = self.widened[..., :-1]
        self.scratch = net._zeros(n_rows, width)
        self.noise = net._zeros(n_rows, width) if net.dropout else self.scratch
        self.active = net._zeros(n_rows, width) if net.dropout else self.inner
        apart = packed or net._activation.saves_input
        self.pre = net._zeros(n_rows, width) if apart else self.active
