"""Findings made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sk_warmstart import Findings
from sk_warmstart.comparison.findings._content import Sentence
from sk_warmstart.statistics import DecisionRule

NAN = float("nan")
_GAIN = {
    **dict.fromkeys(["score", "gain", "gain_low", "gain_high", "p_better", "p_equivalent", "p_worse"], NAN),
    **dict.fromkeys(["speedup", "speedup_low", "speedup_high"], NAN),
    **dict.fromkeys(["reached", "reached_by_cold", "seconds"], NAN),
    "verdict": "undecided",
    "cost": "",
    **dict.fromkeys(["p_adjusted", "worst_gain", "p_value", "p_holm", "corrected_t_low", "corrected_t_high"], NAN),
    **dict.fromkeys(["p_improvement", "p_improvement_low", "p_improvement_high"], NAN),
    **dict.fromkeys(["bootstrap_low", "bootstrap_high", "p_phases"], NAN),
}
_CURVES = ["repeat", "phase", "arm", "epoch", "samples"]


def make_gain(rows: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """A gain table with all its columns, of which some are given."""
    table = pd.DataFrame.from_dict({arm: _GAIN | row for arm, row in rows.items()}, orient="index")
    return table.rename_axis("arm")


def make_results(arms: list[str], n_repeats: int, phases: tuple[int, ...]) -> pd.DataFrame:
    """One row a run; scores of replicates are 0.002 apart."""
    return pd.DataFrame(
        [
            {
                "repeat": repeat,
                "phase": phase,
                "arm": arm,
                "n_train": 100 * phase,
                "n_test": 50,
                "score": 0.8 + 0.01 * phase + 0.002 * repeat,
                "start_score": NAN if arm == "cold" else 0.5,
                "seconds": 0.5 + 0.1 * repeat,
                "samples": 1000 * phase,
            }
            for repeat in range(n_repeats)
            for phase in phases
            for arm in arms
        ]
    )


def make_sentence(arm: str, verdict: str, rest: str = "") -> Sentence:
    return Sentence(arm, verdict, f"{arm} is {verdict}", rest)


def make_findings(*, rope: float = 0.01, confidence: float = 0.95, **changes: Any) -> Findings:
    """Findings of cold and warm, but for what is given."""
    gain = changes.pop("gain", None)
    if gain is None:
        gain = make_gain({"cold": {"gain": 0.0, "verdict": "reference"}, "warm": {}})
    content: dict[str, Any] = {
        "results": make_results(list(gain.index), 2, (2, 3)),
        "curves": pd.DataFrame({name: np.array([], dtype=float) for name in _CURVES}),
        "gain": gain,
        "stages": {},
        "sentences": (),
        "notes": (),
        "advice": None,
        "interrupted": None,
        "best_arm": None,
        "reference": "cold",
        "score": "accuracy",
        "rule": DecisionRule(rope, confidence),
        "n_repeats": 2,
        "fixed_splits": False,
        "test_to_train": 0.25,
        "settings": {},
        "versions": {"pandas": "1.2.3"},
    }
    return Findings(**(content | changes))
