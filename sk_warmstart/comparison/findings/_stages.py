"""The stages of the method, each a table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...statistics._posterior import correlated_t, rope_verdict
from ...statistics._transfer import (
    average_accuracy,
    average_incremental_accuracy,
    backward_transfer,
    forgetting,
    forward_transfer,
)
from ..runs._arms import INCUMBENT, REFERENCE
from ._gain import paired_gains

_BUDGETS = (0.25, 0.5, 1.0)  # of the epochs that cold took
_NARROW = 0.5  # a spread this much below cold's is worth a look
_RUN = ["repeat", "stream", "phase", "arm"]


def stage_tables(
    results: pd.DataFrame, curves: pd.DataFrame, measured: dict[str, pd.DataFrame], gain: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Summarise the runs stage by stage.

    Parameters
    ----------
    results, curves : DataFrame
        Of the comparator.
    measured : dict of str to DataFrame
        As in :class:`Measured`.
    gain : DataFrame
        The verdicts.

    Returns
    -------
    dict of str to DataFrame
        ``baseline`` (cold, by phase), ``runs`` (by arm and phase, with partial budgets), ``trajectories``,
        ``consistency``, ``updates``, ``classes`` (by arm and class), ``cost``, ``perturbation`` and ``verdict``,
        in this order, by arm.
    """
    arms = list(gain.index)
    tables = {
        "baseline": _baseline(results),
        "runs": _runs(results, curves),
        "trajectories": _trajectories(curves),
        "consistency": _consistency(results),
        "updates": _updates(results, measured["transfer"], measured["flips"]),
        "classes": _classes(measured["classes"], arms),
        "cost": _cost(results[results["arm"] != INCUMBENT], measured["checkpoints"]),
        "perturbation": _perturbation(measured["noise"]),
        "verdict": gain,
    }
    by_arm = {"trajectories", "consistency", "updates", "cost", "perturbation"}
    return {name: t.reindex(arms).dropna(how="all") if name in by_arm else t for name, t in tables.items()}


def _baseline(results: pd.DataFrame) -> pd.DataFrame:
    cold = results[results["arm"] == REFERENCE].groupby("phase")
    return pd.DataFrame(
        {
            "rows": cold["n_train"].mean(),
            "score": cold["score"].mean(),
            "sd": cold["score"].std(ddof=1),
            "epochs": cold["epochs"].mean(),
            "seconds": cold["seconds"].mean(),
        }
    )


def _runs(results: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """Scores at the end, and validation scores after a part of the epochs that cold took."""
    runs = results.groupby(["arm", "phase"], sort=False)
    table = pd.DataFrame(
        {"score": runs["score"].mean(), "sd": runs["score"].std(ddof=1), "start": runs["start_score"].mean()}
    )
    if curves.empty or curves["valid_score"].isna().all():
        return table
    keys = ["repeat", "stream", "phase"]
    cold = results.loc[results["arm"] == REFERENCE, [*keys, "epochs"]].rename(columns={"epochs": "budget"})
    known = curves[[*_RUN, "epoch", "valid_score"]].merge(cold, on=keys)
    for share in _BUDGETS:
        # A run that stopped before keeps what it had by then.
        within = known[known["epoch"] <= np.ceil(share * known["budget"])]
        last = within.sort_values("epoch").groupby(_RUN, sort=False)["valid_score"].last()
        table[f"valid at {share:.0%}"] = last.groupby(["arm", "phase"], sort=False).mean()
    return table


def _trajectories(curves: pd.DataFrame) -> pd.DataFrame:
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


def _consistency(results: pd.DataFrame) -> pd.DataFrame:
    """The spread over replicates of the score, phases averaged first."""
    means = results.groupby(["arm", "repeat"], sort=False)["score"].mean()
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


def _updates(results: pd.DataFrame, transfer: pd.DataFrame, flips: pd.DataFrame) -> pd.DataFrame:
    """What new data did to what was known."""
    tables = []
    if len(transfer):
        lineage = ["repeat", "stream"]
        untrained = dict(list(transfer[transfer["phase"] == 0].groupby(lineage)))
        scores = {key: run.sort_values("phase")["score"] for key, run in results.groupby(["arm", *lineage])}
        runs = transfer[transfer["phase"] > 0].groupby(["arm", *lineage], sort=False)
        rows = [
            {"arm": key[0], **_transfer(run, untrained.get(key[1:]), scores[key])}
            for key, run in runs
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
    told = {
        "average accuracy": average_accuracy(matrix),
        "average incremental accuracy": average_incremental_accuracy([matrix[0, 0], *scores]),
        "backward transfer": backward_transfer(matrix),
        "forgetting": forgetting(matrix),
    }
    if untrained is not None and not np.isnan(np.diagonal(matrix, 1)).any():
        baseline = untrained.sort_values("on_phase")["score"].to_numpy()
        told["forward transfer"] = forward_transfer(matrix, baseline)
    return told


def _classes(classes: pd.DataFrame, arms: list[str]) -> pd.DataFrame:
    """The recall of each class after the last phase, and what differs from cold."""
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


def incumbent_table(
    results: pd.DataFrame, challenges: pd.DataFrame, test_to_train: float, rope: float, confidence: float
) -> pd.DataFrame:
    """Compare every arm with the model in use.

    Parameters
    ----------
    results : DataFrame
        One row a run.
    challenges : DataFrame
        What differs from the incumbent's predictions after the last phase.
    test_to_train : float
        As in :func:`correlated_t`.
    rope, confidence : float
        As in :func:`rope_verdict`.

    Returns
    -------
    DataFrame
        By arm: ``gain`` over the incumbent, with ``gain_low``, ``gain_high`` and ``verdict``, and the rates of
        ``negative_flips`` (right before, wrong now) and ``positive_flips``.
    """
    rows = {}
    for arm in dict.fromkeys(results["arm"]):
        if arm == INCUMBENT or results.loc[results["arm"] == arm, "error"].ne("").any():
            continue
        posterior = correlated_t(paired_gains(results, arm, INCUMBENT), test_to_train)
        low, high = posterior.interval(confidence)
        rows[arm] = {
            "gain": posterior.mean,
            "gain_low": low,
            "gain_high": high,
            "verdict": rope_verdict(posterior, rope, confidence),
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("arm")
    if len(challenges):
        flips = challenges.groupby("arm", sort=False)[["negative_flips", "positive_flips"]].mean()
        table = table.join(flips)
    return table


def _cost(results: pd.DataFrame, checkpoints: pd.DataFrame) -> pd.DataFrame:
    runs = results.groupby("arm", sort=False)
    table = pd.DataFrame(
        {
            "seconds": runs["seconds"].mean(),
            "epochs": runs["epochs"].mean(),
            "samples": runs["samples"].mean(),
            "epochs to target": runs["epochs_to_target"].mean(),
            "samples to target": runs["samples_to_target"].mean(),
            "reached": runs["reached"].mean(),
            "peak memory, MB": runs["memory"].mean(),
        }
    )
    if len(checkpoints):
        kept = checkpoints.groupby("arm", sort=False)
        table["checkpoint, kB"] = kept["bytes"].mean() / 1e3
        table["checkpoint, seconds"] = kept["seconds"].mean()
    return table


def _perturbation(noise: pd.DataFrame) -> pd.DataFrame:
    if not len(noise):
        return pd.DataFrame()
    drops = noise.assign(drop=noise["plain"] - noise["score"])
    table = drops.pivot_table(index="arm", columns="noise", values="drop")
    table.columns = [f"loss of score at {size:.0%} noise" for size in table.columns]
    return table
