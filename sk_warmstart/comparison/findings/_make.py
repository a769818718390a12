"""From the runs of a comparison to its findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...statistics._decision import DecisionRule
from .._names import REFERENCE
from .._row_scores import RowScores
from ._findings import Findings
from ._frames import plain
from ._gain import best_arm, gain_table, reach_targets
from ._sentences import advice, failures_by_arm, sentences
from ._versions import versions
from .stages._all import stage_tables
from .stages._stage import Runs


def make_findings(
    results: pd.DataFrame,
    curves: pd.DataFrame,
    measured: Mapping[str, pd.DataFrame],
    *,
    rule: DecisionRule,
    target: float | None,
    score: str,
    test_to_train: float,
    fixed_splits: bool,
    interrupted: str | None,
    n_repeats: int,
    settings: Mapping[str, Any],
    row_scores: Sequence[RowScores] = (),
    clusters: NDArray[np.integer] | None = None,
) -> Findings:
    """Judge the runs, and put what they came to into tables and words.

    ``row_scores`` say what each test row adds to a run's score, ``clusters`` which of the user's rows belong
    together.
    """
    results = reach_targets(results, curves, rule.rope, target)
    gain, pairs = gain_table(results, test_to_train, rule.rope, rule.confidence)
    best = best_arm(gain, rule.rope)
    return Findings(
        results=results,
        curves=curves,
        gain=gain,
        stages=stage_tables(Runs(results, curves, measured, gain, test_to_train, rule)),
        sentences=tuple(
            sentences(gain, pairs, n_repeats, rule, score, fixed_splits, target, failures_by_arm(results))
        ),
        advice=advice(gain, pairs, best, n_repeats, fixed_splits),
        interrupted=interrupted,
        best_arm=best,
        reference=REFERENCE,
        score=score,
        rule=rule,
        n_repeats=n_repeats,
        fixed_splits=fixed_splits,
        test_to_train=test_to_train,
        settings={str(name): plain(value) for name, value in settings.items()},
        versions=versions(),
    )
