"""Which groups test: at random among the sets that will do, or, of few groups, each in its turn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sk_warmstart.comparison import ClassIncremental, DataIncremental, OldAndNew
from sk_warmstart.comparison.phases._phase import Replicate
from sk_warmstart.comparison.phases._plan import plan_phases


def groups_that_test(
    phases: object, labels: np.ndarray | None, groups: np.ndarray, n_replicates: int = 10, seed: int = 0
) -> list[frozenset]:
    """Groups that test in each replicate."""
    found = []
    for number in range(n_replicates):
        rng, X = np.random.default_rng([seed, number]), np.zeros((len(groups), 1))
        plan = plan_phases(phases, X, labels, labels, rng, groups, Replicate(number, seed))
        found.append(frozenset(groups[plan.streams[0][-1].test].tolist()))
    return found


@pytest.mark.parametrize(("n_groups", "least"), [(5, 4.9), (6, 6.0), (8, 7.5), (12, 9.4), (20, 9.9)])
def test_replicates_have_test_sets_of_their_own(n_groups: int, least: float) -> None:
    distinct = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        labels, groups = rng.integers(2, size=400), rng.integers(n_groups, size=400)
        sets = groups_that_test(DataIncremental(3), labels, groups, seed=seed)
        assert len(frozenset().union(*sets)) >= min(n_groups, 10)  # about all of them test some time
        distinct.append(len(set(sets)))
    assert np.mean(distinct) >= least


@given(st.integers(4, 9), st.sampled_from([0.1, 0.25, 0.5]), st.integers(1, 30), st.integers(0, 99))
def test_few_groups_test_about_equally_often(n_groups: int, test_size: float, n: int, seed: int) -> None:
    groups = np.repeat(np.arange(n_groups), 10)
    sets = groups_that_test(DataIncremental(2, test_size), None, groups, n, seed)
    times = [sum(group in chosen for chosen in sets) for group in range(n_groups)]
    assert max(times) - min(times) <= 1 + (test_size == 0.5)


def test_eight_groups_go_through_four_folds_then_four_others() -> None:
    sets = groups_that_test(DataIncremental(2), None, np.repeat(np.arange(8), 10), 8)
    for round_ in (sets[:4], sets[4:]):
        assert sorted(group for chosen in round_ for group in chosen) == list(range(8))
    assert set(sets[:4]) != set(sets[4:])


@given(st.integers(10, 40), st.sampled_from([0.1, 0.25, 0.5, 0.7]), st.integers(0, 9), st.integers(0, 99))
def test_many_groups_are_drawn_near_the_size_asked_for(
    n_groups: int, test_size: float, number: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), rng.integers(5, 15, size=n_groups))
    labels = rng.integers(2, size=len(groups))
    plan = plan_phases(DataIncremental(2, test_size), groups, labels, labels, rng, groups, Replicate(number, seed))
    test = plan.streams[0][0].test
    near = max(0.3 * test_size * len(groups), len(groups) / n_groups / 2)
    assert abs(len(test) - test_size * len(groups)) <= near
    assert set(labels[test]) == {0, 1}


def test_all_sets_that_will_do_are_about_as_likely() -> None:
    groups = np.repeat(np.arange(12), 10)
    sets = groups_that_test(DataIncremental(2), None, groups, 600)
    times = np.array([sum(group in chosen for chosen in sets) for group in range(12)])
    assert {len(chosen) for chosen in sets} == {3}
    assert np.abs(times - 150).max() < 5 * np.sqrt(600 * 0.25 * 0.75)
    assert len(set(sets)) > 180  # of 220


@pytest.mark.parametrize("n_groups", [8, 20])
def test_no_class_is_missing_on_either_side_where_that_can_be(n_groups: int) -> None:
    labels, groups = np.zeros(n_groups * 10, int), np.repeat(np.arange(n_groups), 10)
    labels[[5, 15]] = 1  # two groups have the rare class
    for seed in range(10):
        for chosen in groups_that_test(DataIncremental(3), labels, groups, 10, seed):
            assert len(chosen & {0, 1}) == 1


@pytest.mark.parametrize("n_groups", [8, 20])
def test_a_class_of_one_group_leaves_the_draws_free(n_groups: int) -> None:
    labels, groups = np.zeros(n_groups * 10, int), np.repeat(np.arange(n_groups), 10)
    labels[5] = 1
    sets = groups_that_test(DataIncremental(3), labels, groups, 20)
    assert len(set(sets)) >= 15
    assert any(0 in chosen for chosen in sets)


@pytest.mark.parametrize("n_groups", [6, 15])
def test_a_group_of_most_rows_does_not_stop_the_others(n_groups: int) -> None:
    groups = np.r_[np.zeros(500, int), np.repeat(np.arange(1, n_groups), 10)]
    sets = groups_that_test(DataIncremental(2), None, groups, 10)
    assert len(set(sets)) >= 5
    assert all(0 not in chosen for chosen in sets)


def test_groups_are_left_for_every_phase() -> None:
    groups = np.repeat(np.arange(6), 10)
    sets = groups_that_test(DataIncremental(5, 0.5), None, groups, 12)
    assert {len(chosen) for chosen in sets} == {1}
    assert [sum(group in chosen for chosen in sets) for group in range(6)] == [2] * 6


def test_other_phases_draw_their_groups_alike() -> None:
    labels, groups = np.tile([0, 1, 2], 80), np.arange(240) // 30
    sets = groups_that_test(ClassIncremental(2, 0.25), labels, groups, 4)
    assert sorted(group for chosen in sets for group in chosen) == list(range(8))
    old = np.r_[np.full(60, 99), np.arange(180) // 30]
    sets = groups_that_test(OldAndNew(60, 2, 0.34), None, old, 3)
    assert sorted(group for chosen in sets for group in chosen) == list(range(6))


def test_the_seed_decides_the_groups() -> None:
    groups = np.arange(200) // 10
    one, again, other = (groups_that_test(DataIncremental(3), None, groups, seed=seed) for seed in (0, 0, 1))
    assert one == again != other
