"""From the runs to one row an arm: what starting there gained, and what it saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._arms import REFERENCE
from ._bootstrap import paired_bootstrap
from ._frequentist import corrected_t_test, holm
from ._improvement import probability_of_improvement
from ._statistics import Posterior, correlated_t, pairs_to_decide, rope_verdict

# Beside the decision: Nadeau and Bengio's corrected t, the share of replicates that gained, a bootstrap.
_BESIDE = (
    "p_value",
    *("p_improvement", "p_improvement_low", "p_improvement_high"),
    *("bootstrap_low", "bootstrap_high"),
)
FAILED = "failed"  # the verdict on an arm that raised


def reach_targets(results: pd.DataFrame, curves: pd.DataFrame, rope: float, target: float | None) -> pd.DataFrame:
    """Add to each run when it reached the target of its phase.

    The target is the validation score that cold ended with, less the ROPE, unless one is given.

    Parameters
    ----------
    results : DataFrame
        One row a run.
    curves : DataFrame
        One row a run and epoch.
    rope : float
        Gains within plus or minus this are practically none.
    target : float or None
        A target for all runs.

    Returns
    -------
    DataFrame
        The results with ``target``, ``epochs_to_target``, ``samples_to_target`` and ``reached``. A run that
        never reached it has NaN there and False.
    """
    keys = ["repeat", "stream", "phase"]
    cold = results[results["arm"] == REFERENCE].set_index(keys)["final_valid_score"]
    scores = cold.reindex(pd.MultiIndex.from_frame(results[keys])).to_numpy()
    added = results.assign(target=scores - rope if target is None else target)
    run = [*keys, "arm"]
    merged = curves[[*run, "epoch", "samples", "valid_score"]].merge(added[[*run, "target"]], on=run)
    hits = merged[merged["valid_score"] >= merged["target"]].groupby(run, sort=False)[["epoch", "samples"]].min()
    hits = hits.rename(columns={"epoch": "epochs_to_target", "samples": "samples_to_target"})
    added = added.merge(hits.reset_index(), on=run, how="left")
    added = added.astype(dict.fromkeys(hits.columns, float))  # without any epochs they would be objects
    return added.assign(reached=added["epochs_to_target"].notna())


def gain_table(
    results: pd.DataFrame, test_to_train: float, rope: float, confidence: float
) -> tuple[pd.DataFrame, dict[str, int | None]]:
    """Summarise the runs.

    Parameters
    ----------
    results : DataFrame
        From :func:`reach_targets`.
    test_to_train : float
        As in :func:`correlated_t`.
    rope, confidence : float
        As in :func:`rope_verdict`.

    Returns
    -------
    gain : DataFrame
        One row an arm.
    pairs : dict
        For each undecided arm the number of replicates that would decide, as far as can be told.
    """
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
    failed = mine["error"].ne("").any()
    row: dict[str, Any] = {
        "score": mine["score"].mean(),
        "gain": 0.0,
        **dict.fromkeys(("gain_low", "gain_high", "p_better", "p_equivalent", "p_worse"), np.nan),
        "speedup": 1.0,
        "speedup_low": np.nan,
        "speedup_high": np.nan,
        "reached": mine["reached"].mean() if mine["target"].notna().any() else np.nan,
        "seconds": mine["seconds"].mean(),
        "verdict": "reference",
        **dict.fromkeys(_BESIDE, np.nan),
    }
    if arm == REFERENCE:
        return row, None
    gains = _by_repeat(results, arm, results["score"])
    if failed:
        # The runs that went well are no fair sample of what the arm does: shown, and not judged.
        return {**row, "gain": gains.mean() if len(gains) else np.nan, "speedup": np.nan, "verdict": FAILED}, None
    posterior = correlated_t(gains, test_to_train)
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
        p_value=corrected_t_test(gains, test_to_train).p_value if n_finite > 1 else np.nan,
    )
    if n_finite > 2:
        row["bootstrap_low"], row["bootstrap_high"] = paired_bootstrap(gains, confidence)
    logs = -_by_repeat(results, arm, np.log(_spent(results)))
    speed = correlated_t(logs, test_to_train) if np.isfinite(logs).all() else Posterior(np.nan, np.nan, 0)
    row["speedup"] = np.exp(speed.mean)
    if len(logs) > 2:  # two logarithms give an interval of many powers of ten
        row["speedup_low"], row["speedup_high"] = np.exp(speed.interval(confidence))
    return row, pairs_to_decide(gains, test_to_train, rope, confidence)


def _spent(results: pd.DataFrame) -> pd.Series:
    """Training samples until the target.

    At least one epoch counts, the finest that is measured: a start that is there already would be infinitely
    fast. A run that never got there counts with all that it spent, and with no less than cold did, so that
    stopping short is never called fast. Without validation scores all samples count.
    """
    spent = results["samples_to_target"].fillna(results["samples"])
    cold = results["arm"] == REFERENCE
    keys = ["repeat", "stream", "phase"]
    of_cold = spent[cold].set_axis(pd.MultiIndex.from_frame(results.loc[cold, keys]))
    floor = of_cold.reindex(pd.MultiIndex.from_frame(results[keys])).to_numpy(dtype=float)
    censored = results["target"].notna() & ~results["reached"]
    spent = spent.where(~censored, spent.clip(lower=pd.Series(floor, spent.index)))
    return spent.clip(lower=results["n_fit"])


def _by_repeat(results: pd.DataFrame, arm: str, values: pd.Series | NDArray) -> NDArray:
    """The arm less cold in each run, averaged over the phases of a replicate: phases are no replicates."""
    keys = ["repeat", "stream", "phase"]
    table = results.assign(value=values).pivot_table(index=keys, columns="arm", values="value")
    if arm not in table:
        return np.array([])  # all its runs failed
    difference = (table[arm] - table[REFERENCE]).dropna()
    return difference.groupby("repeat").mean().to_numpy()


def best_arm(gain: pd.DataFrame, rope: float) -> str:
    """Choose the arm to go on with: the fastest of those whose score is practically the best.

    Parameters
    ----------
    gain : DataFrame
        From :func:`gain_table`.
    rope : float
        Scores within this are practically equal.

    Returns
    -------
    str
        Name of the arm.
    """
    gain = gain[gain["verdict"] != FAILED]
    good = gain[gain["score"] >= gain["score"].max() - rope]
    speed = good["speedup"].fillna(0.0)
    return str(speed.idxmax())


def sentences(
    gain: pd.DataFrame,
    pairs: dict[str, int | None],
    n_repeats: int,
    rope: float,
    scorer: str,
    fixed: bool,
    target: float | None,
    failures: Mapping[str, str],
) -> list[str]:
    """Say the verdict on each arm as a person would.

    Parameters
    ----------
    gain, pairs : DataFrame, dict
        From :func:`gain_table`.
    n_repeats : int
        Number of replicates.
    rope : float
        As in :func:`rope_verdict`.
    scorer : str
        Name of the score.
    fixed : bool
        Whether the splits are the same in every replicate.
    target : float or None
        The user's target; None for cold's final score.
    failures : mapping of str to str
        From :func:`told_failures`.

    Returns
    -------
    list of str
        One sentence an arm.
    """
    goal = "cold's score" if target is None else f"a validation score of {target:g}"
    spoken = []
    for arm, row in gain[gain["verdict"] != "reference"].iterrows():
        if row["verdict"] == FAILED:
            spoken.append(f"{arm} failed{failures[str(arm)]}.")
            continue
        parts = [f"{arm} is {row['verdict']}: {_score_part(row, rope, scorer)}"]
        if row["verdict"] == "undecided":
            parts.append(_undecided_part(pairs.get(str(arm)), n_repeats, fixed))
        parts.append(_speed_part(row, goal))
        spoken.append("; ".join(part for part in parts if part) + ".")
    return spoken


def told_failures(results: pd.DataFrame) -> dict[str, str]:
    """Say of each arm that failed how often and why.

    Parameters
    ----------
    results : DataFrame
        One row a run, with ``error``.

    Returns
    -------
    dict of str to str
        Words for each arm that failed.
    """
    told = {}
    for arm, runs in results.groupby("arm", sort=False):
        wrong = runs[runs["error"] != ""]
        if len(wrong):
            repeats, all_repeats = wrong["repeat"].nunique(), runs["repeat"].nunique()
            told[str(arm)] = f" in {repeats} of {all_repeats} replicates ({wrong['error'].iloc[0]})"
    return told


def _score_part(row: pd.Series, rope: float, scorer: str) -> str:
    probability = {
        "beneficial": ("above", "p_better"),
        "detrimental": ("below minus", "p_worse"),
        "neutral": ("within", "p_equivalent"),
    }.get(row["verdict"])
    text = f"{scorer} {row['gain']:+.4f} against cold [{row['gain_low']:+.4f}, {row['gain_high']:+.4f}]"
    if probability is None:
        return text
    where, column = probability
    return f"{text}, {where} the ROPE of {rope:g} with probability {row[column]:.0%}"


def _undecided_part(needed: int | None, n_repeats: int, fixed: bool) -> str:
    if n_repeats < 2:
        return "one pair decides nothing, run at least 5"
    if needed is not None and needed > n_repeats:
        return f"about {needed} pairs would decide ({n_repeats} were run)"
    if fixed:
        return "no affordable number of pairs would decide"
    return "more pairs of these splits would not decide, the gain differs too much from split to split"


def _speed_part(row: pd.Series, goal: str) -> str:
    speed, low, high = row["speedup"], row["speedup_low"], row["speedup_high"]
    if not np.isfinite(speed):
        return ""
    kind = "fewer"
    if speed < 1:
        speed, low, high, kind = 1 / speed, 1 / high, 1 / low, "more"
    interval = f" [{low:.2g}, {high:.2g}]" if np.isfinite(low) else ""
    effort = f"{speed:.2g} times{interval} {kind} training samples"
    if not np.isfinite(row["reached"]):
        return f"it trained on {effort}"
    runs = "" if row["reached"] == 1 else f" in {row['reached']:.0%} of its runs"
    return f"it reached {goal}{runs}, with {effort}"
