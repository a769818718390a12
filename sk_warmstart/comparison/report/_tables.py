"""The tables of the report that are not stages: gains, further tests of them, scores by phase, settings."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from ..findings._content import Content
from ._numbers import NOTHING, decimals_of, duration, factor, fixed, interval, p_value, percent, ratio
from ._table import Cell, Column, Table

_CHANCES = {"p_better": "better", "p_equivalent": "equivalent", "p_worse": "worse"}


def gain_page(findings: Content) -> Table:
    """Put the gains into words, one row an arm."""
    gain = findings.gain
    content = f"[{100 * findings.rule.confidence:g}% interval]"
    columns = [
        Column("Arm", left=True),
        Column("Verdict", left=True),
        Column("Score"),
        Column("Gain", small=content),
        *(Column(title, group="Probability that it is") for title in _CHANCES.values()),
        Column("Speed-up", small=content),
        Column("Cost", left=True),
        Column("Reached"),
        Column("Worst gain"),
        Column("Time per fit"),
    ]
    decimals = decimals_of(gain, findings.rule.rope)
    rows = [_gain_row(str(arm), row, decimals) for arm, row in gain.iterrows()]
    return Table("gain", f"Gain over {findings.reference}", "", columns, rows)


def _gain_row(arm: str, row: pd.Series[Any], decimals: int) -> list[Cell]:
    reference = row["verdict"] == "reference"
    cells = [Cell(arm), Cell(str(row["verdict"])), Cell(fixed(row["score"], decimals), row["score"])]
    if reference:
        cells += [Cell(NOTHING, math.nan)] * (2 + len(_CHANCES))
    else:
        gain = fixed(row["gain"], decimals, sign=True)
        low, high = (fixed(row[name], decimals) for name in ("gain_low", "gain_high"))
        cells.append(Cell(gain, row["gain"], interval(low, high)))
        cells += [Cell(percent(row[name]), row[name]) for name in _CHANCES]
        between = interval(ratio(row["speedup_low"]), ratio(row["speedup_high"]))
        cells.append(Cell(factor(row["speedup"]), row["speedup"], between))
    cells.append(Cell(row["cost"] or NOTHING, row["cost"]))
    both = [percent(row[name], whole=True) for name in ("reached", "reached_by_cold")]
    cells.append(Cell(both[0], row["reached"], "" if reference or both[1] == NOTHING else f"cold {both[1]}"))
    worst = NOTHING if reference else fixed(row["worst_gain"], decimals, sign=True)
    cells.append(Cell(worst, row["worst_gain"]))
    cells.append(Cell(duration(row["seconds"]), row["seconds"]))
    return cells


def checks_page(findings: Content) -> Table | None:
    """Put what was computed besides the decision into words; None where no arm was judged."""
    gain = findings.gain
    content = f"[{100 * findings.rule.confidence:g}% interval]"
    columns = [
        Column("Arm", left=True),
        Column("p", small="no gain beyond the ROPE, Holm"),
        Column("p", small="phases gain alike"),
        Column("p", small="corrected t-test"),
        Column("p", small="corrected t-test, Holm"),
        Column("Corrected t", small=content),
        Column("Bootstrap", small=content),
        Column("One replicate gains", small=content),
    ]
    judged = gain[gain[["p_adjusted", "p_value"]].notna().any(axis=1)]
    decimals = decimals_of(gain, findings.rule.rope)
    rows = [_checks_row(str(arm), row, decimals) for arm, row in judged.iterrows()]
    note = (
        "The first p-value is the verdict's, for a gain within the ROPE and adjusted over all arms. The rest is "
        "no part of it: whether phases gain alike; Nadeau and Bengio's corrected t-test for no gain at all, by "
        "test and training rows; a bootstrap of the replicates, from ten on; and the probability that one "
        "replicate, drawn anew, favours the arm."
    )
    return Table("checks", "Beside the decision", note, columns, rows) if rows else None


def _checks_row(arm: str, row: pd.Series[Any], decimals: int) -> list[Cell]:
    pairs = [
        interval(*(fixed(row[f"{name}_{end}"], decimals) for end in ("low", "high"))) or NOTHING
        for name in ("corrected_t", "bootstrap")
    ]
    share, least, most = (
        percent(row[name], whole=True) for name in ("p_improvement", "p_improvement_low", "p_improvement_high")
    )
    return [
        Cell(arm),
        *(Cell(p_value(row[name]), row[name]) for name in ("p_adjusted", "p_phases", "p_value", "p_holm")),
        Cell(pairs[0], row["corrected_t_low"]),
        Cell(pairs[1], row["bootstrap_low"]),
        Cell(share, row["p_improvement"], interval(least, most)),
    ]


def scores_by_phase(findings: Content) -> pd.DataFrame:
    """Return mean and standard deviation of the score, and the mean score of the start, by arm and phase."""
    scores = findings.results.groupby(["arm", "phase"])["score"]
    starts = findings.results.groupby(["arm", "phase"])["start_score"].mean()
    return pd.DataFrame({"mean": scores.mean(), "sd": scores.std(ddof=1), "start": starts})


def phases_page(findings: Content) -> Table:
    """Put the scores by phase into words, one row an arm and one column a phase."""
    results = findings.results
    table, decimals = scores_by_phase(findings), decimals_of(findings.gain, findings.rule.rope)
    sizes = results.groupby("phase")[["n_train", "n_test"]].mean()
    columns = [Column("Arm", left=True)]
    for phase, size in sizes.iterrows():
        small = f"{size['n_train']:.0f} train, {size['n_test']:.0f} test rows"
        columns.append(Column(f"Phase {phase}", small=small))
    rows = [
        [Cell(str(arm)), *(_score_cell(table, (arm, phase), decimals) for phase in sizes.index)]
        for arm in findings.gain.index
    ]
    note = (
        f"Mean ± standard deviation of the {findings.score} over replicates; below it that of the start, before "
        "any step, on the same test rows (2,000 of them where there are more). Phase 1 is the first fit, which "
        "all arms share; it is not part of the comparison."
    )
    return Table("phases", "Score by phase", note, columns, rows)


def _score_cell(table: pd.DataFrame, where: tuple[Any, Any], decimals: int) -> Cell:
    if where not in table.index:
        return Cell(NOTHING, math.nan)
    row = table.loc[where]
    mean, sd, start = (fixed(row[name], decimals) for name in ("mean", "sd", "start"))
    text = mean if sd == NOTHING else f"{mean} ± {sd}"
    return Cell(text, float(row["mean"]), "" if start == NOTHING else f"start {start}")


def settings_page(findings: Content) -> Table:
    """List what was compared."""
    rows = [[Cell(str(name)), Cell(str(value))] for name, value in findings.settings.items()]
    columns = [Column("Setting", left=True), Column("Value", left=True)]
    return Table("settings", "What was compared", "", columns, rows)
