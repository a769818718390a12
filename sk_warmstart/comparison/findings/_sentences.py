"""The verdict as a person would say it, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ...statistics._decision import DecisionRule
from .._names import FAILED, INCUMBENT, REFERENCE
from ._content import Sentence

_MANY_PAIRS = 100  # more of them are no advice

# What follows from the two axes, score and effort; None stands for any effort.
_NEXT = {
    ("beneficial", "costlier"): "use it if the score is worth the effort",
    ("beneficial", None): "use it",
    ("neutral", "cheaper"): "use it",
    ("neutral", "costlier"): "stay cold",
    ("neutral", None): "either will do",
    ("detrimental", "cheaper"): "stay cold, unless effort matters more than the score",
    ("detrimental", None): "stay cold",
}


def sentences(
    gain: pd.DataFrame,
    pairs: Mapping[str, int | None],
    n_repeats: int,
    rule: DecisionRule,
    scorer: str,
    fixed: bool,
    target: float | None,
    failures: Mapping[str, str],
) -> list[Sentence]:
    """Say the verdict on each arm as a person would."""
    goal = "cold's score" if target is None else f"a validation score of {target:g}"
    found = []
    for name, row in gain[gain["verdict"] != "reference"].iterrows():
        arm = str(name)
        if row["verdict"] == FAILED:
            found.append(Sentence(arm, FAILED, f"{arm} failed{failures[arm]}."))
            continue
        parts = [f": {_score_part(row, rule.rope, scorer)}"]
        if row["verdict"] == "undecided":
            parts.append(_undecided_part(pairs.get(arm), n_repeats, fixed))
        parts.append(_speed_part(row, goal))
        parts.append("" if arm == INCUMBENT else _next_part(row))
        rest = "; ".join(part for part in parts if part) + "."
        found.append(Sentence(arm, str(row["verdict"]), f"{arm} is {row['verdict']}", rest))
    return found


def advice(gain: pd.DataFrame, pairs: Mapping[str, int | None], best: str, n_repeats: int, fixed: bool) -> str:
    """Say what to do next, in one or two sentences."""
    challengers = gain.drop(index=[REFERENCE, INCUMBENT], errors="ignore")
    verdict = REFERENCE if best == REFERENCE else str(gain.loc[best, "verdict"])
    cost = str(gain.loc[best, "cost"])
    if best == REFERENCE:
        worse = challengers["verdict"].isin(["detrimental", FAILED]).all()
        first = "Retrain cold: " + (
            "no other start is as good." if worse else "no other start is shown to be worth changing to."
        )
    elif verdict == "undecided":
        first = f"Nothing speaks for a change yet: {best} looks best, and it may be chance."
    else:
        effort = {"cheaper": " and cheaper", "costlier": ", and costlier"}.get(cost, "")
        score = {"beneficial": "better than cold", "neutral": "as good as cold"}.get(verdict, "close to cold")
        first = f"Retrain with {best}: it is {score}{effort}."
    open_arms = [str(arm) for arm in challengers.index[challengers["verdict"] == "undecided"]]
    return " ".join(part for part in (first, _more(open_arms, pairs, n_repeats, fixed)) if part)


def _more(open_arms: list[str], pairs: Mapping[str, int | None], n_repeats: int, fixed: bool) -> str:
    """What would decide the arms that are undecided."""
    if not open_arms:
        return ""
    needed = {arm: number for arm in open_arms if (number := pairs.get(arm)) is not None and number > n_repeats}
    names = " and ".join(open_arms) if len(open_arms) < 3 else f"{len(open_arms)} undecided arms"
    if n_repeats < 2:
        return f"To decide about {names}, set n_repeats to 5 at least."
    if needed:
        first = min(needed, key=lambda arm: needed[arm])
        if needed[first] > _MANY_PAIRS:
            return f"To decide about {first} would take some {needed[first]} replicates."
        return f"More replicates would decide: n_repeats={needed[first]}, say, about {first}."
    remedy = "a wider rope" if fixed else "a wider rope, or more rows"
    return f"More replicates would not decide about {names}; {remedy} may."


def failures_by_arm(results: pd.DataFrame) -> dict[str, str]:
    """Say of each arm that failed how often and why."""
    words = {}
    for arm, runs in results.groupby("arm", sort=False):
        wrong = runs[runs["error"] != ""]
        if len(wrong):
            repeats, all_repeats = wrong["repeat"].nunique(), runs["repeat"].nunique()
            words[str(arm)] = f" in {repeats} of {all_repeats} replicates ({wrong['error'].iloc[0]})"
    return words


def _score_part(row: pd.Series, rope: float, scorer: str) -> str:
    probability = {
        "beneficial": ("above", "p_better"),
        "detrimental": ("below minus", "p_worse"),
        "neutral": ("within", "p_equivalent"),
    }.get(row["verdict"])
    text = f"{scorer} {row['gain']:+.4f} against cold [{row['gain_low']:+.4f}, {row['gain_high']:+.4f}]"
    if probability is None:
        return text
    where, column = probability
    return f"{text}, {where} the ROPE of {rope:g} with probability {row[column]:.0%}"


def _undecided_part(needed: int | None, n_repeats: int, fixed: bool) -> str:
    if n_repeats < 2:
        return "one pair decides nothing, run at least 5"
    if needed is not None and needed > n_repeats:
        return f"about {needed} pairs would decide, {needed - n_repeats} more than were run"
    if fixed:
        return "no affordable number of pairs would decide"
    return "more pairs of these splits would not decide, the gain differs too much from split to split"


def _speed_part(row: pd.Series, goal: str) -> str:
    speed, low, high = row["speedup"], row["speedup_low"], row["speedup_high"]
    if not np.isfinite(speed):
        return ""
    bound = {"at most": "at most ", "at least": "at least "}.get(row["speedup_bound"], "")
    kind = "fewer"
    if speed < 1:
        speed, low, high, kind = 1 / speed, _over(high), _over(low), "more"
        bound = {"at most ": "at least ", "at least ": "at most "}.get(bound, "")
    effort = f"{bound}{speed:.2g} times{_interval(low, high)} {kind} training samples"
    if not np.isfinite(row["reached"]):
        return f"it trained on {effort}"
    runs = "" if row["reached"] == 1 else f" in {row['reached']:.0%} of its runs"
    return f"it reached {goal}{runs}, with {effort}"


def _over(value: float) -> float:
    return np.inf if value == 0 else 1 / value


def _interval(low: float, high: float) -> str:
    if low == 0:  # an end that runs without the target leave open
        return f" [up to {high:.2g}]" if np.isfinite(high) else ""
    if np.isinf(high):
        return f" [{low:.2g} at least]"
    return "" if np.isnan(low) and np.isnan(high) else f" [{low:.2g}, {high:.2g}]"


def _next_part(row: pd.Series) -> str:
    verdict, cost = row["verdict"], row["cost"]
    return _NEXT.get((verdict, cost), _NEXT.get((verdict, None), ""))
