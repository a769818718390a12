"""What belongs to the training at hand, and the history that it leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from skorch.history import History

from ...state import Donor, NetState
from ...training import RandomStreams, Rows, ValidationMonitor
from ..input._views import Shown
from ._progress import Progress
from ._validation import Validated

HISTORY_EPOCHS = 1000


class StopTraining(KeyboardInterrupt):
    """Ends training early: skorch's loop takes a KeyboardInterrupt for a wish to stop."""


@dataclass
class Session:
    """What belongs to the training at hand: one ``fit``, or a row of ``partial_fit`` calls.

    Parameters
    ----------
    streams : RandomStreams
        Random numbers of training.
    warm : bool
        Whether it starts from a donor.
    seed : int or None
        Seed of all that is drawn; None where torch's global generator is used.
    resumes : Donor or None
        Whose row of partial fits it goes on with.
    shown : Shown
        What callbacks and splits see of the rows.
    known : int
        Rows of the history that were there before the call at hand.
    remake : callable or None
        Makes the start anew; there until training begins, for callbacks that change what is built.
    progress : Progress or None
        Tells scikit-learn's callbacks of the epochs.
    fresh, previous : NetState or None
        The fresh draw and the donor's state, in the network's layout, until training ends.
    """

    streams: RandomStreams
    warm: bool
    train: Rows | None = None
    valid: Rows | None = None
    monitor: ValidationMonitor | None = None
    began: bool = False
    evaluates_start: bool = False
    resumes: Donor | None = None
    seed: int | None = None
    fresh: NetState | None = None
    previous: NetState | None = None
    valid_score: float | None = None
    forward_params: dict[str, Any] = field(default_factory=dict)
    epochs: int = 0
    validated: Validated | None = None
    past: History = field(default_factory=History)
    grad_scaler: torch.amp.GradScaler | None = None
    shown: Shown = field(default_factory=Shown)
    remake: Callable[[], Any] | None = None
    known: int = 0
    progress: Progress | None = None

    def scaled(self) -> torch.amp.GradScaler:
        """Return what scales the loss of float16; its scale goes on over partial fits."""
        if self.grad_scaler is None:
            self.grad_scaler = torch.amp.GradScaler("cuda")
        return self.grad_scaler


def copied(history: History | None) -> History:
    """Copy a history, not its rows: nothing changes those of an earlier call."""
    return History(history or ())


def joined(past: History, done: History) -> History:
    """Append the epochs of a fit to those before it; ``event_fit`` marks where they begin.

    Parameters
    ----------
    past, done : History
        The rows before, changed in place, and the new ones.

    Returns
    -------
    History
        As :func:`trimmed` leaves all rows.
    """
    if not past:
        return done
    if done:
        done[0]["event_fit"] = True
    known = len(past)
    past.extend(done)
    return trimmed(past, known)


def trimmed(history: History, known: int) -> History:
    """Keep the history of fits and partial fits, which may never end, from growing.

    Of epochs before the last call no batches stay, and no more than make 1000 epochs with its own; those all stay.

    Parameters
    ----------
    history : History
        All rows. The list is changed in place, its rows are not.
    known : int
        How many of them were there before the last call.

    Returns
    -------
    History
        The same.
    """
    dropped = max(0, min(known, len(history) - HISTORY_EPOCHS))
    del history[:dropped]
    for i, row in enumerate(islice(history, known - dropped)):  # indexing a History is slow
        if row["batches"]:
            history[i] = {**row, "batches": []}
    return history
