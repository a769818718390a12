"""Size of a checkpoint, and the time it takes to write and to read one."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ....estimators import WarmStartMixin
from ....state import Checkpoint
from .._estimators import Estimator


def cost_of_checkpoint(estimator: Estimator, place: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row with bytes and seconds; none where an estimator is of another library."""
    if not isinstance(estimator, WarmStartMixin):
        return []
    with TemporaryDirectory() as folder:
        began = time.perf_counter()
        path = Path(folder) / "state.safetensors"
        Checkpoint.from_estimator(estimator).save(path)
        saved = time.perf_counter()
        Checkpoint.load(path)
        loaded = time.perf_counter()
        times = {"seconds": saved - began, "loading_seconds": loaded - saved}
        return [{**place, "bytes": path.stat().st_size, **times}]
