"""The simulations of benchmarks/calibration.py, on a few tables."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import KFold, TimeSeriesSplit

from sk_warmstart.comparison._row_scores import RowScores

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_parts_write_their_tables_and_a_summary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    argv = [
        "calibration.py",
        "--parts",
        "equal",
        "cost",
        "--tables",
        "2",
        "--jobs",
        "1",
        "--out",
        str(tmp_path / "c"),
    ]
    monkeypatch.setattr(sys, "argv", argv)
    runpy.run_path(str(BENCHMARKS / "calibration.py"), run_name="__main__")
    parts = {name: json.loads((tmp_path / f"c_{name}.json").read_text()) for name in ("equal", "cost")}
    for name, part in parts.items():
        assert part["made_by"]["part"] == name
        assert {row["tables"] for row in part["rows"]} <= {2}
    summary = json.loads((tmp_path / "c.json").read_text())["rows"]
    assert {row["part"] for row in summary} == {"equal", "cost"}


@pytest.mark.parametrize(
    ("hits", "met"),
    [([False] * 100, "yes"), ([True] * 8 + [False] * 92, "unclear"), ([True] * 20 + [False] * 80, "NO")],
)
def test_a_target_is_met_missed_or_within_the_noise(hits: list[bool], met: str) -> None:
    from _calibration.tally import rate

    assert rate("case", "wrong", hits, most=0.06)["met"] == met


@pytest.mark.parametrize("phases", [TimeSeriesSplit(3), KFold(3, shuffle=True)])
def test_made_up_learners_are_right_or_wrong_on_rows_that_are_the_same_for_all(phases: object) -> None:
    from _calibration.made_up import VIEWS, draw_table, row_scores

    scores = row_scores(draw_table(0, n=60, n_classes=2), phases, 0.0, n_replicates=3, seed=0)
    assert {run.arm for run in scores} == set(VIEWS)
    runs: dict[object, dict[str, RowScores]] = {}
    for run in scores:
        assert set(run.values) <= {0.0, 1.0}
        runs.setdefault((run.repeat, run.stream, run.phase), {})[run.arm] = run
    for arms in runs.values():
        np.testing.assert_array_equal(arms["other"].rows, arms["cold"].rows)
        np.testing.assert_array_equal(arms["again"].values, arms["cold"].values)  # the same learner, without noise
    assert any((arms["other"].values != arms["cold"].values).any() for arms in runs.values())


@pytest.mark.parametrize("n_groups", [0, 6])
def test_the_same_learner_without_noise_is_never_different(n_groups: int) -> None:
    from _calibration.nulls import verdicts

    from sk_warmstart import DataIncremental

    found = [verdicts(DataIncremental(3), 240, 2, n_groups, 0.0, 4, seed) for seed in range(3)]
    assert {each["again", rope] for each in found for rope in (0.0, 0.01)} <= {"undecided", "neutral"}


@pytest.mark.parametrize("stops", [False, True])
def test_a_much_faster_made_up_arm_is_called_cheaper(stops: bool) -> None:
    from _calibration.speed import Truth, _symmetric, cost_verdict

    speed = _symmetric(150, stops, Truth(4, 0), 10, seed=0)
    assert cost_verdict(speed) == "cheaper"
    assert 2 < speed.speedup < 8


def test_generators_draw_gains_with_the_mean_that_they_are_given() -> None:
    from _calibration.generators import FEW_ROWS, SMOOTH, _of_few_rows, _smooth

    for kind in SMOOTH:
        differences, weights = _smooth(np.random.default_rng(0), kind, 400, -0.015)
        np.testing.assert_allclose(weights.sum(axis=1), 1)
        assert differences.sum(axis=1).mean() == pytest.approx(-0.015, abs=0.005)
    for kind in FEW_ROWS:
        differences, _ = _of_few_rows(np.random.default_rng(0), kind, 4_000, -0.015)
        assert differences.sum(axis=1).mean() == pytest.approx(-0.015, abs=0.005)
