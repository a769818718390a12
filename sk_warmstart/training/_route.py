"""Choice of the training loop: which one runs for a net, whether in a pack, and why no faster one."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from skorch import NeuralNet, NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Callback, EpochScoring, LRScheduler
from skorch.history import History
from torch import Tensor, nn

from .._compat._torch import has_global_hooks, has_hooks
from ..modules import OwnLoss
from ._autocast import needs_scaling, uses_autocast
from ._companion import companions_of, is_standard_companion
from ._net import TrainableNet, optimizer_of
from .graphs._graphed_step import can_record
from .mlp._shape import has_uniform_state, why_no_closed_form
from .rows._batches import TensorBatches
from .rows._parts import has_sparse
from .updates._direct_update import may_bypass_step
from .updates._flat_update import KINDS

Kind = Literal["skorch", "autograd", "cuda_graph", "closed_form"]
Ruled = Literal["autograd", "cuda_graph", "closed_form", "pack"]

# Methods of a net by what they are part of: who defines one of them gets a loop that calls it.
METHODS: dict[str, tuple[str, ...]] = {
    "step": (
        "train_step",
        "train_step_single",
        "get_train_step_accumulator",
        "on_grad_computed",
        "_step_optimizer",
        "_zero_grad_optimizer",
    ),
    "loss": ("get_loss",),
    "forward": ("infer",),
    "batch_events": ("on_batch_begin", "on_batch_end"),
    "loop": ("run_single_epoch", "fit_loop", "get_iterator"),
    "validation": ("validation_step",),
    "validation_score": (
        "notify",
        "validation_step",
        "infer",
        "predict",
        "predict_proba",
        "forward_iter",
        "score",
        "with_labels",
    ),
    "prediction": (
        "predict_proba",
        "forward_iter",
        "evaluation_step",
        "infer",
        "get_dataset",
        "get_iterator",
        "_get_predict_nonlinearity",
        "_set_training",
    ),
}

_FASTEST_FIRST: tuple[Kind, ...] = ("closed_form", "cuda_graph", "autograd", "skorch")
_ALL: tuple[Ruled, ...] = ("autograd", "cuda_graph", "closed_form", "pack")
_BUT_AUTOGRAD: tuple[Ruled, ...] = ("cuda_graph", "closed_form", "pack")
_SKORCH = (NeuralNet, NeuralNetClassifier, NeuralNetRegressor)
_LIBRARY = __name__.partition(".")[0]


@dataclass(frozen=True)
class Reason:
    """Why a faster training loop is ruled out.

    Parameters
    ----------
    condition : str
        Short name of what rules it out, such as "batch_events".
    message : str
        The same in words.
    rules_out : tuple of {"autograd", "cuda_graph", "closed_form", "pack"}
        Which loops; "pack" is training together with the other fits of a parallel call.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_warmstart import WarmStartClassifier
    >>> net = WarmStartClassifier(max_epochs=1, random_state=0, optimizer__fused=False)
    >>> net.fit(*load_iris(return_X_y=True)).training_route_.reasons[0].message
    "the optimizer's own step is to be called"
    """

    condition: str
    message: str
    rules_out: tuple[Ruled, ...]


@dataclass(frozen=True)
class Route:
    """Which loop trains an epoch, and why no faster one.

    Parameters
    ----------
    kind : {"skorch", "autograd", "cuda_graph", "closed_form"}
        skorch's own steps; forward, backward and update alone; recorded as a CUDA graph; or the gradient of the
        default network in closed form.
    packs : bool
        Whether the fit may train in a pack.
    reasons : tuple of Reason, default=()
        What rules out the loops that are faster, and packs.
    batch_events : bool, default=False
        Whether a callback, or the class of the net, is notified of each batch.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_warmstart import WarmStartClassifier
    >>> net = WarmStartClassifier(max_epochs=1, random_state=0).fit(*load_iris(return_X_y=True))
    >>> print(net.training_route_)
    closed_form, may train in a pack
    """

    kind: Kind
    packs: bool
    reasons: tuple[Reason, ...] = ()
    batch_events: bool = False

    def why_alone(self) -> str:
        """Return why the fit cannot train in a pack.

        Returns
        -------
        str
            The messages of the reasons; empty if it can.

        Examples
        --------
        >>> from sk_warmstart.training import Route
        >>> Route("closed_form", packs=True).why_alone()
        ''
        """
        return "; ".join(reason.message for reason in self.reasons if "pack" in reason.rules_out)

    def __str__(self) -> str:
        company = "may train in a pack" if self.packs else "trains alone"
        why = "; ".join(f"{reason.message} (rules out {', '.join(reason.rules_out)})" for reason in self.reasons)
        return f"{self.kind}, {company}" + (f": {why}" if why else "")


def route(net: TrainableNet, batches: Any, forward_params: dict[str, Any] | None = None) -> Route:
    """Choose the loop for a net that is about to train on batches; on any that suit, where they are None.

    A callback may change the net between epochs, so it is asked anew for each epoch.
    """
    overridden = _overridden(net)
    events = not overridden.isdisjoint(METHODS["batch_events"]) or _has_event_callback(net, training=True)
    reasons = list(_reasons_of_step(net, overridden, events))
    if not reasons:
        reasons = list(_reasons_of_calls(net, batches, overridden, forward_params or {}))
        reasons += _reasons_of_parts(net, batches)
    ruled_out = {name for reason in reasons for name in reason.rules_out}
    if "closed_form" in ruled_out and "cuda_graph" not in ruled_out and not _may_record(net, batches):
        reasons.append(Reason("device", "CUDA graphs are for CUDA devices", ("cuda_graph",)))
        ruled_out.add("cuda_graph")
    kind = next(kind for kind in _FASTEST_FIRST if kind not in ruled_out)
    faster = {"pack", *_FASTEST_FIRST[: _FASTEST_FIRST.index(kind)]}
    kept = tuple(reason for reason in reasons if not faster.isdisjoint(reason.rules_out))
    return Route(kind, "pack" not in ruled_out, kept, events)


def is_overridden(net: object, *names: str) -> bool:
    """Tell whether a user's class, or an extension of skorch that is not this library's, defines such a method."""
    cls: Any = type(net)
    own, others = vars(net), _foreign(cls)
    return any(name in own or any(name in each for each in others) for name in names)


def needs_batch_events(net: TrainableNet, training: bool, without: Sequence[Any] = ()) -> bool:
    """Tell whether the net, or a callback other than those in ``without``, is to be notified of each batch."""
    return is_overridden(net, *METHODS["batch_events"]) or _has_event_callback(net, training, without)


def has_no_hooks(parts: Sequence[nn.Module], parameters: Sequence[Tensor]) -> bool:
    """Tell whether nothing looks into forward and backward of modules, or changes what they compute."""
    return (
        not any(map(has_hooks, parameters))
        and not any(has_hooks(part) or "forward" in vars(part) for part in parts)
        and not has_global_hooks()
        and not torch.is_anomaly_enabled()
        and not torch.is_autocast_enabled(parameters[0].device.type)
    )


def _reasons_of_step(net: TrainableNet, overridden: set[str], events: bool) -> Iterator[Reason]:
    """Why only skorch's own step will do."""
    if events:
        yield Reason("batch_events", "a callback or the class of the net is notified of each batch", _ALL)
    own = overridden.intersection(METHODS["step"])
    if own:
        yield Reason("step", f"the class of the net overrides {_listed(own)}", _ALL)
    for name, callback in net.callbacks_:
        if _overrides(callback, "on_grad_computed") and not is_standard_companion(callback):
            yield Reason("gradient_callback", f"the callback {name!r} is notified of gradients", _ALL)
    if len(net._optimizers) != 1:
        yield Reason("optimizers", f"the net has {len(net._optimizers)} optimizers", _ALL)
    elif type(optimizer_of(net)).__name__ == "LBFGS":
        yield Reason("closure", "the optimizer LBFGS calls the network itself", _ALL)
    if needs_scaling(net):
        yield Reason("grad_scaler", "the loss of float16 is scaled", _ALL)
    if getattr(net, "accelerator", None) is not None:
        yield Reason("accelerator", "an accelerator takes the steps", _ALL)


def _reasons_of_calls(
    net: TrainableNet, batches: Any, overridden: set[str], forward_params: dict[str, Any]
) -> Iterator[Reason]:
    """What must be called for each batch or epoch, although the step is skorch's own."""
    own = overridden.intersection(METHODS["forward"] + METHODS["loss"])
    if own:
        yield Reason("forward_or_loss", f"the class of the net overrides {_listed(own)}", _BUT_AUTOGRAD)
    own = overridden.intersection(METHODS["loop"])
    if own:
        yield Reason("loop", f"the class of the net overrides {_listed(own)}", ("pack",))
    if uses_autocast(net):
        precision = vars(net)["autocast"]
        yield Reason("autocast", f"autocast={precision!r}: the net trains in mixed precision", _BUT_AUTOGRAD)
    if forward_params:
        yield Reason("forward_params", f"the module takes {_listed(forward_params)} too", _BUT_AUTOGRAD)
    if companions_of(net):
        message = "a callback wants to see each batch, to change gradients or weights"
        yield Reason("companions", message, _BUT_AUTOGRAD)
    if type(net.history_) is not History:
        yield Reason("history", "the history is shared or of a class of its own", ("closed_form", "pack"))
    if batches is not None and not isinstance(batches, TensorBatches):
        message = "the rows are not on the device, or have an iterator of their own"
        yield Reason("iterator", message, _BUT_AUTOGRAD)


def _reasons_of_parts(net: TrainableNet, batches: Any) -> Iterator[Reason]:
    """What network, loss, optimizer and rows rule out."""
    module, criterion, optimizer = (
        getattr(net, "module_", None),
        getattr(net, "criterion_", None),
        optimizer_of(net),
    )
    if not (isinstance(module, nn.Module) and isinstance(criterion, nn.Module)):
        yield Reason("parts", "module_ or criterion_ is no torch module", _BUT_AUTOGRAD)
        return
    if len(net._modules) != 1 or len(net._criteria) != 1:
        yield Reason("parts", "the net has several modules or criteria", ("closed_form", "pack"))
    if isinstance(criterion, nn.NLLLoss):
        yield Reason("nll_loss", "skorch takes logarithms before NLLLoss", _BUT_AUTOGRAD)
    bypass = may_bypass_step(net)
    if not bypass:
        yield Reason("update", "the optimizer's own step is to be called", ("cuda_graph", "closed_form"))
    parts = [*module.modules(), criterion]
    # As module.parameters(), in one pass over the layers less: this is asked for each epoch.
    found = {id(p): p for part in parts[:-1] for p in part._parameters.values() if p is not None}
    parameters = list(found.values())
    if not _trains_all(parameters, optimizer):
        yield Reason("parameters", "the optimizer trains only some parameters, or others too", _BUT_AUTOGRAD)
        return
    if not has_no_hooks(parts, parameters):
        yield Reason("hooks", "something is hooked to the module, the criterion or autograd", _BUT_AUTOGRAD)
    if not isinstance(batches, TensorBatches):
        return
    if bypass:
        yield from _reasons_of_closed_form(module, criterion, optimizer, batches)
    for condition, message in _reasons_of_pack(parts, criterion, optimizer, batches):
        yield Reason(condition, message, ("pack",))


def _reasons_of_closed_form(
    module: nn.Module, criterion: nn.Module, optimizer: torch.optim.Optimizer, batches: TensorBatches
) -> Iterator[Reason]:
    """Why autograd must compute the gradient; what was built for these parts has been checked before."""
    trainer = batches.trainer
    if trainer is None or trainer.module is not module or trainer.criterion is not criterion:
        why = why_no_closed_form(module, criterion, batches)
        if why is not None:
            yield Reason("closed_form", why, ("closed_form",))
            return
    if not has_uniform_state(optimizer):
        message = "the optimizer remembers more of some parameters than of others"
        yield Reason("optimizer_state", message, ("closed_form",))


def _may_record(net: TrainableNet, batches: TensorBatches | None) -> bool:
    """Tell whether steps can be recorded on the device of a net that nothing else keeps from it."""
    return getattr(batches, "graphed", None) is not None or can_record(next(net.module_.parameters()).device)


def _reasons_of_pack(
    parts: Sequence[nn.Module], criterion: nn.Module, optimizer: torch.optim.Optimizer, batches: TensorBatches
) -> Iterator[tuple[str, str]]:
    """What keeps a fit whose step is the default one out of a pack."""
    rows, group = batches.dataset, optimizer.param_groups[0]
    if "_orig_mod" in parts[0]._modules:
        yield "compiled", "the module is compiled"
    if has_sparse(rows.X):
        yield "sparse", "the rows are sparse"
    if rows.travels_to is not None:
        yield "streaming", "the rows do not fit on the device"
    if rows.y is None:
        yield "targets", "there are no targets"
    if type(optimizer) not in KINDS:
        yield "optimizer", f"packs have SGD, Adam and AdamW, not {type(optimizer).__name__}"
    if group.get("amsgrad") or group.get("maximize") or group.get("dampening"):
        yield "optimizer_options", "packs have no amsgrad, maximize and dampening"
    if any(tensor is not None for part in parts[:-1] for tensor in part._buffers.values()):
        yield "buffers", "the module has buffers (running statistics), which padded rows would spoil"
    if isinstance(criterion, OwnLoss):
        yield "own_loss", "the module computes its loss from a batch as a whole, which padded rows would spoil"
    if getattr(criterion, "reduction", None) != "mean":
        yield "reduction", "the criterion is no mean over rows"
    if isinstance(getattr(criterion, "weight", None), Tensor):
        yield "criterion_weight", "the criterion has weights of classes"


def _trains_all(parameters: Sequence[Tensor], optimizer: torch.optim.Optimizer) -> bool:
    """Tell whether an optimiser trains these parameters, as one group, and nothing else."""
    trained = optimizer.param_groups[0]["params"]
    return (
        len(optimizer.param_groups) == 1
        and len(trained) == len(parameters)
        and all(one is other and one.requires_grad for one, other in zip(trained, parameters, strict=True))
        and len({(p.dtype, p.device) for p in parameters}) == 1
    )


def _overridden(net: object) -> set[str]:
    """Names that a user's class, or the net itself, defines; those of this library and of skorch do not count."""
    cls: Any = type(net)
    return set(vars(net)).union(*_foreign(cls))


@functools.lru_cache(maxsize=64)  # asked for each epoch
def _foreign(cls: Any) -> list[Mapping[str, Any]]:
    """What the classes define that are neither this library's nor skorch's."""
    return [vars(each) for each in cls.__mro__ if each not in _SKORCH and not _is_ours(each)]


def _has_event_callback(net: TrainableNet, training: bool, without: Sequence[Any] = ()) -> bool:
    """Tell whether a callback is to be notified of each batch."""
    return any(
        _takes_batch_events(callback, training)
        for _, callback in net.callbacks_
        if not any(callback is other for other in without)
    )


def _is_ours(cls: type) -> bool:
    return cls is object or cls.__module__.partition(".")[0] in (_LIBRARY, "sklearn")


def _overrides(callback: Any, name: str) -> bool:
    """Tell whether a callback has a method that is not skorch's empty one."""
    return name in vars(callback) or getattr(type(callback), name, None) is not getattr(Callback, name)


def _takes_batch_events(callback: Any, training: bool) -> bool:
    if isinstance(callback, EpochScoring) and type(callback).on_batch_end is EpochScoring.on_batch_end:
        return callback.on_train == training
    if isinstance(callback, LRScheduler) and type(callback).on_batch_end is LRScheduler.on_batch_end:
        return training and callback.step_every == "batch"
    return any(_overrides(callback, name) for name in METHODS["batch_events"])


def _listed(names: Any) -> str:
    return ", ".join(sorted(names))
