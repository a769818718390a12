"""Cells of a long benchmark: each is kept as soon as it is done, and paired intervals over those that are."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sk_warmstart.statistics import clustered_t

Key = tuple[str, str, int, int]  # setting, arm, number of labels, seed


class Cells:
    """What each arm got right, in a file that a later run continues."""

    def __init__(self, file: Path | None, until: float):
        self.file, self.until = file, until
        self.done: dict[Key, dict[str, Any]] = {}
        self._read()

    def run(self, plan: Iterable[Key], work: Callable[..., dict[str, Any]]) -> None:
        """Do the cells that are missing, until the time is up."""
        for key in plan:
            self._read()
            if key in self.done:
                continue
            if time.perf_counter() > self.until:
                print("time is up: run again to continue", flush=True)
                return
            began = time.process_time()
            result = work(*key)
            hits = np.asarray(result.pop("hits"), dtype=bool)
            cell = {
                "key": key,
                "accuracy": float(hits.mean()),
                "seconds": round(result.pop("seconds", time.process_time() - began), 2),
                **result,
                "n_test": len(hits),
                "hits": np.packbits(hits).tobytes().hex(),
            }
            print(*key, f"{cell['accuracy']:.4f} in {cell['seconds']} s", flush=True)
            self._keep(key, cell)

    def _read(self) -> None:
        if self.file is not None and self.file.exists():
            self.done |= {tuple(cell["key"]): cell for cell in json.loads(self.file.read_text())["cells"]}

    def _keep(self, key: Key, cell: dict[str, Any]) -> None:
        """Add a cell to what other runs may have written meanwhile."""
        self._read()
        self.done[key] = cell
        if self.file is not None:
            text = json.dumps({"cells": [self.done[each] for each in sorted(self.done)]})
            beside = self.file.with_suffix(".tmp")
            beside.write_text(text.replace('{"key"', '\n {"key"') + "\n")
            beside.replace(self.file)

    def seeds(self, setting: str, arm: str, n: int) -> list[int]:
        """Seeds of which an arm's cell is done."""
        return sorted(key[3] for key in self.done if key[:3] == (setting, arm, n))

    def mean(self, setting: str, arm: str, n: int, what: str) -> float | None:
        """Mean of a number over the seeds; None without any."""
        found = [self.done[setting, arm, n, seed].get(what) for seed in self.seeds(setting, arm, n)]
        numbers = [each for each in found if each is not None]
        return float(np.mean(numbers)) if numbers else None

    def gain(
        self, setting: str, arm: tuple[str, int], against: tuple[str, int], tested: Callable[[str, int], NDArray]
    ) -> tuple[float, float, float] | None:
        """Return the paired gain in points and its 95 % interval, clustered by seed and by test row."""
        both = [s for s in self.seeds(setting, *arm) if s in self.seeds(setting, *against)]
        if len(both) < 2:
            return None
        rows = [np.asarray(tested(setting, seed)) for seed in both]
        shape = len(both), 1 + max(int(each.max()) for each in rows)
        differences, weights = np.zeros(shape), np.zeros(shape)
        for i, (seed, index) in enumerate(zip(both, rows, strict=True)):
            hits = [self._hits((setting, *which, seed)).astype(float) for which in (arm, against)]
            weights[i, index] = 1 / len(index)
            differences[i, index] = (hits[0] - hits[1]) / len(index)
        some = weights.any(axis=0)
        posterior = clustered_t(differences[:, some], weights[:, some])
        low, high = posterior.interval(0.95)
        return 100 * posterior.mean, 100 * low, 100 * high

    def _hits(self, key: Key) -> NDArray:
        cell = self.done[key]
        return np.unpackbits(np.frombuffer(bytes.fromhex(cell["hits"]), np.uint8))[: cell["n_test"]]
