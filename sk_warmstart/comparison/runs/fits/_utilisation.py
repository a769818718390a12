"""How busy processors are during a fit."""

from __future__ import annotations

import threading
import time

import torch


class ProcessClock:
    """Processor time of this process since it was made, over all its threads."""

    def __init__(self) -> None:
        # Beside other threads of the user's it would be theirs too.
        self._alone = threading.current_thread() is threading.main_thread()
        self._began = time.process_time()

    @property
    def seconds(self) -> float:
        """Seconds so far; NaN where other threads work for others."""
        return time.process_time() - self._began if self._alone else float("nan")


def gpu_utilisation() -> float:
    """Return the share of the last moments that the GPU was busy; NaN where that cannot be asked."""
    try:
        return torch.cuda.utilization() / 100
    except Exception:  # without the library that asks the driver
        return float("nan")
