"""The gain table: targets, effort and speed-up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from sk_warmstart.comparison.findings._gain import best_arm, gain_table, reach_targets
from sk_warmstart.statistics import correlated_t, rope_verdict

NAN = float("nan")
KEYS = ["repeat", "stream", "phase"]

# -- the target and the speed-up -------------------------------------------------------------------------


def runs(*rows: tuple[Any, ...]) -> pd.DataFrame:
    """Runs of 10 epochs with 100 rows, on one phase; (repeat, arm, final validation score)."""
    table = pd.DataFrame(rows, columns=["repeat", "arm", "final_valid_score"])
    return table.assign(n_fit=100, error="", stream=0, phase=2, epochs=10, samples=1000, score=0.9, seconds=1.0)


def curve(repeat: int, arm: str, scores: list[float]) -> pd.DataFrame:
    epochs = np.arange(len(scores))
    return pd.DataFrame({"epoch": epochs, "samples": 100 * epochs, "valid_score": scores}).assign(
        repeat=repeat, arm=arm, stream=0, phase=2
    )


@pytest.fixture
def raced() -> pd.DataFrame:
    """Cold gets there after 4 and 5 epochs; ``fast`` is there at once and after 2; ``slow`` never."""
    results = runs(
        *((repeat, arm, 0.8) for repeat in (0, 1) for arm in ("cold", "fast")), (0, "slow", 0.3), (1, "slow", 0.3)
    )
    curves = pd.concat(
        [
            curve(0, "cold", [0.1, 0.2, 0.3, 0.4, 0.8]),
            curve(1, "cold", [0.1, 0.2, 0.3, 0.4, 0.5, 0.8]),
            curve(0, "fast", [0.8, 0.8]),
            curve(1, "fast", [0.1, 0.78, 0.79]),
            curve(0, "slow", [0.1] * 11),
            curve(1, "slow", [0.1] * 11),
        ]
    )
    return reach_targets(results, curves, rope=0.01, target=None)


def test_the_target_is_what_cold_ended_with_less_the_rope(raced: pd.DataFrame) -> None:
    assert raced["target"].to_numpy() == pytest.approx(0.79)
    by_run = raced.set_index(["arm", "repeat"]).sort_index()
    assert by_run["epochs_to_target"].loc["cold"].tolist() == [4, 5]
    assert by_run["epochs_to_target"].loc["fast"].tolist() == [0, 2]
    assert by_run["samples_to_target"].loc["fast"].tolist() == [0, 200]
    assert by_run["reached"].loc["slow"].tolist() == [False, False]
    assert by_run["epochs_to_target"].loc["slow"].isna().all()


def test_a_start_at_the_target_costs_one_epoch_and_a_run_that_never_got_there_all(raced: pd.DataFrame) -> None:
    gain, _ = gain_table(raced, 0.0, 0.01, 0.95)
    assert gain["speedup_bound"].tolist() == ["exact", "exact", "at most"]
    assert gain.loc["fast", "speedup"] == pytest.approx(np.sqrt(400 / 100 * 500 / 200))
    assert gain.loc["slow", "speedup"] == pytest.approx(np.sqrt(400 / 1000 * 500 / 1000))
    assert gain["reached"].tolist() == [1, 1, 0]


def test_stopping_short_is_not_fast() -> None:
    results = runs((0, "cold", 0.8), (0, "quitter", 0.2))
    results.loc[1, ["epochs", "samples"]] = [1, 100]
    curves = pd.concat([curve(0, "cold", [0.1, 0.2, 0.3, 0.8]), curve(0, "quitter", [0.1, 0.2])])
    gain, _ = gain_table(reach_targets(results, curves, rope=0.01, target=None), 0.0, 0.01, 0.95)
    assert gain.loc["quitter", ["speedup", "speedup_bound"]].tolist() == [1, "at most"]


def test_a_target_can_be_given() -> None:
    results = runs((0, "cold", 0.8), (0, "warm", 0.9))
    curves = pd.concat([curve(0, "cold", [0.1, 0.5, 0.8]), curve(0, "warm", [0.4, 0.9])])
    table = reach_targets(results, curves, rope=0.01, target=0.5)
    assert table["epochs_to_target"].tolist() == [1, 1]


# -- the table, against the statistics --------------------------------------------------------------------


def frame(differences: np.ndarray, split_effect: np.ndarray | None = None) -> pd.DataFrame:
    """Runs of two arms, as the comparator records them; one phase."""
    n = len(differences)
    cold = np.full(n, 0.8) if split_effect is None else 0.8 + split_effect
    return frame_of_scores(cold[:, None], (cold + differences)[:, None])


def frame_of_scores(cold: np.ndarray, other: np.ndarray) -> pd.DataFrame:
    """The same from arrays of shape (replicates, phases)."""
    n, phases = cold.shape
    place = pd.MultiIndex.from_product([range(n), range(2, 2 + phases)], names=["repeat", "phase"])
    arms = [
        place.to_frame(index=False).assign(arm=arm, score=scores.ravel())
        for arm, scores in (("cold", cold), ("other", other))
    ]
    return pd.concat(arms, ignore_index=True).assign(
        stream=0,
        epochs=10,
        samples=1000,
        n_fit=100,
        error="",
        seconds=0.1,
        target=np.nan,
        reached=False,
        epochs_to_target=np.nan,
        samples_to_target=np.nan,
    )


def scores_of_equal_arms(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Scores of two arms that are the same in truth, in 10 replicates of 2 phases."""
    split = rng.normal(0, 0.05, size=(10, 1))
    cold, other = (0.8 + split + rng.normal(0, 0.01, size=(10, 2)) for _ in range(2))
    return cold, other


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=12), st.floats(0, 1), st.floats(0, 0.5))
def test_the_three_regions_make_one(differences: list[float], ratio: float, rope: float) -> None:
    assume(float(np.std(differences)) > 1e-6)  # rounding plays no part
    gain, _ = gain_table(frame(np.asarray(differences)), ratio, rope, 0.95)
    p = gain.loc["other", ["p_better", "p_equivalent", "p_worse"]].to_numpy(dtype=float)
    assert p.sum() == pytest.approx(1)
    assert ((p >= -1e-12) & (p <= 1 + 1e-12)).all()


@pytest.mark.slow
@pytest.mark.parametrize("rope", [0.0, 0.01])
def test_the_table_says_of_cold_against_cold_what_the_statistic_says(rope: float) -> None:
    rng, n, mistakes = np.random.default_rng(5), 50, 0
    for _ in range(n):
        cold, other = scores_of_equal_arms(rng)
        gain, pairs = gain_table(frame_of_scores(cold, other), 1 / 3, rope, 0.95)
        verdict = gain.loc["other", "verdict"]
        mistakes += verdict in ("beneficial", "detrimental")
        assert verdict == rope_verdict(correlated_t((other - cold).mean(axis=1), 1 / 3), rope, 0.95)
        assert ("other" in pairs) == (verdict == "undecided")
    assert mistakes <= int(stats.binom.ppf(0.999, n, 0.05))


def test_a_true_difference_is_found() -> None:
    rng = np.random.default_rng(1)
    split = rng.normal(0, 0.05, size=10)
    gain, pairs = gain_table(frame(rng.normal(0.05, 0.01, size=10), split), 1 / 3, 0.01, 0.95)
    assert gain.loc["other", "verdict"] == "beneficial"
    assert pairs == {}


def test_phases_are_averaged_before_replicates_are_compared() -> None:
    rng = np.random.default_rng(2)
    cold, other = rng.normal(0.8, 0.1, size=(6, 3)), rng.normal(0.82, 0.1, size=(6, 3))
    gain, _ = gain_table(frame_of_scores(cold, other), 0.25, 0.01, 0.95)
    by_repeat = (other - cold).mean(axis=1)
    expected = correlated_t(by_repeat, 0.25)
    assert gain.loc["other", "gain"] == pytest.approx(by_repeat.mean())
    low_high = tuple(gain.loc["other", ["gain_low", "gain_high"]])
    assert low_high == pytest.approx(expected.interval(0.95))
    assert gain.loc["cold", "verdict"] == "reference"


def test_the_fastest_of_the_practically_best_goes_on() -> None:
    gain = pd.DataFrame(
        {"score": [0.90, 0.895, 0.905, 0.5], "speedup": [1.0, 3.0, 2.0, 50.0], "verdict": "neutral"},
        index=["cold", "fast", "best", "useless"],
    )
    assert best_arm(gain, rope=0.01) == "fast"
    assert best_arm(gain, rope=0.001) == "best"
    gain.loc["fast", "verdict"] = "failed"
    assert best_arm(gain, rope=0.01) == "best"
    assert best_arm(gain.assign(speedup=np.nan), rope=0.01) == "cold"
