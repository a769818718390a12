"""The gain table: targets, effort and speed-up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from sk_warmstart.comparison.findings._gain import gain_table, reach_targets

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
