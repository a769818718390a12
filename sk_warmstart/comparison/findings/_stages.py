"""The stages of the method, each a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...statistics._decision import DecisionRule
from ...statistics._posterior import correlated_t, rope_verdict
from ...statistics._transfer import (
    average_accuracy,
    average_incremental_accuracy,
    backward_transfer,
    forgetting,
    forward_transfer,
)
from .._names import INCUMBENT, REFERENCE
from ._gain import paired_gains

_BUDGETS = (0.25, 0.5, 1.0)  # of the epochs that cold took
_NARROW = 0.5  # a spread this much below cold's is worth a look
_RUN = ["repeat", "stream", "phase", "arm"]


@dataclass(frozen=True)
class Runs:
    """All runs of a comparison, what was measured of them, and how they are judged."""

    results: pd.DataFrame
    curves: pd.DataFrame
    measured: Mapping[str, pd.DataFrame]
    gain: pd.DataFrame
    test_to_train: float
    rule: DecisionRule


@dataclass(frozen=True)
class Stage:
    """A stage: how its table is made, what it is called and how it is read."""

    name: str
    title: str
    note: str
    table: Callable[[Runs], pd.DataFrame]
    by_arm: bool = False


def stage_tables(runs: Runs) -> dict[str, pd.DataFrame]:
    """Summarise the runs stage by stage; the last table holds the verdicts."""
    arms = list(runs.gain.index)
    tables = {}
    for stage in STAGES:
        if stage.name == "incumbent" and not runs.results["arm"].eq(INCUMBENT).any():
            continue
        table = stage.table(runs)
        tables[stage.name] = table.reindex(arms).dropna(how="all") if stage.by_arm else table
    return {**tables, "verdict": runs.gain}


def _baseline(runs: Runs) -> pd.DataFrame:
    cold = runs.results[runs.results["arm"] == REFERENCE].groupby("phase")
    return pd.DataFrame(
        {
            "rows": cold["n_train"].mean(),
            "score": cold["score"].mean(),
            "sd": cold["score"].std(ddof=1),
            "epochs": cold["epochs"].mean(),
            "seconds": cold["seconds"].mean(),
        }
    )


def _scores(runs: Runs) -> pd.DataFrame:
    """Scores at the end, and validation scores after a part of the epochs that cold took."""
    results, curves = runs.results, runs.curves
    by_phase = results.groupby(["arm", "phase"], sort=False)
    table = pd.DataFrame(
        {
            "score": by_phase["score"].mean(),
            "sd": by_phase["score"].std(ddof=1),
            "start": by_phase["start_score"].mean(),
        }
    )
    if curves.empty or curves["valid_score"].isna().all():
        return table
    keys = ["repeat", "stream", "phase"]
    cold = results.loc[results["arm"] == REFERENCE, [*keys, "epochs"]].rename(columns={"epochs": "budget"})
    scored = curves[[*_RUN, "epoch", "valid_score"]].merge(cold, on=keys)
    for share in _BUDGETS:
        # A run that stopped before keeps what it had by then.
        within = scored[scored["epoch"] <= np.ceil(share * scored["budget"])]
        last = within.sort_values("epoch").groupby(_RUN, sort=False)["valid_score"].last()
        table[f"valid at {share:.0%}"] = last.groupby(["arm", "phase"], sort=False).mean()
    return table


def _trajectories(runs: Runs) -> pd.DataFrame:
    curves = runs.curves
    if curves.empty:
        return pd.DataFrame()
    ordered = curves.sort_values("epoch").groupby(_RUN, sort=False)
    trained = curves[curves["epoch"] > 0].sort_values("epoch").groupby(_RUN, sort=False)
    columns = {
        "train loss, first epoch": trained["train_loss"].first(),
        "train loss, last": trained["train_loss"].last(),
        "gradient norm, first epoch": trained["gradient_norm"].first(),
        "gradient norm, last": trained["gradient_norm"].last(),
        "distance from start": ordered["distance_from_start"].last(),
        "start's distance from init": ordered["distance_from_init"].first(),
        "distance from init": ordered["distance_from_init"].last(),
    }
    return pd.DataFrame(columns).groupby("arm", sort=False).mean()


def _consistency(runs: Runs) -> pd.DataFrame:
    """The spread over replicates of the score, phases averaged first."""
    means = runs.results.groupby(["arm", "repeat"], sort=False)["score"].mean()
    spread = means.groupby("arm", sort=False).std(ddof=1)
    ratio = spread / spread.get(REFERENCE, np.nan)
    return pd.DataFrame(
        {
            "sd": spread,
            "ratio to cold": ratio,
            "lowest": means.groupby("arm", sort=False).min(),
            "highest": means.groupby("arm", sort=False).max(),
            "over-concentrated": ratio < _NARROW,
        }
    )


def _updates(runs: Runs) -> pd.DataFrame:
    """Forgetting, transfer and flips of predictions."""
    transfer, flips = runs.measured["transfer"], runs.measured["flips"]
    tables = []
    if len(transfer):
        lineage = ["repeat", "stream"]
        untrained = dict(list(transfer[transfer["phase"] == 0].groupby(lineage)))
        scores = {key: run.sort_values("phase")["score"] for key, run in runs.results.groupby(["arm", *lineage])}
        by_run = transfer[transfer["phase"] > 0].groupby(["arm", *lineage], sort=False)
        rows = [
            {"arm": key[0], **_transfer(run, untrained.get(key[1:]), scores[key])}
            for key, run in by_run
            if key in scores
        ]
        tables.append(pd.DataFrame(rows).groupby("arm", sort=False).mean())
    if len(flips):
        names = {
            "negative_flips": "negative flips",
            "positive_flips": "positive flips",
            "retained": "retained accuracy",
        }
        tables.append(flips.groupby("arm", sort=False)[list(names)].mean().rename(columns=names))
    return pd.concat(tables, axis=1).dropna(axis=1, how="all") if tables else pd.DataFrame()


def _transfer(run: pd.DataFrame, untrained: pd.DataFrame | None, scores: pd.Series) -> dict[str, float]:
    """The measures of one lineage, from its scores after each phase on what each phase brought to be judged by.

    ``scores`` are those on all test rows of the second phase and each later one.
    """
    matrix = run.pivot_table(index="phase", columns="on_phase", values="score", dropna=False).to_numpy()
    if len(matrix) != matrix.shape[1] or len(matrix) < 2:
        return {}
    measures = {
        "average accuracy": average_accuracy(matrix),
        "average incremental accuracy": average_incremental_accuracy([matrix[0, 0], *scores]),
        "backward transfer": backward_transfer(matrix),
        "forgetting": forgetting(matrix),
    }
    if untrained is not None and not np.isnan(np.diagonal(matrix, 1)).any():
        baseline = untrained.sort_values("on_phase")["score"].to_numpy()
        measures["forward transfer"] = forward_transfer(matrix, baseline)
    return measures


def _classes(runs: Runs) -> pd.DataFrame:
    """The recall of each class after the last phase, and what differs from cold."""
    classes, arms = runs.measured["classes"], list(runs.gain.index)
    if not len(classes):
        return pd.DataFrame()
    recall = classes.groupby(["arm", "repeat", "class"])["recall"].mean()
    cold = recall.loc[REFERENCE]
    change = recall - cold.reindex(pd.MultiIndex.from_tuples([key[1:] for key in recall.index])).to_numpy()
    table = pd.DataFrame()
    for name, values in (("recall", recall), ("change", change)):
        replicates = values.groupby(["arm", "class"])
        table[name], table[f"{name}_sd"] = replicates.mean(), replicates.std(ddof=1)
    table.loc[table.index.get_level_values("arm") == REFERENCE, ["change", "change_sd"]] = np.nan
    return table.reindex([arm for arm in arms if arm in table.index.get_level_values("arm")], level="arm")


def _incumbent(runs: Runs) -> pd.DataFrame:
    """Every arm against the model in use: gain, verdict, and rates of flipped predictions."""
    results, challenges = runs.results, runs.measured["challenges"]
    rows = {}
    for arm in dict.fromkeys(results["arm"]):
        if arm == INCUMBENT or results.loc[results["arm"] == arm, "error"].ne("").any():
            continue
        posterior = correlated_t(paired_gains(results, arm, INCUMBENT), runs.test_to_train)
        low, high = posterior.interval(runs.rule.confidence)
        rows[arm] = {
            "gain": posterior.mean,
            "gain_low": low,
            "gain_high": high,
            "verdict": rope_verdict(posterior, runs.rule.rope, runs.rule.confidence),
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("arm")
    if len(challenges):
        flips = challenges.groupby("arm", sort=False)[["negative_flips", "positive_flips"]].mean()
        table = table.join(flips)
    return table


def _cost(runs: Runs) -> pd.DataFrame:
    checkpoints = runs.measured["checkpoints"]
    by_arm = runs.results[runs.results["arm"] != INCUMBENT].groupby("arm", sort=False)
    table = pd.DataFrame(
        {
            "seconds": by_arm["seconds"].mean(),
            "epochs": by_arm["epochs"].mean(),
            "samples": by_arm["samples"].mean(),
            "epochs to target": by_arm["epochs_to_target"].mean(),
            "samples to target": by_arm["samples_to_target"].mean(),
            "reached": by_arm["reached"].mean(),
        }
    )
    memory = by_arm["memory"].mean()
    if memory.notna().any():  # a pack's is no single fit's
        table["peak memory, MB"] = memory
    if len(checkpoints):
        kept = checkpoints.groupby("arm", sort=False)
        table["checkpoint, kB"] = kept["bytes"].mean() / 1e3
        table["checkpoint, seconds"] = kept["seconds"].mean()
    return table


def _perturbation(runs: Runs) -> pd.DataFrame:
    noise = runs.measured["noise"]
    if not len(noise):
        return pd.DataFrame()
    drops = noise.assign(drop=noise["plain"] - noise["score"])
    table = drops.pivot_table(index="arm", columns="noise", values="drop")
    table.columns = [f"loss of score at {size:.0%} noise" for size in table.columns]
    return table


# In the order of the report.
STAGES = (
    Stage(
        "baseline",
        "Cold, phase by phase",
        "What a fresh draw reaches: the reference of what follows.",
        _baseline,
    ),
    Stage(
        "runs",
        "Every arm, phase by phase",
        "Test scores at the end, scores before the first step, and validation scores after a part of the epochs "
        "that cold took.",
        _scores,
    ),
    Stage(
        "trajectories",
        "The way through the weights",
        "Means over runs. Distances are Euclidean, over all parameters: from the start of the fit, and from the "
        "weights that the lineage first began with.",
        _trajectories,
        by_arm=True,
    ),
    Stage(
        "consistency",
        "Spread over replicates",
        "Of the mean score over phases. A spread below half of cold's is marked: starts that all end in one place "
        "may have stopped exploring.",
        _consistency,
        by_arm=True,
    ),
    Stage(
        "updates",
        "What new data did to what was known",
        "Backward transfer is how later phases changed the score on earlier test rows; forgetting how far it fell "
        "below its best. A negative flip is a test row of the phase before that was right and is wrong now. Where "
        "windows roll, the rows that test one phase train the next, and are held out no more.",
        _updates,
        by_arm=True,
    ),
    Stage(
        "classes",
        "Class by class",
        "Recall of each class in the last phase, and its change against cold in the same replicate: a gain in the "
        "mean may hide a class that is lost. sd: standard deviation over replicates.",
        _classes,
    ),
    Stage(
        "incumbent",
        "Against the incumbent",
        "Each way to retrain against keeping the old model as it is, in the same replicate, judged as the gain "
        "over cold is. Negative flips: share of the test rows that the incumbent has right and the arm wrong; "
        "positive flips: the other way round.",
        _incumbent,
    ),
    Stage(
        "cost",
        "Cost",
        "Means a fit; samples include those that making the start took. In a pack, seconds are a fit's share. "
        "Epochs and samples to the target are of the runs that reached it.",
        _cost,
        by_arm=True,
    ),
    Stage(
        "perturbation",
        "Under noise on the weights",
        "How much the last phase's test score falls when every tensor gets noise of this size, relative to its "
        "root mean square: flat minima lose little.",
        _perturbation,
        by_arm=True,
    ),
)
