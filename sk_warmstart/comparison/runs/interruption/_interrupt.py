"""Ctrl-C, noticed also where a fit takes it for a wish to stop early and returns."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Interrupts:
    """Whether the user has pressed Ctrl-C."""

    def __init__(self) -> None:
        self.happened = False

    def check(self) -> None:
        """Raise the KeyboardInterrupt that a fit may have swallowed."""
        if self.happened:
            raise KeyboardInterrupt


@contextmanager
def watch_interrupts() -> Iterator[Interrupts]:
    """Watch for Ctrl-C, where this thread is the one that receives it."""
    interrupts = Interrupts()
    before: Any = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is not signal.default_int_handler:
        yield interrupts  # another handler has its reasons
        return

    def note(number: int, frame: FrameType | None) -> None:
        interrupts.happened = True
        before(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)
