"""Gains from the scores of single test rows: the same as by tables, for all phases, one, and one against all."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sk_warmstart.comparison._row_scores import RowScores
from sk_warmstart.comparison.findings._rows import RowTable
from sk_warmstart.statistics import clustered_t

N_ROWS, REPLICATES, PHASES = 60, range(6), (2, 3, 4)


def runs(seed: int = 0, bounded: bool = True, arms: tuple[str, ...] = ("cold", "warm")) -> list[RowScores]:
    rng, found = np.random.default_rng(seed), []
    for r in REPLICATES:
        for phase in PHASES:
            rows = rng.choice(N_ROWS, 15, replace=False)
            for arm in arms:
                values = (rng.random(15) < 0.7).astype(float) if bounded else rng.normal(size=15)
                found.append(RowScores(r, 0, phase, arm, rows, values, bounded))
    return found


def dense(scores: list[RowScores], phases: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Sums of weighted differences, and of weights, by replicate and row."""
    d, w = np.zeros((len(REPLICATES), N_ROWS)), np.zeros((len(REPLICATES), N_ROWS))
    by_run = {(s.repeat, s.phase, s.arm): s for s in scores}
    for r in REPLICATES:
        for phase in phases:
            cold, warm = by_run[r, phase, "cold"], by_run[r, phase, "warm"]
            d[r, cold.rows] += (warm.values - cold.values) / len(cold.rows) / len(phases)
            w[r, cold.rows] += 1 / len(cold.rows) / len(phases)
    return d, w


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("phase", [None, 2, 4])
def test_it_is_the_clustered_t_of_the_dense_table(phase: int | None, grouped: bool) -> None:
    scores = [run._replace(bounded=False) for run in runs()]
    clusters = np.arange(N_ROWS) // 4 if grouped else None
    got = RowTable(scores, clusters).posterior("warm", phase=phase)
    expected = clustered_t(*dense(scores, PHASES if phase is None else (phase,)), clusters)
    assert got is not None
    assert (got.mean, got.scale, got.df) == pytest.approx((expected.mean, expected.scale, expected.df))
    assert (got.shared_variance, got.n_clusters) == pytest.approx((expected.shared_variance, expected.n_clusters))


def test_contrasts_are_gains_less_their_mean() -> None:
    table = RowTable(runs())
    everything = table.posterior("warm")
    assert everything is not None
    assert table.phases == PHASES
    total = 0.0
    for phase in table.phases:
        contrast, gain = table.contrast("warm", phase), table.posterior("warm", phase=phase)
        assert contrast is not None
        assert gain is not None
        assert contrast.mean == pytest.approx(gain.mean - everything.mean)
        total += contrast.mean
    assert total == pytest.approx(0, abs=1e-12)


def test_phases_that_cancel_interact_and_equal_ones_do_not() -> None:
    scores = runs()
    assert RowTable(scores).interaction("warm") > 0.05
    lifted = [
        s._replace(values=s.values + {2: 1.0, 3: 0.0, 4: -1.0}[s.phase]) if s.arm == "warm" else s for s in scores
    ]
    assert RowTable(lifted).interaction("warm") < 0.01
    assert RowTable([s for s in scores if s.phase == 2]).interaction("warm") == 1


def test_failed_runs_are_left_out_and_a_missing_arm_is_none() -> None:
    scores = runs()
    broken = [
        s._replace(values=np.full(15, math.nan)) if (s.arm, s.repeat, s.phase) == ("warm", 0, 2) else s
        for s in scores
    ]
    dropped = [s for s in scores if (s.arm, s.repeat, s.phase) != ("warm", 0, 2)]
    assert RowTable(broken).posterior("warm") == RowTable(dropped).posterior("warm")
    table = RowTable(scores)
    assert table.posterior("shrink") is None
    assert table.posterior("warm", phase=9) is None
    assert table.contrast("warm", 9) is None
    assert math.isnan(table.interaction("shrink"))


def test_swapping_the_arms_mirrors() -> None:
    table = RowTable(runs())
    here, there = table.posterior("warm"), table.posterior("cold", than="warm")
    assert here is not None
    assert there is not None
    assert (there.mean, there.scale) == pytest.approx((-here.mean, here.scale))


@pytest.mark.parametrize("bounded", [True, False])
def test_arms_that_agree_on_all_rows_are_equal_within_what_can_be_seen(bounded: bool) -> None:
    cold = runs(bounded=bounded, arms=("cold",))
    got = RowTable([*cold, *(s._replace(arm="warm") for s in cold)]).posterior("warm")
    assert got is not None
    assert (got.mean, got.scale, got.p_value) == (0, 0, 1)
    values = np.concatenate([s.values for s in cold])
    assert got.reach == pytest.approx(1 if bounded else np.ptp(values))
    assert got.interval(0.95)[1] == pytest.approx(got.reach * (1 - 0.05 ** (1 / got.n_clusters)))


def test_other_rows_are_an_error() -> None:
    cold, warm = runs()[:2]
    with pytest.raises(ValueError, match="warm and cold have scores of other rows"):
        RowTable([cold, warm._replace(rows=warm.rows[::-1])]).posterior("warm")


@pytest.mark.parametrize("grouped", [False, True])
def test_a_row_that_differs_once_says_little_more_than_none(grouped: bool) -> None:
    clusters = np.arange(N_ROWS) // 4 if grouped else None
    cold = runs(arms=("cold",))
    warm = [s._replace(arm="warm") for s in cold]
    none = RowTable([*cold, *warm], clusters).posterior("warm")
    values = warm[0].values.copy()
    values[0] = 1 - values[0]
    once = RowTable([*cold, warm[0]._replace(values=values), *warm[1:]], clusters).posterior("warm")
    assert none is not None
    assert once is not None
    assert np.ptp(once.interval(0.95)) > 0.6 * np.ptp(none.interval(0.95))


def test_groups_that_all_differ_a_little_say_what_their_spread_says() -> None:
    rng, rows = np.random.default_rng(0), np.arange(24 * 50)
    scores = [
        RowScores(r, 0, 2, arm, rows, (rng.random(len(rows)) < 0.7).astype(float), True)
        for r in REPLICATES
        for arm in ("cold", "warm")
    ]
    got = RowTable(scores, rows // 50).posterior("warm")
    differences = np.array([scores[2 * r + 1].values - scores[2 * r].values for r in REPLICATES])
    expected = clustered_t(differences / len(rows), clusters=rows // 50)
    assert got is not None
    assert got.interval(0.95) == pytest.approx(expected.interval(0.95))
    assert np.ptp(got.interval(0.95)) < 0.1
