"""Stage 8: when a start pays: gains and speed-ups told apart by phase, and what each phase was like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from ....statistics._clustered import phase_interaction
from ....statistics._posterior import Posterior, correlated_t
from ..._names import INCUMBENT, REFERENCE
from .._gain import arm_speedup, paired_gains
from ..words._amounts import listed
from ._stage import Runs


def conditions_table(runs: Runs) -> pd.DataFrame:
    """Return for each arm and phase the score's gain over cold, the speed-up, and what the phase was like.

    The verdicts are adjusted for the number of phases. ``p_phases`` is that of "the gain is the same in all
    phases", and ``phases_differ`` says whether the rule's confidence rejects it.
    """
    results, alpha = runs.results, 1 - runs.rule.confidence
    failed = set(results.loc[results["error"].ne(""), "arm"]) if "error" in results else set()
    by_phase = _conditions(runs)
    tables = {}
    for arm in dict.fromkeys(results["arm"]):
        mine = results[results["arm"] == arm]
        table = by_phase.join(mine.groupby("phase")["score"].mean())
        if arm != REFERENCE and arm not in failed:
            gains = {phase: _posterior(runs, arm, phase) for phase in table.index}
            judged = runs.rule.judge({str(phase): gain for phase, gain in gains.items()})
            p_phases = _p_phases(runs, arm, list(gains))
            table[["gain", "gain_low", "gain_high"]] = [
                (gain.mean, *gain.interval(runs.rule.confidence)) for gain in gains.values()
            ]
            table["verdict"] = [judged[str(phase)].verdict for phase in gains]
            if arm != INCUMBENT:
                table = table.join(_speedups(runs, arm))
            table["p_phases"] = p_phases
            table["phases_differ"] = "yes" if p_phases <= alpha else "no"
        tables[arm] = table
    found = pd.concat(tables, names=["arm", "phase"]) if tables else pd.DataFrame()
    texts = [name for name in ("verdict", "phases_differ") if name in found]
    found[texts] = found[texts].fillna("")
    return found.dropna(axis=1, how="all")


def conditions_sentences(runs: Runs) -> list[str]:
    """Say in which phases each arm pays, as far as that is shown."""
    return list(read_conditions(conditions_table(runs)))


def read_conditions(table: pd.DataFrame) -> Iterator[str]:
    """Say in which phases each arm pays and in which it costs score; where no phases differ, that.

    Phases differ where the test of arm by phase rejects, or where one verdict is beneficial and one detrimental.
    """
    if "verdict" not in table or table.index.get_level_values("phase").nunique() < 2:
        return
    judged = table[table["verdict"].ne("") & (table.index.get_level_values("arm") != INCUMBENT)]
    alike = []
    for arm, rows in judged.groupby(level="arm", sort=False):
        phases = rows.droplevel("arm")
        verdicts = set(phases["verdict"])
        if {"beneficial", "detrimental"} <= verdicts or (phases["phases_differ"] == "yes").any():
            yield _sentence(str(arm), phases)
        else:
            alike.append(str(arm))
    if alike:
        yield f"For {listed(alike)}, no phase is shown to differ from the others."


def _sentence(arm: str, phases: pd.DataFrame) -> str:
    """Say of an arm whose gain differs between phases where it pays and where it costs score."""
    parts = []
    for verdict, verb in (("beneficial", "pays"), ("detrimental", "costs score")):
        here = phases["verdict"] == verdict
        if here.any():
            where = "in every phase" if here.all() else _span(phases.index, here.to_numpy()) + _where(phases, here)
            parts.append(f"{verb} {where}")
    p_value = phases["p_phases"].iloc[0]
    differs = f"its gain differs between phases (p {_p(p_value)})"
    gains = phases["gain"]
    ends = f"from {gains.min():+.4f} in phase {gains.idxmin()} to {gains.max():+.4f} in phase {gains.idxmax()}"
    if not parts:
        return f"{arm}: {differs}, {ends}; in no phase alone is it decided."
    opposite = len(parts) == 2
    more = ", so that the mean over phases hides what it does" if opposite else ""
    return f"{arm} {' and '.join(parts)}{more}: {differs}, {ends}."


def _span(phases: pd.Index, chosen: np.ndarray) -> str:
    """Name phases: "from phase 3 on", "up to phase 3", "in phases 2 and 4"."""
    names, n = [str(phase) for phase in phases[chosen]], int(chosen.sum())
    if n == 1:
        return f"in phase {names[0]}"
    if chosen[-n:].all():
        return f"from phase {names[0]} on"
    if chosen[:n].all():
        return f"up to phase {names[-1]}"
    return f"in phases {listed(names)}"


def _where(phases: pd.DataFrame, here: pd.Series) -> str:
    """Say what sets phases apart from all others: fewer or more new rows, or less or more drift."""
    for column in ("new_share", "drift"):
        if column not in phases or phases[column].isna().any():
            continue
        inside, outside = phases.loc[here, column], phases.loc[~here, column]
        if column == "new_share":
            most, least = np.ceil(100 * inside.max()), np.floor(100 * inside.min())
            if most < 100 * outside.min():
                return f", where at most {most:.0f} % of the rows are new"
            if least > 100 * outside.max():
                return f", where at least {least:.0f} % of the rows are new"
        elif inside.max() < outside.min():
            return f", where the new rows have drifted least (an index of at most {inside.max():.2g})"
        elif inside.min() > outside.max():
            return f", where the new rows have drifted most (an index of at least {inside.min():.2g})"
    return ""


def _conditions(runs: Runs) -> pd.DataFrame:
    """What each phase was like: its training rows, the share and the drift of the new ones."""
    table = pd.DataFrame({"rows": runs.results.groupby("phase")["n_train"].mean()})
    measured = runs.measured["conditions"]
    if len(measured):
        table = table.join(measured.groupby("phase")[["new_share", "drift"]].mean())
    return table


def _posterior(runs: Runs, arm: str, phase: int) -> Posterior:
    """Return that of the gain in one phase, by rows where these have scores."""
    found = None if runs.rows is None else runs.rows.posterior(arm, phase=phase)
    if found is not None:
        return found
    return correlated_t(paired_gains(runs.results[runs.results["phase"] == phase], arm))


def _p_phases(runs: Runs, arm: str, phases: Sequence[int]) -> float:
    """Return the p-value of an arm's gain being the same in all phases."""
    if runs.rows is not None and runs.rows.posterior(arm) is not None:
        return runs.rows.interaction(arm)
    gains = _gains(runs.results, arm).reindex(columns=list(phases)).dropna()
    return phase_interaction([correlated_t(gains[phase] - gains.mean(axis=1)) for phase in phases])


def _gains(results: pd.DataFrame, arm: str) -> pd.DataFrame:
    """Return the gains of an arm over cold: a row a replicate, a column a phase."""
    means = results.groupby(["arm", "repeat", "phase"])["score"].mean()
    return (means.loc[arm] - means.loc[REFERENCE]).unstack("phase")


def _speedups(runs: Runs, arm: str) -> pd.DataFrame:
    """Return the speed-ups of an arm by phase."""
    if "cold_samples_to_target" not in runs.results:
        return pd.DataFrame(index=runs.results["phase"].unique())
    rows = {}
    for phase, results in runs.results.groupby("phase"):
        found = arm_speedup(results, arm, runs.rule.confidence, runs.target)
        rows[phase] = (found.speedup, found.low, found.high)
    return pd.DataFrame.from_dict(rows, orient="index", columns=["speedup", "speedup_low", "speedup_high"])


def _p(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.2g}"
