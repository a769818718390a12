"""Stage 2: every arm by phase, at the end and after a part of the budget."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ..._names import REFERENCE
from ._stage import RUN, Runs, interval_over_replicates, less_cold

_BUDGETS = (0.25, 0.5, 1.0)  # of the epochs that cold took
_ALL = "all"  # phases, averaged


def budget_table(runs: Runs) -> pd.DataFrame:
    """Scores at the end and after a part of the epochs that cold took, and what an arm gains over cold by then.

    The scores are of test rows; of validation rows where no weights of the way were kept.
    """
    results, curves = runs.results, runs.curves
    by_phase = results.groupby(["arm", "phase"], sort=False)
    table = pd.DataFrame(
        {
            "score": by_phase["score"].mean(),
            "sd": by_phase["score"].std(ddof=1),
            "start": by_phase["start_score"].mean(),
        }
    )
    phases = results["phase"].unique()
    if len(phases) > 1:
        of_arms = results.groupby("arm", sort=False)
        by_repeat = results.groupby(["arm", "repeat"], sort=False)["score"].mean()
        over_all = pd.DataFrame(
            {
                "score": of_arms["score"].mean(),
                "sd": by_repeat.groupby("arm", sort=False).std(ddof=1),
                "start": of_arms["start_score"].mean(),
            }
        )
        over_all.index = pd.MultiIndex.from_product([over_all.index, [_ALL]], names=["arm", "phase"])
        table = pd.concat([table, over_all])
    kind = next(
        (kind for kind in ("test", "valid") if curves.get(f"{kind}_score", pd.Series()).notna().any()), None
    )
    if kind is None:
        return table
    keys = ["repeat", "stream", "phase"]
    cold = results.loc[results["arm"] == REFERENCE, [*keys, "epochs"]].rename(columns={"epochs": "budget"})
    scored = curves[[*RUN, "epoch", f"{kind}_score"]].merge(cold, on=keys).dropna(subset=f"{kind}_score")
    for share in _BUDGETS:
        # A run that stopped before keeps what it had by then.
        within = scored[scored["epoch"] <= np.ceil(share * scored["budget"])]
        last = within.sort_values("epoch").groupby(RUN, sort=False)[f"{kind}_score"].last()
        arms = table.index.unique("arm")
        scores = {arm: last[last.index.get_level_values("arm") == arm] for arm in arms}
        differences = {
            arm: less_cold(last, arm) if arm != REFERENCE else last.iloc[:0].droplevel("arm") for arm in arms
        }
        for arm, phase in table.index:
            chosen, gains = scores[arm], differences[arm]
            if phase != _ALL:
                chosen = chosen[chosen.index.get_level_values("phase") == phase]
                gains = gains[gains.index.get_level_values("phase") == phase]
            mean, low, _ = interval_over_replicates(gains, runs.rule.confidence)
            table.loc[(arm, phase), [f"{kind} at {share:.0%}", *_columns(share)]] = [
                chosen.mean(),
                mean,
                mean - low,
            ]
    return table


def read_budgets(table: pd.DataFrame) -> Iterator[str]:
    """Say what an arm gains over cold after a quarter of cold's epochs, and after all of them."""
    early, late = _columns(_BUDGETS[0]), _columns(_BUDGETS[-1])
    if early[0] not in table:
        return
    for arm in table.index.unique("arm"):
        row = table.loc[arm].iloc[-1]  # of all phases, or of the only one
        if np.isfinite(row[early[1]]) and np.isfinite(row[late[1]]):
            yield (
                f"With {_BUDGETS[0]:.0%} of cold's epochs {arm} {_side(*row[early])}; with all of them it "
                f"{_side(*row[late])}."
            )


def _columns(share: float) -> list[str]:
    return [f"gain at {share:.0%}", f"± at {share:.0%}"]


def _side(gain: float, half: float) -> str:
    side = "is not shown to differ from cold"
    if abs(gain) > half:
        side = "is ahead of cold" if gain > 0 else "is behind cold"
    return f"{side} ({gain:+.4f} ± {half:.4f})"
