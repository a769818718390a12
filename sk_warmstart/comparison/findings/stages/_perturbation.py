"""Stage 7: noise on the weights that a fit inherits, and on those that it ends with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from ....statistics import correlated_t
from ._stage import Runs, interval_over_replicates

_CHANGE = ["change", "change, low", "change, high"]
_LOSS = ["loss at the end", "loss at the end, low", "loss at the end, high"]


def perturbation_table(runs: Runs) -> pd.DataFrame:
    """By arm and size of noise: outcomes of training from perturbed weights, and the loss of score at the end."""
    inherited, final = _inherited(runs), _final(runs)
    if not len(inherited) and not len(final):
        return pd.DataFrame()
    table = inherited.join(final, how="outer") if len(inherited) and len(final) else pd.concat([inherited, final])
    arms = [arm for arm in runs.gain.index if arm in table.index.unique("arm")]
    levels = sorted(table.index.unique("noise"))
    order = [key for key in pd.MultiIndex.from_product([arms, levels]) if key in table.index]
    table = table.loc[order]
    words = [(arm, f"{noise:.0%}") for arm, noise in table.index]
    return table.set_index(pd.MultiIndex.from_tuples(words, names=["arm", "noise"]))


def read_perturbation(table: pd.DataFrame) -> Iterator[str]:
    """Say of each arm from which noise on the inherited weights on its score changes.

    The largest noise is looked at first, and a smaller one only where the larger changes the score: so all the
    levels together are wrong as seldom as one.
    """
    if "change" not in table:
        return
    for arm, rows in table[table["change, low"].notna()].groupby(level="arm", sort=False):
        changed = (rows["change, low"] > 0) | (rows["change, high"] < 0)
        moved = rows[changed[::-1].cumprod()[::-1].astype(bool)]
        most = rows.index.get_level_values("noise")[-1]
        differs = f" (disagreement of its predictions at {most}: {rows['disagreement'].iloc[-1]:.3f})"
        if not rows["disagreement"].notna().any():
            differs = ""
        if moved.empty:
            yield (
                f"Noise of up to {most} on the weights that {arm} inherits is not shown to change its score"
                f"{differs}."
            )
        else:
            noise, change = moved.index.get_level_values("noise")[0], moved["change"].iloc[0]
            yield (
                f"Noise of {noise} on the weights that {arm} inherits changes its score by {change:+.4f}{differs}."
            )


def _inherited(runs: Runs) -> pd.DataFrame:
    """What training comes to from inherited weights with noise, against the run of the same seed without."""
    probes = runs.measured["probes"]
    if not len(probes) or not (probes["noise"] > 0).any():
        return pd.DataFrame()
    rows: dict[tuple[str, float], dict[str, Any]] = {}
    for arm, of_arm in probes.groupby("arm", sort=False):
        scores = of_arm.pivot_table(index="probe", columns="noise", values="score", dropna=False)
        moved = of_arm.groupby("noise")["disagreement"].mean()
        if len(scores.columns) < 2:
            continue
        for noise in map(float, scores.columns):
            row = {"score": scores[noise].mean(), "sd": scores[noise].std(ddof=1)}
            if noise:
                posterior = correlated_t((scores[noise] - scores[0.0]).dropna())
                low, high = posterior.interval(runs.rule.confidence)
                row |= dict(zip(_CHANGE, (posterior.mean, low, high), strict=True))
            rows[str(arm), noise] = {**row, "disagreement": moved[noise]}
    return _by_noise(rows)


def _final(runs: Runs) -> pd.DataFrame:
    """How much the score falls with noise on the final weights."""
    noise = runs.measured["noise"]
    if not len(noise):
        return pd.DataFrame()
    drops = noise.assign(drop=noise["plain"] - noise["score"]).set_index("repeat")
    rows: dict[tuple[str, float], dict[str, Any]] = {}
    for key, of_size in drops.groupby(["arm", "noise"], sort=False):
        mean, low, high = interval_over_replicates(of_size["drop"], runs.rule.confidence)
        arm, size = np.asarray(key, dtype=object)
        rows[str(arm), float(size)] = dict(zip(_LOSS, (mean, low, high), strict=True))
    return _by_noise(rows)


def _by_noise(rows: dict[tuple[str, float], dict[str, Any]]) -> pd.DataFrame:
    if not rows:
        return pd.DataFrame()
    index = pd.MultiIndex.from_tuples(list(rows), names=["arm", "noise"])
    return pd.DataFrame(list(rows.values()), index=index).replace([np.inf, -np.inf], np.nan)
