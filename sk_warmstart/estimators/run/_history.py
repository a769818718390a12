"""The history that training leaves, bounded over calls without end."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
from skorch.callbacks import PassthroughScoring
from skorch.history import History

HISTORY_EPOCHS = 1000


def copied(history: History | None) -> History:
    """Copy a history, not its rows: nothing changes those of an earlier call."""
    return History(history or ())


def joined(past: History, done: History) -> History:
    """Append the epochs of a fit to those before it; ``event_fit`` marks where they begin."""
    _drop_unnumbered(done)
    if not past:
        return done
    if done:
        done[0]["event_fit"] = True
    n_before = len(past)
    past.extend(done)
    return trimmed(past, n_before)


def _drop_unnumbered(history: History) -> None:
    """Drop a last epoch that was interrupted before it had its number, which later ones are counted from."""
    last = list(history)[-1:]
    if last and "epoch" not in last[0]:
        del history[-1]


def trimmed(history: History, n_before: int) -> History:
    """Bound a history in place: older epochs lose their batches, and make up 1000 epochs with the last call's."""
    _drop_unnumbered(history)
    dropped = max(0, min(n_before, len(history) - HISTORY_EPOCHS))
    del history[:dropped]
    for i, row in enumerate(islice(history, n_before - dropped)):  # indexing a History is slow
        if row["batches"]:
            history[i] = {**row, "batches": []}
    return history


def record_average(history: Any, callback: PassthroughScoring) -> bool:
    """Record a score of batches for their epoch as skorch's callback does, which looks everything up five times.

    False where that is the callback's own task: another kind of history, or a score that only some batches have.
    """
    if type(history) is not History or not history:
        return False
    epoch = list.__getitem__(history, -1)
    name, size = callback.name, ("train" if callback.on_train else "valid") + "_batch_size"
    batches = epoch["batches"]
    if not any(name in batch for batch in batches):
        return bool(batches)
    if not all(name in batch and size in batch for batch in batches):
        return False
    scores, weights = (np.array([batch[key] for batch in batches], dtype=float) for key in (name, size))
    average = np.multiply(scores, weights).sum() / weights.sum()
    epoch[name] = average
    if callback.lower_is_better is not None:
        is_best = average < callback.best_score_ if callback.lower_is_better else average > callback.best_score_
        if is_best:
            callback.best_score_ = average
        epoch[name + "_best"] = bool(is_best)
    return True
