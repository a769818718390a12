"""From the runs to one row an arm: what starting there gained, and what it saved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...statistics._bootstrap import paired_bootstrap
from ...statistics._clustered import ClusteredPosterior
from ...statistics._decision import DecisionRule
from ...statistics._holm import holm
from ...statistics._improvement import probability_of_improvement
from ...statistics._nesting import replicate_means
from ...statistics._pairs import PairsNeeded, pairs_to_decide
from ...statistics._posterior import Posterior, correlated_t
from ...statistics._speedup import Speedup, geometric_speedup
from .._names import FAILED, INCUMBENT, REFERENCE
from ._rows import RowTable
from ._targets import RUN

# In the order of the table; what has no value is NaN.
GAIN_COLUMNS = (
    *("score", "gain", "gain_low", "gain_high", "p_better", "p_equivalent", "p_worse"),
    *("speedup", "speedup_low", "speedup_high", "reached", "reached_by_cold", "seconds", "verdict", "cost"),
    *("p_adjusted", "worst_gain"),
    # Beside the decision: Nadeau and Bengio's corrected t, the share of replicates that gained, a bootstrap.
    *("p_value", "p_holm", "corrected_t_low", "corrected_t_high"),
    *("p_improvement", "p_improvement_low", "p_improvement_high", "bootstrap_low", "bootstrap_high", "p_phases"),
)
_ENOUGH_TO_RESAMPLE = 10  # the interval of a bootstrap of fewer is far too narrow


def gain_table(
    results: pd.DataFrame,
    rows: RowTable | None,
    rule: DecisionRule,
    test_to_train: float,
    target: float | None = None,
    folds: bool = False,
) -> tuple[pd.DataFrame, dict[str, PairsNeeded | None]]:
    """Return one row an arm, and for each undecided arm the number of replicates that would decide, or None.

    With ``folds`` the unit of Nadeau and Bengio's test is a fold of a replicate.
    """
    arms = list(dict.fromkeys(results["arm"]))
    gains = {arm: paired_gains(results, arm) for arm in arms}
    table = {arm: _description(results, arm) for arm in arms}
    failed = {arm for arm in arms if results.loc[results["arm"] == arm, "error"].ne("").any()}
    for arm in failed:
        # The runs that went well are no fair sample of what the arm does: shown, and not judged.
        mean = gains[arm].mean() if len(gains[arm]) else np.nan
        table[arm].update(verdict=FAILED, gain=mean)
    posteriors = {
        arm: gain_posterior(results, rows, arm) for arm in arms if arm != REFERENCE and arm not in failed
    }
    for arm, judged in rule.judge(posteriors).items():
        table[arm].update(
            **_decision(posteriors[arm], rule),
            verdict=judged.verdict,
            p_adjusted=judged.p_adjusted,
            **_beside(gains[arm], test_to_train, rule.confidence),
            **_corrected(gains_by_fold(results, arm) if folds else gains[arm], test_to_train, rule.confidence),
            p_phases=np.nan if rows is None else rows.interaction(arm),
        )
    trained = [arm for arm in posteriors if arm != INCUMBENT]
    speedups = {arm: arm_speedup(results, arm, rule.confidence, target) for arm in trained}
    for arm, speed in speedups.items():
        table[arm].update(speedup=speed.speedup, speedup_low=speed.low, speedup_high=speed.high)
    # An arm that scores worse has an easy target: how soon it got there says nothing.
    fair = {arm: speed for arm, speed in speedups.items() if table[arm]["verdict"] != "detrimental"}
    for arm, cost in rule.judge_cost(fair).items():
        table[arm].update(cost=cost)
    gain = pd.DataFrame.from_dict(table, orient="index").rename_axis("arm")
    gain["p_holm"] = holm(gain["p_value"])
    pairs = {
        arm: _pairs_needed(gains[arm], posterior, rule)
        for arm, posterior in posteriors.items()
        if table[arm]["verdict"] == "undecided"
    }
    return gain[list(GAIN_COLUMNS)], pairs


def paired_gains(results: pd.DataFrame, arm: str, than: str = REFERENCE) -> NDArray[np.float64]:
    """Return an arm's gains over another, one a replicate: phases are averaged, runs without a score left out."""
    pairs = _pairs(results, arm, than)
    if not len(pairs):
        return np.array([])
    return replicate_means(pairs["score"] - pairs["score_than"], pairs["repeat"])


def gains_by_fold(results: pd.DataFrame, arm: str) -> NDArray[np.float64]:
    """Return an arm's mean gain over cold in each stream of each replicate."""
    pairs = _pairs(results, arm, REFERENCE)
    gains = (pairs["score"] - pairs["score_than"]).groupby([pairs["repeat"], pairs["stream"]]).mean()
    return gains.to_numpy()


def gains_by_phase(results: pd.DataFrame, arm: str) -> pd.Series:
    """Return an arm's mean gain over cold in each phase."""
    pairs = _pairs(results, arm, REFERENCE)
    return (pairs["score"] - pairs["score_than"]).groupby(pairs["phase"]).mean()


def gain_posterior(results: pd.DataFrame, rows: RowTable | None, arm: str, than: str = REFERENCE) -> Posterior:
    """Return what is believed of an arm's gain: by its test rows, or where they are unknown by its replicates."""
    posterior = None if rows is None else rows.posterior(arm, than=than)
    return correlated_t(paired_gains(results, arm, than), 0.0) if posterior is None else posterior


def arm_speedup(results: pd.DataFrame, arm: str, confidence: float, target: float | None) -> Speedup:
    """Return cold's over an arm's samples until the pair's target.

    At least one epoch counts, the finest that is measured: a start that is there already would be infinitely
    fast. Short of a target of the user's, a run counts with the larger spending of its pair; without validation
    scores all samples count.
    """
    pairs = _pairs(results, arm, REFERENCE)
    if not len(pairs):
        return Speedup(np.nan, np.nan, np.nan, np.nan, np.nan, 0)
    spent = pairs[["samples", "samples_than"]]
    if target is not None:
        spent = spent.assign(samples=spent.max(axis=1), samples_than=spent.max(axis=1))
    mine = pairs["samples_to_target"].fillna(spent["samples"])
    cold = pairs["cold_samples_to_target"].fillna(spent["samples_than"])
    return geometric_speedup(
        cold.clip(lower=pairs["n_fit"]),
        mine.clip(lower=pairs["n_fit"]),
        pairs["repeat"],
        confidence,
        pooled=target is not None,
    )


def best_arm(gain: pd.DataFrame, against: pd.DataFrame | None = None, cheaper_counts: bool = True) -> str:
    """Return the arm to go on with; never the incumbent, which is no start.

    It is the best beneficial one, else the cheapest of those that are neutral and cheaper, else cold. ``against``
    are the arms against the incumbent: where that one is not shown to be better, the best of those that are. To
    learn nothing at less cost is no reason to change: then ``cheaper_counts`` is false.
    """
    if gain.loc[[REFERENCE], "score"].isna().all():
        raise ValueError("no run of cold has a score that is a number: look at scoring, or at the estimator")
    starts = gain.drop(index=INCUMBENT, errors="ignore")
    beneficial = starts[starts["verdict"] == "beneficial"]
    cheaper = starts[(starts["verdict"] == "neutral") & (starts["cost"] == "cheaper")]
    best = REFERENCE
    if len(beneficial):
        best = str(beneficial["gain"].idxmax())
    elif len(cheaper) and cheaper_counts:
        best = str(cheaper["speedup"].idxmax())
    if against is None or is_shown_better(against, best):
        return best
    better = against[against["verdict"] == "beneficial"]
    return str(better["gain"].idxmax()) if len(better) else best


def is_shown_better(against: pd.DataFrame, arm: str) -> bool:
    """Whether an arm is shown to be better than the incumbent."""
    return arm in against.index and str(against.loc[arm, "verdict"]) == "beneficial"


def _description(results: pd.DataFrame, arm: str) -> dict[str, Any]:
    """What is told of every arm, judged or not."""
    mine = _pairs(results, arm, REFERENCE)
    timed = mine[mine["target"].notna()]
    row: dict[str, Any] = {
        **dict.fromkeys(GAIN_COLUMNS, np.nan),
        "score": mine["score"].mean(),
        "seconds": results.loc[results["arm"] == arm, "seconds"].mean(),
        "verdict": "reference",
        "cost": "",
    }
    if len(timed) and arm != INCUMBENT:  # which is not trained
        row.update(reached=timed["reached"].mean(), reached_by_cold=timed["reached_by_cold"].mean())
    return {**row, "gain": 0.0, "speedup": 1.0} if arm == REFERENCE else row


def _decision(posterior: Posterior, rule: DecisionRule) -> dict[str, float]:
    low, high = posterior.interval(rule.confidence)
    worse, better = posterior.below(-rule.rope), 1 - posterior.below(rule.rope)
    return {
        "gain": posterior.mean,
        "gain_low": low,
        "gain_high": high,
        "p_better": better,
        "p_equivalent": 1 - worse - better,
        "p_worse": worse,
    }


def _beside(gains: NDArray[np.float64], test_to_train: float, confidence: float) -> dict[str, float]:
    """Return the worst replicate, and other ways to look at the same pairs."""
    better = probability_of_improvement(gains, test_to_train, confidence)
    beside = {
        "worst_gain": float(gains.min()) if len(gains) else np.nan,
        "p_improvement": better.probability,
        "p_improvement_low": better.low,
        "p_improvement_high": better.high,
    }
    if len(gains) >= _ENOUGH_TO_RESAMPLE:
        beside["bootstrap_low"], beside["bootstrap_high"] = paired_bootstrap(gains, confidence)
    return beside


def _corrected(gains: NDArray[np.float64], test_to_train: float, confidence: float) -> dict[str, float]:
    """Return p-value and interval of Nadeau and Bengio's corrected t-test."""
    corrected = correlated_t(gains, test_to_train)
    low, high = corrected.interval(confidence)
    return {"p_value": corrected.p_value, "corrected_t_low": low, "corrected_t_high": high}


def _pairs(results: pd.DataFrame, arm: str, than: str) -> pd.DataFrame:
    """The runs of two arms, side by side, where both have a score."""
    one, other = (results[results["arm"] == name] for name in (arm, than))
    return one.merge(other, on=RUN, suffixes=("", "_than")).dropna(subset=["score", "score_than"])


def _pairs_needed(gains: NDArray[np.float64], posterior: Posterior, rule: DecisionRule) -> PairsNeeded | None:
    """Return how many replicates would decide; None also where these would, were there no rows and other arms."""
    shared = posterior.shared_variance if isinstance(posterior, ClusteredPosterior) else 0.0
    needed = pairs_to_decide(gains, rule.rope, rule.confidence, shared_variance=shared)
    return None if needed is None or needed.n <= len(gains) else needed
