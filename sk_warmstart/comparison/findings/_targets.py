"""When each run reached the validation score that an arm and cold are timed to."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...statistics._speedup import effort_to_target
from .._names import REFERENCE

RUN = ["repeat", "stream", "phase"]  # of all arms


def reach_targets(results: pd.DataFrame, curves: pd.DataFrame, rope: float, target: float | None) -> pd.DataFrame:
    """Add to each run the target of its pair, and when the arm and cold reached it.

    The target is the lower one of both final validation scores, less the ROPE in units of that score, which both
    reach: equal arms are then timed alike. ``reached`` says whether the run reached what cold ended with, less the
    ROPE, and ``reached_by_cold`` whether cold reached what the arm ended with. A ``target`` of the user's is that
    of all runs; one that never reached it has NaN.
    """
    cold = results[results["arm"] == REFERENCE].set_index(RUN)["final_valid_score"]
    mine = results["final_valid_score"].to_numpy(dtype=float)
    of_cold = cold.reindex(pd.MultiIndex.from_frame(results[RUN])).to_numpy(dtype=float)
    if target is None:
        targets, reached_when = np.minimum(mine, of_cold) - rope, (of_cold - rope, mine - rope)
    else:
        targets = np.full(len(results), float(target))
        reached_when = (targets, targets)
    runs = {key: _Curve(rows) for key, rows in curves.groupby([*RUN, "arm"], sort=False)}
    keys = list(results[RUN].itertuples(index=False, name=None))
    own = [runs.get((*key, arm)) for key, arm in zip(keys, results["arm"], strict=True)]
    colds = [runs.get((*key, REFERENCE)) for key in keys]
    return results.assign(
        target=targets,
        epochs_to_target=_efforts(own, targets, "epoch"),
        samples_to_target=_efforts(own, targets, "samples"),
        cold_samples_to_target=_efforts(colds, targets, "samples"),
        reached=np.isfinite(_efforts(own, reached_when[0], "epoch")),
        reached_by_cold=np.isfinite(_efforts(colds, reached_when[1], "epoch")),
    )


class _Curve:
    """Validation scores of a run by the effort that they took."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.score = rows["valid_score"].to_numpy(dtype=float)
        self.effort = {name: rows[name].to_numpy(dtype=float) for name in ("epoch", "samples")}


def _efforts(runs: list[_Curve | None], targets: np.ndarray, effort: str) -> np.ndarray:
    """Return the effort with which each run reached its target, NaN where it did not, or there is none."""
    return np.array(
        [
            np.nan
            if run is None or np.isnan(target)
            else effort_to_target(run.effort[effort], run.score, target, 0.0)
            for run, target in zip(runs, targets.tolist(), strict=True)
        ],
        dtype=float,
    )
