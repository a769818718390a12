"""Train the default network by its closed form: who may, and one epoch of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...modules import MLP
from .._autocast import uses_autocast
from .._route import is_own
from ..graphs._chunk_graphs import LONGEST, ChunkGraphs
from ..graphs._cuda_graph import recorder_for
from ..rows._batches import Rows, TensorBatches
from ..updates._flat_update import KINDS, FlatUpdate
from ..updates._plain_optimizer import is_plain, note_steps
from ._closed_form import ClosedFormNet

# Rows are gathered piece by piece: fewer calls than one a batch, and no copy of the whole table.
_CHUNK_NUMBERS = 2**18
_ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.Tanh: "tanh",
    nn.Sigmoid: "logistic",
    nn.GELU: "gelu",
    nn.SiLU: "silu",
    nn.LeakyReLU: "leaky_relu",
    nn.Identity: "identity",
}


def closed_form(net: Any, batches: TensorBatches) -> ClosedFormEpochs | None:
    """Return what trains a net without autograd, if nothing asks for autograd.

    Parameters
    ----------
    net : skorch.NeuralNet
        The estimator, whose training step is skorch's own.
    batches : TensorBatches
        What it trains on. What was built for it is kept there for its next epoch.

    Returns
    -------
    ClosedFormEpochs or None
        None where only autograd will do.
    """
    if (
        len(net._modules) != 1
        or len(net._criteria) != 1
        or type(net.module_) is not MLP
        or is_own(net, "infer", "get_loss")
        or uses_autocast(net)
        or not is_plain(net)
        or not is_undisturbed(net.module_, net.criterion_, net.optimizer_)
    ):
        return None
    known = batches.trainer
    if known is None or known.module is not net.module_ or known.criterion is not net.criterion_:
        known = batches.trainer = _build(net.module_, net.criterion_, net.optimizer_, batches)
    return known if known is not None and known.can_take(net.optimizer_) else None


class ClosedFormEpochs:
    """Epochs of one fit, trained without autograd.

    Between two epochs module and optimiser hold what the autograd loop would have left in them, so callbacks,
    checkpoints and partial fits see no difference.

    Parameters
    ----------
    module : MLP
        The network.
    criterion : nn.Module
        Its loss.
    net : ClosedFormNet
        Of the module's shape.
    update : FlatUpdate
        Over its vectors.
    batches : TensorBatches
        What is trained on.
    """

    def __init__(
        self,
        module: nn.Module,
        criterion: nn.Module,
        net: ClosedFormNet,
        update: FlatUpdate,
        batches: TensorBatches,
    ):
        self.module, self.criterion = module, criterion
        self._net, self._update, self._rows, self._batch_size = net, update, batches.dataset, batches.batch_size
        self._moments = {name: net.views(flat) for name, flat in update.moments.items()}
        self._parameters, self._gradients = net.views(net.parameters), net.views(net.gradient)
        width, n_outputs = net.sizes[0] + 1, net.sizes[-1]
        size = min(self._batch_size, max(1, len(self._rows)))
        dense = isinstance(self._rows.X, Tensor)  # sparse rows never lie dense in more than one batch
        pieces = min(
            _CHUNK_NUMBERS // (size * (width + 2 * n_outputs)) if dense else 1, -(-len(self._rows) // size)
        )
        recorder = recorder_for(net.parameters.device)
        if recorder is not None:
            pieces = min(pieces, LONGEST)
        self._chunk = max(1, pieces) * size
        kind: dict[str, Any] = {"dtype": net.parameters.dtype, "device": net.parameters.device}
        self._X = torch.ones(self._chunk, width, **kind)
        self._targets = torch.zeros(self._chunk, n_outputs, **kind)
        self._outputs = torch.zeros(self._chunk, n_outputs, **kind)
        self._cuts: dict[int, list[tuple[Tensor, ...]]] = {}
        self._graphs = None if recorder is None else ChunkGraphs(recorder, net, update, self._chunk)

    def can_take(self, optimizer: torch.optim.Optimizer) -> bool:
        """Tell whether the optimiser remembers as much of each parameter, and has taken as many steps with it."""
        states = [optimizer.state.get(parameter) for parameter in self.module.parameters()]
        if not any(states):
            return True
        if not all(states) or len({float(state.get("step", 0)) for state in states if state}) != 1:
            return False
        return all(isinstance(state.get(name), Tensor) for state in states if state for name in self._moments)

    def run(self, optimizer: torch.optim.Optimizer, batches: TensorBatches) -> tuple[list[float], list[int]]:
        """Train for one epoch.

        Parameters
        ----------
        optimizer : Optimizer
            The module's optimiser.
        batches : TensorBatches
            Gives the order.

        Returns
        -------
        losses, sizes : list of float, list of int
            Loss and rows of each batch.
        """
        size, n = self._batch_size, min(len(self._rows), len(batches) * self._batch_size)
        parameters = list(self.module.parameters())
        self._load(parameters, optimizer)
        losses, taken = [], 0
        with torch.inference_mode(), batches.order() as order:
            step, update = self._net.step, self._update.fused_step
            if self._graphs is not None:
                self._graphs.begin()
            try:
                for first in range(0, n, self._chunk):
                    last = min(first + self._chunk, n)
                    rows = self._gather(slice(first, last) if order is None else order[first:last])
                    cut = self._cut(last - first)
                    if self._graphs is not None:
                        self._graphs.train(cut, self._scales, rows.weight)
                    else:
                        scales = self._scales(rows.weight, last - first)
                        counters = self._update.fused_steps(len(cut), taken)
                        for (x, target, output), scale, counter in zip(cut, scales, counters, strict=True):
                            step(x, target, scale, output)
                            update(counter)
                            taken += 1
                    losses.append(self._losses(rows, last - first))
            finally:
                self._store(parameters, optimizer, taken if self._graphs is None else self._graphs.taken)
        sizes = [min(size, n - first) for first in range(0, n, size)]
        return torch.cat(losses).tolist() if losses else [], sizes

    def _gather(self, index: Tensor | slice) -> Rows:
        """Put rows where the network finds them; return their targets and weights."""
        X, y, weight = self._rows.batch(index)
        n = len(X)
        self._X[:n, :-1] = X
        assert y is not None
        self._net.targets(y, self._targets[:n])
        return Rows(self._X[:n], y, weight)

    def _cut(self, n: int) -> list[tuple[Tensor, ...]]:
        if n not in self._cuts:
            buffers = (self._X, self._targets, self._outputs)
            self._cuts[n] = list(zip(*(each[:n].split(self._batch_size) for each in buffers), strict=True))
        return self._cuts[n]

    def _scales(self, weight: Tensor | None, n: int) -> Iterable[float | Tensor]:
        sizes = [min(self._batch_size, n - first) for first in range(0, n, self._batch_size)]
        parts = [None] * len(sizes) if weight is None else weight.split(self._batch_size)
        return [self._net.scale(size, part) for size, part in zip(sizes, parts, strict=True)]

    def _losses(self, rows: Rows, n: int) -> Tensor:
        """Means over each batch."""
        assert rows.y is not None
        losses = self._net.losses(self._outputs[:n], rows.y)
        if rows.weight is not None:
            losses.mul_(rows.weight)
        size = self._batch_size
        whole = n // size * size
        means = losses[:whole].view(-1, size).sum(1) / size
        return means if whole == n else torch.cat([means, losses[whole:].mean().view(1)])

    @torch.inference_mode()
    def _load(self, parameters: Sequence[Tensor], optimizer: torch.optim.Optimizer) -> None:
        self._update.set_numbers(optimizer.param_groups[0])
        self._update.steps = 0.0
        for parameter, view in zip(parameters, self._parameters, strict=True):
            view.copy_(parameter)
        for name, views in self._moments.items():
            for parameter, view in zip(parameters, views, strict=True):
                known = optimizer.state.get(parameter, {})
                if name in known:
                    view.copy_(known[name])
                    self._update.steps = float(known.get("step", 0.0))
                else:
                    view.zero_()

    def _store(self, parameters: Sequence[Tensor], optimizer: torch.optim.Optimizer, taken: int) -> None:
        """Write back what changed. New tensors must be ordinary ones, that anyone may change in place."""
        if not taken:
            return
        remembers = KINDS[type(optimizer)] != "sgd" or bool(optimizer.param_groups[0]["momentum"])
        with torch.inference_mode(False), torch.no_grad():
            for i, parameter in enumerate(parameters):
                parameter.copy_(self._parameters[i])
                parameter.grad = torch.empty_like(parameter).copy_(self._gradients[i])
                if not remembers:
                    continue
                state = optimizer.state[parameter]
                if KINDS[type(optimizer)] != "sgd":
                    if "step" not in state:
                        state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
                    state["step"] += taken
                for name, views in self._moments.items():
                    if name not in state:
                        state[name] = torch.empty_like(parameter)
                    state[name].copy_(views[i])
        note_steps(optimizer)


def _build(
    module: nn.Module, criterion: nn.Module, optimizer: torch.optim.Optimizer, batches: TensorBatches
) -> ClosedFormEpochs | None:
    shape, loss, rows = shape_of(module), loss_name(criterion), batches.dataset
    if shape is None or loss is None:
        return None
    sizes, activation, dropout = shape
    first = next(module.parameters())
    if dropout and first.device.type != "cpu":
        return None  # an accelerator draws its masks in another way
    if rows.X.dtype != first.dtype or rows.device != first.device or tuple(rows.X.shape[1:]) != (sizes[0],):
        return None
    if not are_targets(rows.y, loss, sizes[-1], first.dtype):
        return None
    with torch.inference_mode():
        net = ClosedFormNet(sizes, activation, loss, dropout=dropout, dtype=first.dtype, device=first.device)
        update = FlatUpdate(KINDS[type(optimizer)], net.parameters, net.gradient)
        return ClosedFormEpochs(module, criterion, net, update, batches)


def shape_of(module: Any) -> tuple[list[int], str, float] | None:
    """Return what the closed form needs to know of an :class:`MLP`.

    Parameters
    ----------
    module : MLP
        The network.

    Returns
    -------
    tuple or None
        Sizes, activation and dropout; None if something in it was exchanged or has no closed form here.
    """
    hidden = list(module.hidden)
    block = 3 if any(type(layer) is nn.Dropout for layer in hidden) else 2
    linear = [*hidden[::block], module.output]
    activations = {_name_of(layer) for layer in hidden[1::block]} or {"identity"}
    dropouts: set[Any] = {getattr(layer, "p", 0.0) for layer in hidden[2::3]} if block == 3 else {0.0}
    if len(hidden) % block or any(type(layer) is not nn.Linear or layer.bias is None for layer in linear):
        return None
    if block == 3 and any(type(layer) is not nn.Dropout for layer in hidden[2::3]):
        return None
    if len(activations) > 1 or len(dropouts) > 1 or None in activations:
        return None
    sizes = [linear[0].in_features, *(layer.out_features for layer in linear)]
    return sizes, str(activations.pop()), float(dropouts.pop())


def _name_of(layer: nn.Module) -> str | None:
    arguments = (getattr(layer, "approximate", "none"), getattr(layer, "negative_slope", 0.01))
    return _ACTIVATIONS.get(type(layer)) if arguments == ("none", 0.01) else None


def loss_name(criterion: Any) -> str | None:
    """Return the name that :class:`ClosedFormNet` has for a criterion; None if it has none."""
    if getattr(criterion, "reduction", None) != "mean" or _is_hooked(criterion):
        return None
    if type(criterion) is nn.MSELoss:
        return "squared_error"
    plain = type(criterion) is nn.CrossEntropyLoss and criterion.weight is None and criterion.ignore_index < 0
    return "cross_entropy" if plain and not criterion.label_smoothing else None


def are_targets(y: Tensor | None, loss: str, n_outputs: int, dtype: torch.dtype) -> bool:
    """Tell whether targets are such as the closed form of this loss takes."""
    if y is None:
        return False
    if loss == "squared_error":
        return y.dtype == dtype and y.numel() == len(y) * n_outputs
    return y.dtype == torch.int64 and y.ndim == 1 and bool(((y >= 0) & (y < n_outputs)).all())


def is_undisturbed(module: nn.Module, criterion: nn.Module, optimizer: torch.optim.Optimizer) -> bool:
    """Nobody looks into forward or backward, and the optimiser trains all of the module and nothing else."""
    parameters = list(module.parameters())
    trained = optimizer.param_groups[0]["params"]
    hooks = torch.nn.modules.module
    return (
        len(trained) == len(parameters)
        and len({(p.dtype, p.device) for p in parameters}) == 1
        and all(one is other for one, other in zip(trained, parameters, strict=True))
        and all(
            p.requires_grad and not p._backward_hooks and not getattr(p, "_post_accumulate_grad_hooks", None)
            for p in parameters
        )
        and not any(_is_hooked(part) for part in module.modules())
        and not _is_hooked(criterion)
        and not (hooks._global_forward_hooks or hooks._global_forward_pre_hooks)
        and not (hooks._global_backward_hooks or hooks._global_backward_pre_hooks)
        and not torch.is_anomaly_enabled()
        and not torch.is_autocast_enabled(parameters[0].device.type)
    )


def _is_hooked(part: nn.Module) -> bool:
    return bool(
        part._forward_hooks
        or part._forward_pre_hooks
        or part._backward_hooks
        or part._backward_pre_hooks
        or "forward" in vars(part)
    )
