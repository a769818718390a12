"""From the runs of a comparison to its findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...statistics._decision import DecisionRule
from .._names import KIND_OF_ROWS, REFERENCE
from .._row_scores import RowScores
from ._dummy import worth_of_cold
from ._findings import Findings
from ._frames import plain
from ._gain import best_arm, gain_table
from ._rows import RowTable
from ._targets import reach_targets
from ._versions import versions
from .stages._all import stage_tables
from .stages._stage import Runs
from .words._advice import advice
from .words._notes import notes
from .words._sentences import Terms, sentences


def make_findings(
    results: pd.DataFrame,
    curves: pd.DataFrame,
    measured: Mapping[str, pd.DataFrame],
    *,
    row_scores: Sequence[RowScores] = (),
    clusters: NDArray | None = None,
    rule: DecisionRule,
    chosen_rope: str | None = None,
    target: float | None,
    score: str,
    validation_score: str = "validation score",
    scored_as_validated: bool = False,
    test_to_train: float,
    fixed_splits: bool,
    folds: bool = False,
    interrupted: str | None,
    n_repeats: int,
    settings: Mapping[str, Any],
    leaks: Sequence[str] = (),
) -> Findings:
    """Judge the runs, and put what they came to into tables and words.

    ``row_scores`` say what each test row adds to a run's score; ``clusters`` are the groups of all rows, where
    there are any; ``chosen_rope`` says how the ROPE was found, where that is news; ``scored_as_validated`` whether
    the validation score is the score, and has the ROPE's unit; ``leaks`` who has been trained on rows that test.
    """
    rows = RowTable(row_scores, clusters) if len(row_scores) else None
    results = reach_targets(results, curves, rule.rope if scored_as_validated else 0.0, target)
    gain, pairs = gain_table(results, rows, rule, test_to_train, target, folds)
    stages = stage_tables(Runs(results, curves, measured, gain, test_to_train, rule, rows, target))
    nothing_learned = worth_of_cold(results, measured.get("dummy", pd.DataFrame()), score, rule.confidence)
    best = best_arm(gain, stages.get("incumbent"), cheaper_counts=nothing_learned is None)
    return Findings(
        results=results,
        curves=curves,
        gain=gain,
        stages=stages,
        sentences=tuple(
            sentences(gain, pairs, results, Terms(score, validation_score, rule, n_repeats, fixed_splits, target))
        ),
        notes=notes(
            results,
            nothing_learned,
            None if chosen_rope is None else f"The ROPE is {rule.rope:.3g}: {chosen_rope}.",
            fixed=fixed_splits,
            n_groups=None if clusters is None else len(np.unique(clusters)),
            kind_of_rows=settings.get(KIND_OF_ROWS),
            leaks=leaks,
        ),
        advice=advice(gain, pairs, best, rule, n_repeats, fixed_splits, stages.get("incumbent")),
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
