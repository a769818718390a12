"""Rollback of a call that fails, at whatever moment, and the modes of torch that it trains in."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch

from ...state import network_of
from ...training import Snapshot
from .._protocol import WarmStartNet

_LEFT_OPEN: list[Any] = []  # what puts torch out of an inference mode whose end was interrupted


@contextlib.contextmanager
def all_or_nothing(estimator: Any, live: bool = False) -> Iterator[None]:
    """Put back the attributes that the estimator had before, if the block fails.

    ``live`` puts back network, optimiser and random numbers too: a partial fit trains what is at hand.
    """
    before = dict(vars(estimator))
    undo = _undo_training(estimator) if live and estimator.initialized_ else None
    try:
        with _training_modes():
            yield
    except BaseException:
        # Twice: a second Ctrl-C may interrupt the first time.
        try:
            _put_back(estimator, before, undo)
        finally:
            _put_back(estimator, before, undo)
        raise


def _put_back(estimator: Any, before: dict[str, Any], undo: Callable[[], None] | None) -> None:
    # All attributes at once: there is no moment at which there are none.
    object.__setattr__(estimator, "__dict__", dict(before))
    if undo is not None:
        undo()


def _undo_training(net: WarmStartNet) -> Callable[[], None]:
    network, optimizer = network_of(net), net.optimizer_
    before = Snapshot(network, optimizer)
    streams = net._current.streams
    drawn = None if streams is None else streams.__getstate__()

    def undo() -> None:
        before.restore(network, optimizer)
        if streams is not None and drawn is not None:
            streams.__setstate__(drawn)

    return undo


@contextlib.contextmanager
def _training_modes() -> Iterator[None]:
    """Record gradients whatever was set before, and leave torch's modes as they were, interrupted or not."""
    grad, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        if torch.is_inference_mode_enabled() != inference:
            _LEFT_OPEN.append(torch.inference_mode(inference))
            _LEFT_OPEN[-1].__enter__()
        torch.set_grad_enabled(grad)
