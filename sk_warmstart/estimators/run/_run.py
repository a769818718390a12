"""One training call: its rows, its start and its counters."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from skorch.history import History

from ...state import Donor, NetState
from ...training import Route, ValidationMonitor
from .._learned import Learned
from .._protocol import WarmStartNet
from ..input._views import Views
from ._progress import Progress
from ._validation import Validated

log = logging.getLogger(__name__)


class StopTraining(KeyboardInterrupt):
    """Ends training early: skorch's loop takes a KeyboardInterrupt for a wish to stop."""


@dataclass
class Run:
    """What belongs to one call of ``fit`` or ``partial_fit``, and to nothing after it.

    ``train`` and ``valid`` are rows on the device, or datasets. ``learned`` is what the net will have learned once
    the call succeeds. ``fresh`` and ``previous`` are the fresh draw and the donor's state in the network's layout.
    ``n_history_before`` counts the rows of the history that a partial fit found; ``past`` holds those that a fit
    puts before its own. ``remake`` makes the start anew after a callback changed what is built; it is there until
    training begins.
    """

    learned: Learned
    train: Any = None
    valid: Any = None
    class_weight: Any = None
    monitor: ValidationMonitor | None = None
    progress: Progress | None = None
    views: Views = field(default_factory=Views)
    continues: bool = False
    redraws: bool = False
    evaluates_start: bool = False
    resume_from: Donor | None = None
    fresh: NetState | None = None
    previous: NetState | None = None
    past: History = field(default_factory=History)
    n_history_before: int = 0
    remake: Callable[[], None] | None = None
    forward_params: dict[str, Any] = field(default_factory=dict)
    n_epochs: int = 0
    n_begun: int = 0
    stopped: bool = False
    interrupted: bool = False
    route: Route | None = None
    validated: Validated | None = None
    scored_on: str | None = None

    def restart(self) -> bool:
        """Make the start anew, if training has not begun; tell whether it was made."""
        if self.remake is None:
            return False
        self.remake()
        return True

    def follow(self, net: WarmStartNet, route: Route) -> None:
        """Keep, and log, which loop trained the first epoch and why."""
        self.route = route
        log.info("a fit of %s trains by %s", type(net).__name__, route)

    def learn(self, **changes: Any) -> None:
        """Change what the net will have learned."""
        self.learned = replace(self.learned, **changes)

    def loss_scaler(self) -> torch.amp.GradScaler:
        """Return what scales the loss of float16; its scale continues over partial fits."""
        if self.learned.loss_scaler is None:
            self.learn(loss_scaler=torch.amp.GradScaler("cuda"))
        assert self.learned.loss_scaler is not None
        return self.learned.loss_scaler


@contextmanager
def running(net: WarmStartNet, run: Run) -> Iterator[None]:
    """Let skorch's hooks find the run while they are called; afterwards no trace of it is left on the net."""
    net.run_ = run
    try:
        yield
    finally:
        del net.run_
