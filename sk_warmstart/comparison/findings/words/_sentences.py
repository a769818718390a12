"""The verdict on each arm as a person would say it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ....statistics._decision import DecisionRule
from ....statistics._pairs import PairsNeeded
from ..._names import FAILED, INCUMBENT
from .._content import Sentence
from .._gain import gains_by_phase, paired_gains

_FAR = 5.0  # robust standard deviations below the median, and a replicate is far off
_SAME_EFFORT = (0.95, 1.05)  # speed-ups that two digits show as 1

# What follows from the two axes, score and effort; None stands for any effort.
_NEXT = {
    ("beneficial", "costlier"): "use it if the score is worth the effort",
    ("beneficial", None): "use it",
    ("neutral", "cheaper"): "use it",
    ("neutral", "costlier"): "stay cold",
    ("neutral", "similar"): "either will do",
    ("neutral", None): "it is not shown to save effort, so there is no reason to change",
    ("detrimental", None): "stay cold",
}


@dataclass(frozen=True)
class Terms:
    """What sentences call things: the score, the validation score, the rule, and what was held fixed."""

    score: str
    validation_score: str
    rule: DecisionRule
    n_repeats: int
    fixed: bool
    target: float | None = None


def sentences(
    gain: pd.DataFrame, pairs: Mapping[str, PairsNeeded | None], results: pd.DataFrame, terms: Terms
) -> list[Sentence]:
    """Say the verdict on each arm as a person would."""
    failures = failures_by_arm(results)
    found = []
    for name, row in gain[gain["verdict"] != "reference"].iterrows():
        arm = str(name)
        if row["verdict"] == FAILED:
            found.append(Sentence(arm, FAILED, f"{arm} failed{failures[arm]}."))
            continue
        parts = [
            _score_part(row, terms),
            _undecided_part(row, pairs.get(arm), terms) if row["verdict"] == "undecided" else "",
            _worst_part(row, paired_gains(results, arm), terms.rule.rope),
            _phases_part(row, gains_by_phase(results, arm), terms.rule),
            _effort_part(row, results, terms),
            "" if arm == INCUMBENT else _next_part(row, gains_by_phase(results, arm), terms.rule),
        ]
        where = " on this stream" if terms.fixed else ""
        rest = f"{where}: {'; '.join(part for part in parts if part)}."
        found.append(Sentence(arm, str(row["verdict"]), f"{arm} is {row['verdict']}", rest))
    return found


def failures_by_arm(results: pd.DataFrame) -> dict[str, str]:
    """Say of each arm that failed how often and why."""
    words = {}
    for arm, runs in results.groupby("arm", sort=False):
        wrong = runs[runs["error"] != ""]
        if len(wrong):
            repeats, all_repeats = wrong["repeat"].nunique(), runs["repeat"].nunique()
            words[str(arm)] = f" in {repeats} of {all_repeats} replicates ({wrong['error'].iloc[0]})"
    return words


def differs_by_phase(row: pd.Series, rule: DecisionRule) -> bool:
    """Whether an arm's gain is shown to differ from phase to phase."""
    return bool(row["p_phases"] <= 1 - rule.confidence)


def _score_part(row: pd.Series, terms: Terms) -> str:
    rope = terms.rule.rope
    gain, low, high = (row[name] for name in ("gain", "gain_low", "gain_high"))
    form = _form(gain, low, high)
    text = f"{terms.score} {form.format(gain)} against cold"
    if np.isfinite(low):
        text += f" [{form.format(low)}, {form.format(high)}]"
    verdict = row["verdict"]
    if verdict == "neutral":
        return f"{text}, within the ROPE of ±{rope:.3g} with probability {row['p_equivalent']:.0%}"
    if verdict not in ("beneficial", "detrimental"):
        return text
    what, column = ("gain", "p_better") if verdict == "beneficial" else ("loss", "p_worse")
    beyond = f" of more than the ROPE of {rope:.3g}" if rope else ""
    return f"{text}, a {what}{beyond} with probability {row[column]:.0%}"


def _undecided_part(row: pd.Series, needed: PairsNeeded | None, terms: Terms) -> str:
    """What is too little to decide, and how much more would do."""
    if terms.n_repeats < 2:
        return "one pair decides nothing, run at least 5"
    alone = max(row["p_better"], row["p_worse"]) >= terms.rule.p_difference
    reason = "one of several arms may look as different by chance; " if alone else ""
    if needed is None:
        return f"{reason}more replicates are not likely to decide"
    return f"{reason}with {needed.n} replicates the chance of a decision is {needed.probability:.0%}"


def _worst_part(row: pd.Series, gains: np.ndarray, rope: float) -> str:
    """The worst replicate, where it is far off."""
    middle = float(np.median(gains)) if len(gains) else np.nan
    spread = 1.4826 * float(np.median(np.abs(gains - middle))) if len(gains) else np.nan
    far = len(gains) > 2 and middle - row["worst_gain"] > max(_FAR * spread, rope) and row["worst_gain"] < -rope
    return f"but in its worst replicate it lost {-row['worst_gain']:.3g}" if far else ""


def _phases_part(row: pd.Series, by_phase: pd.Series, rule: DecisionRule) -> str:
    """The best and the worst phase, where phases are shown to differ."""
    if not differs_by_phase(row, rule):
        return ""
    form = _form(*by_phase)
    low, high = (
        f"{form.format(by_phase.iloc[at])} in phase {by_phase.index[at]}"
        for at in (int(by_phase.argmin()), int(by_phase.argmax()))
    )
    return f"phases differ, from {low} to {high}"


def _effort_part(row: pd.Series, results: pd.DataFrame, terms: Terms) -> str:
    speed, low, high = row["speedup"], row["speedup_low"], row["speedup_high"]
    timed, verdict = np.isfinite(row["reached"]), row["verdict"]
    if not np.isfinite(speed):
        return ""
    if verdict == "detrimental":
        return _reached_part(row, terms) if timed else ""
    if _SAME_EFFORT[0] <= speed <= _SAME_EFFORT[1]:
        effort = f"it needed about as many training samples as cold{_interval(low, high)}"
    elif speed > 1:
        effort = f"cold needed {speed:.2g} times{_interval(low, high)} as many training samples"
    else:
        effort = f"it needed {1 / speed:.2g} times{_interval(1 / high, 1 / low)} as many training samples as cold"
    epochs = results["epochs"].max()
    budget = f" in fits of up to {epochs:.0f} epoch{'s' if round(epochs) > 1 else ''}" if epochs > 0 else ""
    if not timed:
        return f"{effort}{budget}"
    if terms.target is None:
        return f"{effort} to reach the {terms.validation_score} that both reach{budget}"
    return (
        f"{effort} to reach a {terms.validation_score} of {terms.target:g} or the end{budget} (it reached it in "
        f"{row['reached']:.0%} of its runs, cold in {row['reached_by_cold']:.0%})"
    )


def _reached_part(row: pd.Series, terms: Terms) -> str:
    goal = f"cold's {terms.validation_score}"
    if terms.target is not None:
        goal = f"a {terms.validation_score} of {terms.target:g}"
    return f"it reached {goal} in {row['reached']:.0%} of its runs"


def _interval(low: float, high: float) -> str:
    return f" [{low:.2g}, {high:.2g}]" if np.isfinite([low, high]).all() else ""


def _form(*values: float) -> str:
    """Return how gains of this size are written: as many digits for all, after the point."""
    unit = max((abs(value) for value in values if np.isfinite(value)), default=0.0)
    decimals = 2 if unit >= 10 else 4 if unit >= 0.001 or unit < 1e-12 else 2 - math.floor(math.log10(unit))
    return f"{{:+.{decimals}f}}"


def _next_part(row: pd.Series, by_phase: pd.Series, rule: DecisionRule) -> str:
    verdict, cost = row["verdict"], row["cost"]
    follows = _NEXT.get((verdict, cost), _NEXT.get((verdict, None), ""))
    if follows == "use it" and by_phase.min() < 0 and differs_by_phase(row, rule):
        return "use it if phases to come are like the mean of these"
    return follows
