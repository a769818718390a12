"""What the benchmarks of speed share: interleaved runs, medians, and the files that they write."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import skorch
import torch


def interleaved(
    peers: dict[str, Callable[[], Any]], runs: int, warm_up: bool = True
) -> dict[str, dict[str, float]]:
    """Time the peers in turn, so that a busy machine is unfair to all of them alike.

    Parameters
    ----------
    peers : dict of callables
        What to time.
    runs : int
        Rounds.
    warm_up : bool, default=True
        Whether a round that is not counted comes first.

    Returns
    -------
    dict
        For each peer the median milliseconds of ``process`` and ``wall`` time.
    """
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in peers}
    for round_ in range(0 if warm_up else 1, runs + 1):
        for name, run in peers.items():
            wall, process = time.perf_counter(), time.process_time()
            run()
            if round_:
                seconds[name].append((time.process_time() - process, time.perf_counter() - wall))
    return {
        name: {
            "process": statistics.median(each[0] for each in taken) * 1e3,
            "wall": statistics.median(each[1] for each in taken) * 1e3,
        }
        for name, taken in seconds.items()
    }


def made_by(script: str, **settings: Any) -> dict[str, Any]:
    """Return what numbers were made by: settings, machine, versions."""
    return {
        "script": script,
        **settings,
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "scikit-learn": sklearn.__version__,
        "skorch": skorch.__version__,
        "numpy": np.__version__,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Return rows as a Markdown table; numbers with three digits."""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for row in rows:
        lines.append("| " + " | ".join(_text(row[name]) for name in names) + " |")
    return "\n".join(lines)


def write(out: Path | None, rows: list[dict[str, Any]], about: dict[str, Any]) -> None:
    """Print the table, and write OUT.json and OUT.md where asked to."""
    text = table(rows) + "\n\n" + ", ".join(f"{key}: {value}" for key, value in about.items()) + "\n"
    print(text, flush=True)
    if out is not None:
        out.with_suffix(".json").write_text(json.dumps({"made_by": about, "rows": rows}, indent=1) + "\n")
        out.with_suffix(".md").write_text(text)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return "-" if value is None else str(value)
