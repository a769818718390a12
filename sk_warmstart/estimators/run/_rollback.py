"""Rollback of a call that fails."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ...state import network_of
from ...training import Snapshot
from .._protocol import WarmStartNet


@contextlib.contextmanager
def all_or_nothing(estimator: Any) -> Iterator[None]:
    """Put back the attributes that the estimator had before, if the block fails."""
    before = dict(estimator.__dict__)
    try:
        yield
    except BaseException:
        estimator.__dict__.clear()
        estimator.__dict__.update(before)
        raise


@contextlib.contextmanager
def live_or_back(net: WarmStartNet) -> Iterator[None]:
    """Put back network, optimiser and random numbers of a partial fit that fails; it trains what is at hand."""
    if not net.initialized_:
        yield
        return
    network, optimizer = network_of(net), net.optimizer_
    before = Snapshot(network, optimizer)
    streams = net._current.streams
    drawn = None if streams is None else streams.__getstate__()
    try:
        yield
    except BaseException:
        before.restore(network, optimizer)
        if streams is not None and drawn is not None:
            streams.__setstate__(drawn)
        raise
