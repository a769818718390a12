"""Rows of a phase: prepared by the steps before the last one, validation rows set aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from ....estimators import WarmStartMixin
from ....state import sample_ids
from ....state.rows._identity import validation_mask
from ..._rows import count, take
from ...phases._phase import Index, Phase
from .._estimators import last_step
from .._scorer import PhaseScorer, cut_params
from .._task import Task


@dataclass(frozen=True)
class PhaseData:
    """Rows that a phase trains on, their numbers, further arguments of ``fit``, and a scorer of other rows."""

    X: Any
    y: Any
    scorer: PhaseScorer
    params: dict[str, Any]
    rows: Index

    def only(self, kept: NDArray[np.bool_]) -> PhaseData:
        """Leave the other rows out."""
        places = np.flatnonzero(kept)
        return replace(
            self,
            X=take(self.X, places),
            y=take(self.y, places),
            params=cut_params(self.X, self.params, places),
            rows=self.rows[places],
        )


def prepare(task: Task, phase: Phase, repeat: int, steps: Mapping[str, Any]) -> PhaseData:
    """Prepare the rows of a phase by steps fitted on them; each replicate sets other validation rows aside.

    ``steps`` are parameters of the steps before the last one.
    """
    X, y = take(task.X, phase.train), take(task.y, phase.train)
    before, X = fit_steps_before(task, X, y, phase.train, steps)
    scorer, net = task.phase_scorer(before), last_step(task.estimator)
    params = task.params_of(task.fit_params, phase.train)
    if not isinstance(net, WarmStartMixin):
        return PhaseData(X, y, scorer, params, phase.train)
    # Rows are identified by their numbers: what a scaler before the net does to them does not matter.
    params["sample_id"] = phase.train
    data = PhaseData(X, y, scorer, params, phase.train)
    return hold_out(data, float(net.validation_fraction), repeat, len(task.y))


def hold_out(data: PhaseData, fraction: float, repeat: int, n_rows: int) -> PhaseData:
    """Set the validation rows of a replicate aside, where there are enough rows; the user has ``n_rows``."""
    ids = sample_ids(data.rows.astype(np.int64) + repeat * n_rows)
    mask = validation_mask(ids, fraction)
    if not 0 < mask.sum() < len(mask):
        return data
    held_out = data.only(mask)
    validation = {"X_val": held_out.X, "y_val": held_out.y}
    if "sample_weight" in held_out.params:
        validation["sample_weight_val"] = held_out.params["sample_weight"]
    kept = data.only(~mask)
    return replace(kept, params={**kept.params, **validation})


def fit_steps_before(task: Task, X: Any, y: Any, rows: Index, steps: Mapping[str, Any]) -> tuple[Any, Any]:
    """Fit the steps before the last one, if there are any; return them and the rows that they put out."""
    if not isinstance(task.estimator, Pipeline) or len(task.estimator) < 2:
        return None, X
    before = clone(task.estimator).set_params(**steps)[:-1]
    prepared = before.fit_transform(X, y, **task.params_of(task.before_params, rows))
    if count(prepared) != len(rows):
        raise ValueError(
            f"the steps before the last one made {count(prepared)} rows of {len(rows)}: a comparison "
            "follows each row, so leave steps that drop or add rows out"
        )
    return before, prepared
