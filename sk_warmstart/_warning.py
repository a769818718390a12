"""Warnings that point at the line of the user's which led to them."""

from __future__ import annotations

import sys
import warnings

# What lies between that line and the warning, whichever way it came.
_BETWEEN = {"sk_warmstart", "skorch", "sklearn", "joblib", "contextlib", "functools", "concurrent", "threading"}


def warn_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn of the line that called this library, or called another one that did; in a thread, of our own."""
    frame, level = sys._getframe(1), 2
    while frame.f_globals.get("__name__", "").partition(".")[0] in _BETWEEN:
        if frame.f_back is None:
            level = 2
            break
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def warn_renamed(old: str, new: str) -> None:
    """Warn that a name is an old one."""
    warn_caller(
        f"{old} is called {new} since version 0.2; the old name will be removed in version 0.3", FutureWarning
    )
