"""What to do next, in one or two sentences."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ....statistics._decision import DecisionRule
from ....statistics._pairs import PairsNeeded
from ..._names import FAILED, INCUMBENT, REFERENCE
from .._gain import is_shown_better
from ._sentences import differs_by_phase

_MANY_PAIRS = 100  # more of them are no advice


def advice(
    gain: pd.DataFrame,
    pairs: Mapping[str, PairsNeeded | None],
    best: str,
    rule: DecisionRule,
    n_repeats: int,
    fixed: bool,
    against: pd.DataFrame | None = None,
) -> str:
    """Say what to do next; ``against`` are the arms against the incumbent, where there is one."""
    if against is not None and INCUMBENT in gain.index and gain.loc[INCUMBENT, "verdict"] == FAILED:
        return (
            "Keep the incumbent for now: it failed, so that no retrained model could be compared with it. "
            f"If you retrain, start {best}."
        )
    if against is not None and not is_shown_better(against, best):
        return f"Keep the incumbent: no retrained model is shown to be better. If you retrain, start {best}."
    challengers = gain.drop(index=[REFERENCE, INCUMBENT], errors="ignore")
    row = gain.loc[[best]].iloc[0]
    first = _stay_cold(challengers) if best == REFERENCE else f"{_change(row, best, rule)}."
    if against is not None:
        first = f"Retrain with {best}: it is shown to be better than the incumbent{_beside_cold(row)}."
    open_arms = [str(arm) for arm in challengers.index[challengers["verdict"] == "undecided"]]
    return " ".join(part for part in (first, _more(open_arms, pairs, n_repeats, fixed)) if part)


def advice_to_keep(best: str, scores: Mapping[str, float]) -> str:
    """Say that the incumbent is kept, as it scored better on rows held out from the refit."""
    return (
        f"Keep the incumbent: {best} was better in the comparison, but refitted it scores "
        f"{scores['challenger']:.4g} on rows held out from the refit, and the incumbent {scores['incumbent']:.4g}."
    )


def _stay_cold(challengers: pd.DataFrame) -> str:
    failed = challengers["verdict"] == FAILED
    names = [str(arm) for arm in challengers.index[failed]]
    if not len(challengers):
        return "Retrain cold: there is no other start to compare it with."
    if failed.all():
        return f"Retrain cold: {'the only other start' if len(names) == 1 else 'all other starts'} failed."
    also = f" {' and '.join(names)} failed." if names else ""
    if challengers.loc[~failed, "verdict"].eq("detrimental").all():
        return f"Retrain cold: no other start{' that ran' if names else ''} is as good.{also}"
    return f"Retrain cold: no other start is shown to be worth changing to.{also}"


def _change(row: pd.Series, best: str, rule: DecisionRule) -> str:
    effort = {"cheaper": " and cheaper", "costlier": ", and costlier"}.get(row["cost"], "")
    score = "better than cold" if row["verdict"] == "beneficial" else "as good as cold"
    phases = ", on the average of phases that differ" if differs_by_phase(row, rule) else ""
    return f"Retrain with {best}: it is {score}{effort}{phases}"


def _beside_cold(row: pd.Series) -> str:
    if row["verdict"] == "beneficial":
        return ", and better than cold"
    return ", and as good as cold and cheaper" if (row["verdict"], row["cost"]) == ("neutral", "cheaper") else ""


def _more(open_arms: list[str], pairs: Mapping[str, PairsNeeded | None], n_repeats: int, fixed: bool) -> str:
    """What would decide the arms that are undecided."""
    if not open_arms:
        return ""
    names = " and ".join(open_arms) if len(open_arms) < 3 else f"{len(open_arms)} undecided arms"
    if n_repeats < 2:
        return f"To decide about {names}, set n_repeats to 5 at least."
    needed = {arm: found for arm in open_arms if (found := pairs.get(arm)) is not None}
    if needed:
        first = min(needed, key=lambda arm: needed[arm].n)
        n, chance = needed[first].n, f"{needed[first].probability:.0%}"
        if n > _MANY_PAIRS:
            return f"A decision about {first} would take some {n} replicates, with a chance of {chance}."
        return f"With n_repeats={n} the chance of a decision about {first} is {chance}."
    remedy = "a longer stream or a wider rope" if fixed else "more rows or a wider rope"
    return f"More replicates are not likely to decide about {names}; {remedy} may."
