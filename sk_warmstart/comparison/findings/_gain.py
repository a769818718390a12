"""From the runs to one row an arm: what starting there gained, and what it saved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...statistics._bootstrap import paired_bootstrap
from ...statistics._decision import DecisionRule, rope_verdict
from ...statistics._holm import holm
from ...statistics._improvement import probability_of_improvement
from ...statistics._nesting import replicate_means
from ...statistics._pairs import pairs_to_decide
from ...statistics._posterior import correlated_t
from ...statistics._speedup import Speedup, geometric_speedup
from .._names import FAILED, INCUMBENT, REFERENCE

_DECISION = ("gain_low", "gain_high", "p_better", "p_equivalent", "p_worse")
_SPEED = ("speedup", "speedup_low", "speedup_high")
# Beside the decision: Nadeau and Bengio's corrected t, the share of replicates that gained, a bootstrap.
_BESIDE = (
    "p_value",
    *("p_improvement", "p_improvement_low", "p_improvement_high"),
    *("bootstrap_low", "bootstrap_high"),
)
_KEYS = ["repeat", "stream", "phase"]


def reach_targets(results: pd.DataFrame, curves: pd.DataFrame, rope: float, target: float | None) -> pd.DataFrame:
    """Add to each run when it reached the target: cold's final validation score less the ROPE, or one given.

    A run that never reached it has NaN in ``epochs_to_target`` and ``samples_to_target``.
    """
    cold = results[results["arm"] == REFERENCE].set_index(_KEYS)["final_valid_score"]
    scores = cold.reindex(pd.MultiIndex.from_frame(results[_KEYS])).to_numpy()
    added = results.assign(target=scores - rope if target is None else target)
    run = [*_KEYS, "arm"]
    merged = curves[[*run, "epoch", "samples", "valid_score"]].merge(added[[*run, "target"]], on=run)
    hits = merged[merged["valid_score"] >= merged["target"]].groupby(run, sort=False)[["epoch", "samples"]].min()
    hits = hits.rename(columns={"epoch": "epochs_to_target", "samples": "samples_to_target"})
    added = added.merge(hits.reset_index(), on=run, how="left")
    added = added.astype(dict.fromkeys(hits.columns, float))  # without any epochs they would be objects
    return added.assign(reached=added["epochs_to_target"].notna())


def gain_table(
    results: pd.DataFrame, test_to_train: float, rope: float, confidence: float
) -> tuple[pd.DataFrame, dict[str, int | None]]:
    """Return one row an arm, and for each undecided arm the number of replicates that would decide, or None."""
    rows, pairs = {}, {}
    for arm in dict.fromkeys(results["arm"]):
        row, needed = _row(results, arm, test_to_train, rope, confidence)
        rows[arm] = row
        if row["verdict"] == "undecided":
            pairs[arm] = needed
    gain = pd.DataFrame.from_dict(rows, orient="index").rename_axis("arm")
    # Many arms: the best of them looks better than it is.
    gain.insert(list(gain).index("p_value") + 1, "p_holm", holm(gain["p_value"]))
    return gain, pairs


def _row(
    results: pd.DataFrame, arm: str, test_to_train: float, rope: float, confidence: float
) -> tuple[dict[str, Any], int | None]:
    mine = results[results["arm"] == arm]
    reference = arm == REFERENCE
    timed = mine["target"].notna().any() and arm != INCUMBENT
    row: dict[str, Any] = {
        "score": mine["score"].mean(),
        "gain": 0.0 if reference else np.nan,
        **dict.fromkeys(_DECISION, np.nan),
        **dict.fromkeys(_SPEED, np.nan),
        "speedup_bound": "exact" if reference else "",
        "reached": mine["reached"].mean() if timed else np.nan,
        "seconds": mine["seconds"].mean(),
        "verdict": "reference",
        "cost": "",
        **dict.fromkeys(_BESIDE, np.nan),
    }
    if reference:
        return {**row, "speedup": 1.0}, None
    gains = paired_gains(results, arm)
    if mine["error"].ne("").any():
        # The runs that went well are no fair sample of what the arm does: shown, and not judged.
        return {**row, "gain": gains.mean() if len(gains) else np.nan, "verdict": FAILED}, None
    rule, posterior = DecisionRule(rope, confidence), correlated_t(gains, test_to_train)
    low, high = posterior.interval(confidence)
    worse, better = posterior.below(-rope), 1 - posterior.below(rope)
    row.update(
        gain=posterior.mean,
        gain_low=low,
        gain_high=high,
        p_better=better,
        p_equivalent=1 - worse - better,
        p_worse=worse,
        verdict=rope_verdict(posterior, rope, confidence),
    )
    n_finite = int(np.isfinite(gains).sum())
    better_than = probability_of_improvement(gains, test_to_train, confidence)
    row.update(
        p_improvement=better_than.probability,
        p_improvement_low=better_than.low,
        p_improvement_high=better_than.high,
        p_value=posterior.p_value if n_finite > 1 else np.nan,
    )
    if n_finite > 2:
        row["bootstrap_low"], row["bootstrap_high"] = paired_bootstrap(gains, confidence)
    if arm != INCUMBENT:  # which is not trained
        speed = _speed(results, arm, confidence)
        row.update(
            speedup=speed.speedup,
            speedup_low=speed.low,
            speedup_high=speed.high,
            speedup_bound="exact",
            cost=rule.cost(speed.low, speed.high),
        )
    needed = pairs_to_decide(gains, rope, confidence)
    return row, None if needed is None else needed.n


def paired_gains(results: pd.DataFrame, arm: str, than: str = REFERENCE) -> NDArray[np.float64]:
    """Return an arm's gains over another, one a replicate: phases are averaged, failed runs left out."""
    pairs = _pairs(results, arm, than).dropna(subset=["score", "score_than"])
    if not len(pairs):
        return np.array([])
    return replicate_means(pairs["score"] - pairs["score_than"], pairs["repeat"])


def _pairs(results: pd.DataFrame, arm: str, than: str) -> pd.DataFrame:
    """The runs of two arms, side by side."""
    one, other = (results[results["arm"] == name] for name in (arm, than))
    return one.merge(other, on=_KEYS, suffixes=("", "_than"))


def _speed(results: pd.DataFrame, arm: str, confidence: float) -> Speedup:
    """Samples until the target, those of cold over those of the arm.

    At least one epoch counts, the finest that is measured: a start that is there already would be infinitely
    fast. A run that never got there counts with all that it spent. Without validation scores all samples count.
    """
    spent = results["samples_to_target"].fillna(results["samples"]).clip(lower=results["n_fit"])
    pairs = _pairs(results.assign(spent=spent), arm, REFERENCE)
    return geometric_speedup(pairs["spent_than"], pairs["spent"], pairs["repeat"], confidence)


def best_arm(gain: pd.DataFrame, rope: float) -> str:
    """Return the fastest arm of those whose score is practically the best; never the incumbent: it is no start."""
    gain = gain[(gain["verdict"] != FAILED) & (gain.index != INCUMBENT)]
    good = gain[gain["score"] >= gain["score"].max() - rope]
    if good.empty:
        raise ValueError("no arm has a score that is a number: look at scoring, or at the estimator")
    speed = good["speedup"].fillna(0.0)
    return str(speed.idxmax())
