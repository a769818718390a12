"""Test rows of the replicates: disjoint folds of one order, then of the next."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joblib import parallel_config
from sklearn.linear_model import SGDClassifier

from sk_warmstart import WarmStartComparator
from sk_warmstart.comparison import ClassIncremental, DataIncremental, OldAndNew
from sk_warmstart.comparison.phases._draws import fold
from sk_warmstart.comparison.phases._phase import Phase, Plan, Replicate
from sk_warmstart.comparison.phases._plan import plan_phases


def draw(phases: object, labels: np.ndarray, number: int, seed: int = 0) -> Plan:
    """As in a comparison: a generator of the replicate's own, a seed that all have."""
    rng = np.random.default_rng([seed, number])
    return plan_phases(phases, np.zeros((len(labels), 1)), labels, labels, rng, None, Replicate(number, seed))


def held_out(phases: object, labels: np.ndarray, n_replicates: int, seed: int = 0) -> list[np.ndarray]:
    return [draw(phases, labels, number, seed).streams[0][-1].test for number in range(n_replicates)]


# -- folds -----------------------------------------------------------------------------------------------

COUNTS = st.lists(st.integers(1, 60), min_size=1, max_size=8)


@given(COUNTS, st.sampled_from([0.1, 0.25, 0.5, 0.7]), st.booleans(), st.integers(0, 3), st.integers(0, 99))
def test_a_round_of_replicates_tests_disjoint_folds(
    counts: list[int], test_size: float, classes: bool, round_: int, seed: int
) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    n = len(labels)
    n_test = max(1, int(np.ceil(test_size * n)))
    k = n // n_test
    folds = [
        fold(n, n_test, labels if classes else None, Replicate(round_ * k + number, seed)) for number in range(k)
    ]
    assert all(len(np.unique(rows)) == n_test for rows in folds)
    assert len(np.unique(np.concatenate(folds))) == k * n_test


@given(COUNTS, st.sampled_from([0.1, 0.25, 0.5, 0.7]), st.integers(0, 20), st.integers(0, 99))
def test_classes_have_their_shares_of_a_fold(counts: list[int], test_size: float, number: int, seed: int) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    n, n_test = len(labels), max(1, int(np.ceil(test_size * len(labels))))
    test = np.bincount(labels[fold(n, n_test, labels, Replicate(number, seed))], minlength=len(counts))
    k = n // n_test
    if k > 1 and n - k * n_test <= np.maximum(np.array(counts) - k, 0).sum():
        assert (np.abs(test - np.array(counts) * n_test / n) <= 2).all()
        assert (test[np.array(counts) >= k] >= 1).all()
    if n - n_test >= len(counts):
        left = np.array(counts) - test
        assert (left[np.array(counts) >= 2] >= 1).all()  # what tests can be learnt


@pytest.mark.parametrize("test_size", [0.1, 0.25, 0.5])
def test_all_rows_test_equally_often_over_whole_rounds(test_size: float) -> None:
    labels = np.repeat([0, 1, 2], [200, 150, 50])
    k = round(1 / test_size)
    tests = held_out(DataIncremental(3, test_size), labels, 3 * k)
    assert (np.bincount(np.concatenate(tests)) == 3).all()
    assert len({tuple(test.tolist()) for test in tests}) == 3 * k
    for test in tests:
        assert np.bincount(labels[test]) == pytest.approx(np.array([200, 150, 50]) * test_size, abs=1)


def test_more_than_half_is_drawn_by_each_replicate_for_itself() -> None:
    labels = np.repeat([0, 1], [90, 10])
    tests = held_out(DataIncremental(2, 0.7), labels, 20)
    assert len({tuple(test.tolist()) for test in tests}) == 20
    times = np.bincount(np.concatenate(tests))
    assert times.min() >= 6
    assert all(np.bincount(labels[test]).tolist() == [63, 7] for test in tests)


def test_a_class_of_two_rows_trains_in_every_replicate_and_tests_in_two_of_four() -> None:
    labels = np.r_[np.zeros(98, int), 1, 1]
    for seed in range(20):
        tests = held_out(DataIncremental(4), labels, 4, seed)
        assert sorted(int((labels[test] == 1).sum()) for test in tests) == [0, 0, 1, 1]


def test_a_class_of_one_row_tests_in_one_replicate_of_four() -> None:
    labels = np.r_[np.zeros(99, int), 1]
    when = set()
    for seed in range(40):
        tests = held_out(DataIncremental(4), labels, 4, seed)
        (number,) = [number for number, test in enumerate(tests) if 99 in test]
        when.add(number)
    assert when == {0, 1, 2, 3}


def test_many_classes_of_few_rows() -> None:
    labels = np.repeat(np.arange(60), 3)
    tests = held_out(DataIncremental(2), labels, 4)
    assert all(np.bincount(labels[test], minlength=60).max() == 1 for test in tests)


# -- kinds of phases -------------------------------------------------------------------------------------


def test_new_rows_go_through_folds_and_old_ones_never_test() -> None:
    labels = np.random.default_rng(0).integers(2, size=300)
    tests = held_out(OldAndNew(100, 3), labels, 8)
    for round_ in (tests[:4], tests[4:]):
        assert sorted(np.concatenate(round_)) == list(range(100, 300))
    assert not np.array_equal(np.sort(tests[0]), np.sort(tests[4]))


def test_each_class_goes_through_folds_of_its_own() -> None:
    labels = np.repeat([0, 1, 2, 3], [50, 20, 2, 7])
    tests = held_out(ClassIncremental(3), labels, 20)
    for label, n_test, k in [(0, 10, 5), (1, 4, 5), (2, 1, 2), (3, 1, 7)]:
        members = np.flatnonzero(labels == label)
        own = [np.intersect1d(test, members) for test in tests]
        assert {len(rows) for rows in own} == {n_test}
        for first in range(0, 20 - k + 1, k):
            together = np.concatenate(own[first : first + k])
            assert len(np.unique(together)) == len(together) == k * n_test


def test_the_order_of_the_training_rows_is_each_replicates_own() -> None:
    labels = np.tile([0, 1], 40)
    first, again = (draw(DataIncremental(3, 0.5), labels, number) for number in (0, 0))
    assert np.array_equal(first.streams[0][0].train, again.streams[0][0].train)
    replicate = Replicate(0, 0)
    orders = [
        DataIncremental(3).plan(labels, labels, np.random.default_rng(seed), replicate=replicate).streams[0]
        for seed in (1, 2)
    ]
    assert np.array_equal(orders[0][0].test, orders[1][0].test)
    assert not np.array_equal(orders[0][0].train, orders[1][0].train)


# -- in a comparison -------------------------------------------------------------------------------------


class Watched(DataIncremental):
    """Keeps what it was asked for and what came of it."""

    seen: list[tuple[Replicate | None, Plan]] = []

    def plan(self, X, labels, rng, groups=None, replicate=None) -> Plan:
        plan = super().plan(X, labels, rng, groups, replicate)
        self.seen.append((replicate, plan))
        return plan


class Plain:
    """A user's plan that knows of no replicates."""

    def plan(self, X: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Plan:
        order = rng.permutation(len(X))
        return Plan([[Phase(order[:20], order[60:]), Phase(order[:60], order[60:])]], fixed=False)


def compare(phases: object, **params: object) -> WarmStartComparator:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 3)), np.arange(80) % 2
    settings = {"n_repeats": 5, "refit": None, "random_state": 3, **params}
    return WarmStartComparator(SGDClassifier(max_iter=5, tol=None), ("cold", "warm"), phases, **settings).fit(X, y)


def test_replicates_of_a_comparison_test_disjoint_folds_whatever_runs_them() -> None:
    Watched.seen.clear()
    one = compare(Watched(2))
    seen = [(replicate, plan) for replicate, plan in Watched.seen if replicate is not None]
    assert [replicate.number for replicate, _ in seen] == [0, 1, 2, 3, 4]
    assert len({replicate.seed for replicate, _ in seen}) == 1
    tests = [plan.streams[0][0].test for _, plan in seen]
    assert sorted(np.concatenate(tests[:4])) == list(range(80))
    with_more = compare(Watched(2), n_repeats=2)
    others = [plan.streams[0][0].test for replicate, plan in Watched.seen[6:] if replicate is not None]
    assert all(np.array_equal(a, b) for a, b in zip(tests, others, strict=False))
    with parallel_config("threading"):
        two_jobs = compare(Watched(2), n_jobs=2)
    assert two_jobs.results_["score"].tolist() == one.results_["score"].tolist()
    assert with_more.results_["score"].tolist() == one.results_["score"].tolist()[: len(with_more.results_)]


def test_a_comparison_that_is_resumed_has_the_same_folds(tmp_path) -> None:
    Watched.seen.clear()
    first, again = (compare(Watched(2), resume=tmp_path / "run", random_state=seed) for seed in (None, None))
    tests = [plan.streams[0][0].test for replicate, plan in Watched.seen if replicate is not None]
    assert len(tests) == 10
    assert all(np.array_equal(a, b) for a, b in itertools.pairwise(zip(*[iter(tests)] * 5, strict=True)))
    assert first.results_["score"].tolist() == again.results_["score"].tolist()


def test_a_users_plan_of_three_arguments_works_as_before() -> None:
    assert len(compare(Plain(), n_repeats=3).results_) == 6
