"""Who listens to single batches, and what a user has made his own: what decides which loop may run."""

from __future__ import annotations

from typing import Any

from skorch import NeuralNet, NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Callback, EpochScoring, LRScheduler

from ._autocast import needs_scaling
from ._companion import is_quiet_companion

_SKORCH = (NeuralNet, NeuralNetClassifier, NeuralNetRegressor)
_LIBRARY = __name__.partition(".")[0]
_STEP_METHODS = (
    "train_step",
    "train_step_single",
    "get_train_step_accumulator",
    "on_grad_computed",
    "_step_optimizer",
    "_zero_grad_optimizer",
)


def is_own(net: Any, *names: str) -> bool:
    """Tell whether a user's class, or another extension of skorch, defines one of these methods.

    Parameters
    ----------
    net : skorch.NeuralNet
        The estimator, one of this library.
    *names : str
        Names of methods.

    Returns
    -------
    bool
        False if all of them are this library's and those of skorch that it knows.
    """
    if not vars(net).keys().isdisjoint(names):
        return True
    others = [cls for cls in type(net).__mro__ if cls not in _SKORCH and not _is_ours(cls)]
    return any(name in vars(cls) for cls in others for name in names)


def hears_batches(net: Any, training: bool, but: tuple[Any, ...] = ()) -> bool:
    """Tell whether the net or one of its callbacks wants to know of each batch.

    Parameters
    ----------
    net : skorch.NeuralNet
        The estimator.
    training : bool
        Whether the batches train, or only validate.
    but : tuple of skorch.callbacks.Callback, default=()
        Callbacks that need not hear.

    Returns
    -------
    bool
        Whether skorch's notifications are needed.
    """
    if is_own(net, "on_batch_begin", "on_batch_end"):
        return True
    return any(
        _listens(callback, training)
        for _, callback in net.callbacks_
        if not any(callback is other for other in but)
    )


def steps_plainly(net: Any, with_companions: bool = False) -> bool:
    """Tell whether a training step is skorch's, with one optimiser that needs no closure.

    Parameters
    ----------
    net : skorch.NeuralNet
        The estimator.
    with_companions : bool, default=False
        Whether companions may take part in a plain step.

    Returns
    -------
    bool
        Whether forward, loss, backward and update are all that happens.
    """
    return (
        not is_own(net, *_STEP_METHODS)
        and not any(
            overrides(callback, "on_grad_computed", Callback)
            for _, callback in net.callbacks_
            if not (with_companions and is_quiet_companion(callback))
        )
        and len(net._optimizers) == 1
        and not needs_closure(net)
        and not needs_scaling(net)
        and getattr(net, "accelerator", None) is None
    )


def needs_closure(net: Any) -> bool:
    """Tell whether the optimiser calls the network itself."""
    return type(getattr(net, net._optimizers[0] + "_")).__name__ == "LBFGS"


def overrides(obj: Any, name: str, base: type) -> bool:
    """Tell whether an object has a method that is not its base's."""
    return name in vars(obj) or getattr(type(obj), name, None) is not getattr(base, name)


def _listens(callback: Any, training: bool) -> bool:
    if isinstance(callback, EpochScoring) and type(callback).on_batch_end is EpochScoring.on_batch_end:
        return callback.on_train == training
    if isinstance(callback, LRScheduler) and type(callback).on_batch_end is LRScheduler.on_batch_end:
        return training and callback.step_every == "batch"
    return any(overrides(callback, name, Callback) for name in ("on_batch_begin", "on_batch_end"))


def _is_ours(cls: type) -> bool:
    return cls is object or cls.__module__.partition(".")[0] in (_LIBRARY, "sklearn")
