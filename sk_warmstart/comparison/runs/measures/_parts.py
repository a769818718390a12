"""Scores of an arm on old rows and on new ones, apart."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ....state import LeakageWarning
from ...phases._phase import Index, Phase
from .._answers import Answers
from ._conditions import blocks_of_phase, thinned

_NAN = float("nan")


def score_on_parts(answers: Answers, phases: Sequence[Phase], phase: int, place: dict[str, Any]) -> dict[str, Any]:
    """Score a fitted arm on what tested before and on what tests for the first time, and on its training blocks.

    ``old_trained`` is the share of the old test rows that have trained by now. ``newest`` are the training rows
    that are new in this phase and ``older`` the others, of many some. NaN where there are no such rows.
    """
    test = phases[phase - 1].test
    old = np.unique(np.concatenate([earlier.test for earlier in phases[: phase - 1]]))
    fresh = test[~np.isin(test, old)]
    trained = np.concatenate([each.train for each in phases[:phase]])
    newest, older = map(thinned, blocks_of_phase(phases, phase))
    row = {**place, "old_trained": float(np.isin(old, trained).mean())}
    apart = {"old": old, "new": fresh} if len(fresh) else {}
    blocks = {"newest": newest, "older": older} if len(newest) and len(older) else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakageWarning)  # rows that were trained on are scored on purpose
        answers.expect([*apart.values(), *blocks.values()])
        for part in ("old", "new", "newest", "older"):
            rows = {**apart, **blocks}.get(part)
            row[part] = _NAN if rows is None else _score(answers, rows)
    return row


def _score(answers: Answers, rows: Index) -> float:
    """Score on a part of the rows; NaN where a scorer cannot, such as a ranking of one class."""
    try:
        return answers.score(rows)
    except ValueError:
        return _NAN
