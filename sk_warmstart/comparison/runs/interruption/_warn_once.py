"""Warnings of many fits, each shown once."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def warn_once() -> Iterator[None]:
    """Show a warning only where none of its kind, whatever the numbers in it, was shown before."""
    seen = set()
    with warnings.catch_warnings():
        show = warnings.showwarning

        def show_new(message: Any, category: Any, *where: Any, **more: Any) -> None:
            kind = category, re.sub(r"\d+", "", str(message))
            if kind not in seen:
                seen.add(kind)
                show(message, category, *where, **more)

        warnings.showwarning = show_new
        yield
