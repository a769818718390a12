"""Runs made by hand, as the comparator records them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sk_warmstart.comparison._row_scores import RowScores
from sk_warmstart.comparison.findings._rows import RowTable


def runs(*rows: tuple[Any, ...]) -> pd.DataFrame:
    """Runs of 10 epochs with 100 rows, on one phase; (repeat, arm, final validation score)."""
    table = pd.DataFrame(rows, columns=["repeat", "arm", "final_valid_score"])
    return table.assign(n_fit=100, error="", stream=0, phase=2, epochs=10, samples=1000, score=0.9, seconds=1.0)


def curve(repeat: int, arm: str, scores: list[float]) -> pd.DataFrame:
    """Validation scores of a run, from epoch 0 on."""
    epochs = np.arange(len(scores))
    return pd.DataFrame({"epoch": epochs, "samples": 100 * epochs, "valid_score": scores}).assign(
        repeat=repeat, arm=arm, stream=0, phase=2
    )


def frame(differences: np.ndarray) -> pd.DataFrame:
    """Runs of two arms whose scores differ so; one phase, no validation scores."""
    cold = np.full(len(differences), 0.8)
    return frame_of_scores(cold[:, None], (cold + differences)[:, None])


def frame_of_scores(cold: np.ndarray, other: np.ndarray) -> pd.DataFrame:
    """The same from arrays of shape (replicates, phases)."""
    n, phases = cold.shape
    place = pd.MultiIndex.from_product([range(n), range(2, 2 + phases)], names=["repeat", "phase"])
    arms = [
        place.to_frame(index=False).assign(arm=arm, score=scores.ravel())
        for arm, scores in (("cold", cold), ("other", other))
    ]
    untimed = ["final_valid_score", "target", "epochs_to_target", "samples_to_target", "cold_samples_to_target"]
    return pd.concat(arms, ignore_index=True).assign(
        **dict.fromkeys(untimed, np.nan),
        stream=0,
        epochs=10,
        samples=1000,
        n_fit=100,
        error="",
        seconds=0.1,
        reached=False,
        reached_by_cold=False,
    )


def row_table(values: dict[str, np.ndarray]) -> RowTable:
    """Scores of the same test rows in all runs, from arrays of shape (replicates, phases, rows)."""
    return RowTable(
        [
            RowScores(repeat, 0, phase + 2, arm, np.arange(scores.shape[2]), row.astype(float), True)
            for arm, scores in values.items()
            for repeat, by_phase in enumerate(scores)
            for phase, row in enumerate(by_phase)
        ]
    )
