"""Packing of a fit with the others of a parallel call."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Generator
from typing import Any

from ...modules import is_stochastic
from ...training import (
    Losses,
    Member,
    PackAborted,
    RandomStreams,
    TensorBatches,
    child_seed,
    current_rendezvous,
    peek_seed,
    route,
)
from .._protocol import WarmStartNet

Course = Generator[None, Losses | None, None]


def stop_if_given_up() -> None:
    """End a fit that trains alone, if its parallel call was given up: nobody waits for it any more."""
    rendezvous = current_rendezvous()
    if rendezvous is not None and rendezvous.aborted:
        raise PackAborted


def fit_in_pack(net: WarmStartNet, X: Any, y: Any, epochs: int, forward_params: dict[str, Any]) -> bool:
    """Train with the other fits of a parallel call; False, and nothing has happened, if it must train alone."""
    rendezvous = current_rendezvous()
    if rendezvous is None:
        return False
    taken = route(net, None, forward_params)
    if taken.packs:  # a split and batches of the user's own are made once only
        train, valid = net.get_split_datasets(X, y)
        batches = net.get_iterator(train, training=True)
        taken = route(net, batches, forward_params)
        if taken.packs:
            net.run_.follow(net, taken)
            course = _course(net, batches, train, valid, epochs, forward_params)
            return rendezvous.join(_member(net, batches, course)) or _go_on(net, course)
    return False


def _go_on(net: WarmStartNet, course: Course) -> bool:
    """Train on alone, where a pack could not; False, and nothing has happened, if it had not begun."""
    begun = inspect.getgeneratorstate(course) == inspect.GEN_SUSPENDED
    if begun:
        streams = net._current.streams or RandomStreams(None)
        with streams.forward(is_stochastic(net.module_)), contextlib.suppress(StopIteration):
            course.send(None)
    return begun


def _member(net: WarmStartNet, batches: TensorBatches, course: Course) -> Member:
    forward = None
    if is_stochastic(net.module_):
        seed = net._current.seed
        forward = child_seed(peek_seed() if seed is None else seed, "forward")
    return Member(net.module_, net.criterion_, net.optimizer_, batches, course, forward, net._augmentation())


def _course(
    net: WarmStartNet, batches: TensorBatches, train: Any, valid: Any, epochs: int, forward_params: dict[str, Any]
) -> Course:
    """skorch's loop around the epochs, which are trained elsewhere, or, from where None is sent, here."""
    valid_batches = None if valid is None else net.get_iterator(valid, training=False)
    datasets = {"dataset_train": train, "dataset_valid": valid}
    packed = True
    for _ in range(epochs):
        net.notify("on_epoch_begin", **datasets)
        found = (yield) if packed else None
        packed = found is not None
        if found is None:
            net.run_single_epoch(batches, True, "train", net.train_step, **forward_params)
        else:
            losses, sizes = found
            pairs = zip(losses, sizes, strict=True)
            entries = ({"train_loss": loss, "train_batch_size": size} for loss, size in pairs)
            net.history_[-1]["batches"].extend(entries)
            net.history.record("train_batch_count", len(losses))
        net.run_single_epoch(valid_batches, training=False, prefix="valid", step_fn=net.validation_step)
        net.notify("on_epoch_end", **datasets)
