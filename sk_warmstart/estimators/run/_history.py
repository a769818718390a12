"""The history that training leaves, bounded over calls without end."""

from __future__ import annotations

from itertools import islice

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
