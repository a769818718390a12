"""The tables of the report that are not stages: gains, what stands beside them, and scores by phase."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from ._numbers import NOTHING, decimals_of, duration, fixed, interval, p_value, percent, speedup, speedup_interval
from ._table import Cell, Column, Table

_CHANCES = {"p_better": "better", "p_equivalent": "equivalent", "p_worse": "worse"}


def gain_page(comparator: Any) -> Table:
    """Put the gains into words.

    Parameters
    ----------
    comparator : WarmStartComparator
        A fitted comparator.

    Returns
    -------
    Table
        One row an arm; the cost only where the comparator decided about it.
    """
    gain = comparator.gain_
    content = f"[{100 * comparator.confidence:g}% interval]"
    columns = [
        Column("Arm", left=True),
        Column("Verdict", left=True),
        Column("Score"),
        Column("Gain", small=content),
        *(Column(title, group="Probability that it is") for title in _CHANCES.values()),
        Column("Speed-up", small=content),
        *([Column("Cost", left=True)] if "cost" in gain else []),
        Column("Reached target"),
        Column("Time per fit"),
    ]
    decimals = decimals_of(gain, comparator.rope)
    rows = [_gain_row(str(arm), row, decimals) for arm, row in gain.iterrows()]
    return Table("gain", f"Gain over {comparator.reference_}", "", columns, rows)


def _gain_row(arm: str, row: pd.Series[Any], decimals: int) -> list[Cell]:
    reference = row["verdict"] == "reference"
    cells = [Cell(arm), Cell(str(row["verdict"])), Cell(fixed(row["score"], decimals), row["score"])]
    if reference:
        cells += [Cell(NOTHING, math.nan)] * (2 + len(_CHANCES))
    else:
        gain = fixed(row["gain"], decimals, sign=True)
        low, high = (fixed(row[name], decimals) for name in ("gain_low", "gain_high"))
        bound = row.get("speedup_bound", "exact")
        cells.append(Cell(gain, row["gain"], interval(low, high)))
        cells += [Cell(percent(row[name]), row[name]) for name in _CHANCES]
        cells.append(
            Cell(
                speedup(row["speedup"], bound),
                math.nan if bound == "open" else row["speedup"],
                speedup_interval(row["speedup_low"], row["speedup_high"]),
            )
        )
    if "cost" in row.index:
        cells.append(Cell(row["cost"] or NOTHING, row["cost"]))
    cells.append(Cell(percent(row["reached"], whole=True), row["reached"]))
    cells.append(Cell(duration(row["seconds"]), row["seconds"]))
    return cells


def checks_page(comparator: Any) -> Table | None:
    """Put what stands beside the decision into words.

    Parameters
    ----------
    comparator : WarmStartComparator
        A fitted comparator.

    Returns
    -------
    Table or None
        One row an arm that was judged; None where there is none.
    """
    gain = comparator.gain_
    if "p_value" not in gain:
        return None
    content = f"[{100 * comparator.confidence:g}% interval]"
    columns = [
        Column("Arm", left=True),
        Column("Gain"),
        Column("Bootstrap interval"),
        Column("p", small="corrected t-test"),
        Column("p", small="Holm, over arms"),
        Column("One replicate gains", small=content),
    ]
    judged = gain[gain["p_value"].notna()]
    decimals = decimals_of(gain, comparator.rope)
    rows = [_checks_row(str(arm), row, decimals) for arm, row in judged.iterrows()]
    note = (
        "Not part of the verdict: other ways to look at the same pairs. The p-values are Nadeau and Bengio's, for "
        "no gain at all; Holm's adjustment holds over all arms. The last column is the probability that one "
        "replicate, drawn anew, favours the arm."
    )
    return Table("checks", "Beside the decision", note, columns, rows) if rows else None


def _checks_row(arm: str, row: pd.Series[Any], decimals: int) -> list[Cell]:
    low, high = (fixed(row[name], decimals) for name in ("bootstrap_low", "bootstrap_high"))
    share, least, most = (
        percent(row[name], whole=True) for name in ("p_improvement", "p_improvement_low", "p_improvement_high")
    )
    return [
        Cell(arm),
        Cell(fixed(row["gain"], decimals, sign=True), row["gain"]),
        Cell(interval(low, high) or NOTHING, row["bootstrap_low"]),
        Cell(p_value(row["p_value"]), row["p_value"]),
        Cell(p_value(row["p_holm"]), row["p_holm"]),
        Cell(share, row["p_improvement"], interval(least, most)),
    ]


def scores_by_phase(comparator: Any) -> pd.DataFrame:
    """Return mean and standard deviation of the score, and the mean score of the start, by arm and phase."""
    scores = comparator.results_.groupby(["arm", "phase"])["score"]
    starts = comparator.results_.groupby(["arm", "phase"])["start_score"].mean()
    return pd.DataFrame({"mean": scores.mean(), "sd": scores.std(ddof=1), "start": starts})


def phases_page(comparator: Any) -> Table:
    """Put the scores by phase into words.

    Parameters
    ----------
    comparator : WarmStartComparator
        A fitted comparator.

    Returns
    -------
    Table
        One row an arm and one column a phase.
    """
    results = comparator.results_
    table, decimals = scores_by_phase(comparator), decimals_of(comparator.gain_, comparator.rope)
    sizes = results.groupby("phase")[["n_train", "n_test"]].mean()
    columns = [Column("Arm", left=True)]
    for phase, size in sizes.iterrows():
        small = f"{size['n_train']:.0f} train, {size['n_test']:.0f} test rows"
        columns.append(Column(f"Phase {phase}", small=small))
    rows = [
        [Cell(str(arm)), *(_score_cell(table, (arm, phase), decimals) for phase in sizes.index)]
        for arm in comparator.gain_.index
    ]
    note = (
        f"Mean ± standard deviation of the {comparator.scorer_name_} over replicates; below it the score of the "
        "start, before any step. Phase 1 is the first fit, which all arms share; it is not part of the comparison."
    )
    return Table("phases", "Score by phase", note, columns, rows)


def _score_cell(table: pd.DataFrame, where: tuple[Any, Any], decimals: int) -> Cell:
    if where not in table.index:
        return Cell(NOTHING, math.nan)
    row = table.loc[where]
    mean, sd, start = (fixed(row[name], decimals) for name in ("mean", "sd", "start"))
    text = mean if sd == NOTHING else f"{mean} ± {sd}"
    return Cell(text, float(row["mean"]), "" if start == NOTHING else f"start {start}")


def settings_page(comparator: Any) -> Table:
    """List what was compared.

    Parameters
    ----------
    comparator : WarmStartComparator
        A fitted comparator.

    Returns
    -------
    Table
        One row a setting.
    """
    rows = [[Cell(str(name)), Cell(str(value))] for name, value in comparator.settings_.items()]
    columns = [Column("Setting", left=True), Column("Value", left=True)]
    return Table("settings", "What was compared", "", columns, rows)
