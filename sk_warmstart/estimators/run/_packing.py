"""Packing of a fit with the others of a parallel call."""

from __future__ import annotations

import logging
from collections.abc import Generator
from typing import Any

from skorch.history import History

from ...modules import is_stochastic
from ...state import network_of
from ...training import (
    Losses,
    Member,
    PackAborted,
    child_seed,
    current_meeting,
    hears_batches,
    is_own,
    peek_seed,
    steps_plainly,
    uses_autocast,
    why_alone,
)
from .._protocol import WarmStartNet

log = logging.getLogger(__name__)

# What a subclass may override and a pack would not call.
_STEPS = ("get_loss", "infer", "run_single_epoch", "fit_loop", "get_iterator")


def stop_if_given_up() -> None:
    """End a fit that trains alone, if its parallel call was given up: nobody waits for it any more."""
    meeting = current_meeting()
    if meeting is not None and meeting.aborted:
        raise PackAborted


def fit_in_pack(net: WarmStartNet, X: Any, y: Any, epochs: int, forward_params: dict[str, Any]) -> bool:
    """Train with the other fits of a parallel call; False, and nothing has happened, if it must train alone."""
    meeting = current_meeting()
    if meeting is None:
        return False
    reason = _reason_to_train_alone(net, forward_params)
    if reason is None:
        member = _member(net, X, y, epochs)
        reason = why_alone(member)
        if reason is None:
            return meeting.join(member)
    log.info("a fit of %s runs alone: %s", type(net).__name__, reason)
    return False


def _reason_to_train_alone(net: WarmStartNet, forward_params: dict[str, Any]) -> str | None:
    if uses_autocast(net):
        return f"autocast={net.autocast!r}, and packs train in the network's own precision"
    if net.run_.train is None:
        return "its rows do not live on the device"
    if type(net.history_) is not History:
        return "its history is shared"
    if forward_params:
        return "its module takes further arguments"
    if hears_batches(net, True) or not steps_plainly(net):
        return "a callback or a method of its own wants to see each batch"
    if is_own(net, *_STEPS):
        return "its class has steps of its own"
    if network_of(net) is not net.module_:
        return "it trains more than its module"
    return None


def _member(net: WarmStartNet, X: Any, y: Any, epochs: int) -> Member:
    train, valid = net.get_split_datasets(X, y)
    batches = net.get_iterator(train, training=True)
    course = _course(net, train, valid, epochs)
    forward = None
    if is_stochastic(net.module_):
        seed = net._current.seed
        forward = child_seed(peek_seed() if seed is None else seed, "forward")
    return Member(net.module_, net.criterion_, net.optimizer_, batches, course, forward)


def _course(net: WarmStartNet, train: Any, valid: Any, epochs: int) -> Generator[None, Losses, None]:
    """skorch's loop around the epochs, which are trained elsewhere."""
    valid_batches = None if valid is None else net.get_iterator(valid, training=False)
    datasets = {"dataset_train": train, "dataset_valid": valid}
    for _ in range(epochs):
        net.notify("on_epoch_begin", **datasets)
        losses, sizes = yield
        pairs = zip(losses, sizes, strict=True)
        net.history_[-1]["batches"].extend({"train_loss": loss, "train_batch_size": size} for loss, size in pairs)
        net.history.record("train_batch_count", len(losses))
        net.run_single_epoch(valid_batches, training=False, prefix="valid", step_fn=net.validation_step)
        net.notify("on_epoch_end", **datasets)
