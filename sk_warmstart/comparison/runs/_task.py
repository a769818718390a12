"""The task that all replicates of a comparison share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from ..phases._draws import group_codes
from ..phases._phase import Index
from ._scorer import PhaseScorer, Scorer, cut_params
from .arms._arm import Arm
from .interruption._journal import Journal


@dataclass(frozen=True)
class Task:
    """The user's estimator and data, the arms (cold first), and how they are fitted and scored.

    ``n_probes`` is how often the first replicate's last phase is fitted anew, for stages 4 and 7.

    ``fit_params`` are arguments of the last step's ``fit``, ``before_params`` of the steps before it and
    ``score_params`` of the scorer; what has a value for each row is cut like the rows.
    """

    estimator: Any
    arms: list[Arm]
    phases: Any
    X: Any
    y: Any
    labels: NDArray | None
    scorer: Scorer
    packed: bool = True
    groups: Any = None
    fit_params: Mapping[str, Any] = field(default_factory=dict)
    before_params: Mapping[str, Any] = field(default_factory=dict)
    score_params: Mapping[str, Any] = field(default_factory=dict)
    incumbent: Any = None
    journal: Journal | None = None
    n_repeats: int = 1
    n_probes: int = 0

    @cached_property
    def clusters(self) -> Index | None:
        """The group of each of the user's rows, as a code; None without groups."""
        return None if self.groups is None else group_codes(self.groups, len(self.y))

    def params_of(self, params: Mapping[str, Any], rows: Index) -> dict[str, Any]:
        """Cut arguments to rows."""
        return cut_params(self.X, params, rows)

    def phase_scorer(self, before: Any = None) -> PhaseScorer:
        """Return a scorer of rows that fitted steps prepare."""
        return PhaseScorer(self.X, self.y, self.scorer, self.score_params, before)
