"""Scores of an arm on old rows and on new ones, apart."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ....state import LeakageWarning
from ...phases._phase import Index, Phase
from .._answers import Answers
from ._conditions import blocks_of_phase, thinned

_NAN = float("nan")


class Parts(NamedTuple):
    """Rows of a phase by when they came: those to be scored apart, and the share of old ones that have trained."""

    rows: dict[str, Index]
    old_trained: float


def parts_of(phases: Sequence[Phase], phase: int) -> Parts:
    """Return what tested before and what tests for the first time, and the training blocks.

    ``newest`` are the training rows that are new in this phase and ``older`` the others, of many some. Parts of
    which there are no rows are left out, and so is what has no counterpart.
    """
    test = phases[phase - 1].test
    old = np.unique(np.concatenate([earlier.test for earlier in phases[: phase - 1]]))
    fresh = test[~np.isin(test, old)]
    trained = np.concatenate([each.train for each in phases[:phase]])
    newest, older = map(thinned, blocks_of_phase(phases, phase))
    apart = {"old": old, "new": fresh} if len(fresh) else {}
    blocks = {"newest": newest, "older": older} if len(newest) and len(older) else {}
    return Parts(apart | blocks, float(np.isin(old, trained).mean()))


def score_on_parts(answers: Answers, parts: Parts, place: dict[str, Any]) -> dict[str, Any]:
    """Score a fitted arm on each part; NaN where there is none."""
    row = {**place, "old_trained": parts.old_trained}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakageWarning)  # rows that were trained on are scored on purpose
        answers.expect(list(parts.rows.values()))
        for name in ("old", "new", "newest", "older"):
            rows = parts.rows.get(name)
            row[name] = _NAN if rows is None else _score(answers, rows)
    return row


def _score(answers: Answers, rows: Index) -> float:
    """Score on a part of the rows; NaN where a scorer cannot, such as a ranking of one class."""
    try:
        return answers.score(rows)
    except ValueError:
        return _NAN
