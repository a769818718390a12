"""The stages of the method, each a table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ._arms import REFERENCE
from ._forgetting import average_accuracy, backward_transfer, forgetting

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
        ``transfer``, ``flips``, ``noise`` and ``checkpoints``, as in :class:`Measured`.
    gain : DataFrame
        The verdicts.

    Returns
    -------
    dict of str to DataFrame
        ``baseline`` (cold, by phase), ``runs`` (by arm and phase, with partial budgets), ``trajectories``,
        ``consistency``, ``updates``, ``cost``, ``perturbation`` and ``verdict``, in this order, by arm.
    """
    arms = list(gain.index)
    tables = {
        "baseline": _baseline(results),
        "runs": _runs(results, curves),
        "trajectories": _trajectories(curves),
        "consistency": _consistency(results),
        "updates": _updates(measured["transfer"], measured["flips"]),
        "cost": _cost(results, measured["checkpoints"]),
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


def _updates(transfer: pd.DataFrame, flips: pd.DataFrame) -> pd.DataFrame:
    """What new data did to what was known."""
    rows = []
    for (arm, _, _), runs in transfer.groupby(["arm", "repeat", "stream"], sort=False) if len(transfer) else ():
        matrix = runs.pivot_table(index="phase", columns="on_phase", values="score").to_numpy()
        if len(matrix) == matrix.shape[1] and len(matrix) > 1:
            rows.append(
                {
                    "arm": arm,
                    "average accuracy": average_accuracy(matrix),
                    "backward transfer": backward_transfer(matrix),
                    "forgetting": forgetting(matrix),
                }
            )
    tables = []
    if rows:
        tables.append(pd.DataFrame(rows).groupby("arm", sort=False).mean())
    if len(flips):
        names = {
            "negative_flips": "negative flips",
            "positive_flips": "positive flips",
            "retained": "retained accuracy",
        }
        tables.append(flips.groupby("arm", sort=False)[list(names)].mean().rename(columns=names))
    return pd.concat(tables, axis=1) if tables else pd.DataFrame()


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
