import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold, TimeSeriesSplit

from sk_warmstart.comparison import DataIncremental
from sk_warmstart.comparison.phases._phase import Plan
from sk_warmstart.comparison.phases._plan import plan_phases


def rows(n: int) -> np.ndarray:
    return np.zeros((n, 1))


def draw(phases: object, n: int, labels: np.ndarray | None = None, seed: int = 0) -> Plan:
    return plan_phases(phases, rows(n), labels, labels, np.random.default_rng(seed))


def same(a: Plan, b: Plan) -> bool:
    pairs = [(p, q) for s, t in zip(a.streams, b.streams, strict=True) for p, q in zip(s, t, strict=True)]
    return all(np.array_equal(p.train, q.train) and np.array_equal(p.test, q.test) for p, q in pairs)


# -- DataIncremental -------------------------------------------------------------------------------------


@given(st.integers(20, 200), st.integers(2, 5), st.floats(0.1, 0.5), st.integers(0, 99))
def test_phases_grow_nested_and_never_see_a_test_row(n: int, k: int, test_size: float, seed: int) -> None:
    (stream,) = draw(DataIncremental(k, test_size), n, seed=seed).streams
    assert len(stream) == k
    test = set(stream[0].test)
    assert len(test) == int(np.ceil(test_size * n))
    for phase in stream:
        assert set(phase.test) == test
        assert test.isdisjoint(phase.train)
    for before, after in itertools.pairwise(stream):
        assert len(before.train) < len(after.train)
        assert set(before.train) < set(after.train)
    assert set(stream[-1].train) | test == set(range(n))
    new = np.diff([0, *(len(phase.train) for phase in stream)])
    assert new.max() - new.min() <= 1


@given(st.lists(st.integers(2, 40), min_size=2, max_size=5), st.integers(2, 4), st.integers(0, 99))
def test_every_class_is_there_from_the_first_phase(counts: list[int], k: int, seed: int) -> None:
    labels = np.repeat(np.arange(len(counts)), [4 * k + count for count in counts])
    (stream,) = draw(DataIncremental(k), len(labels), labels, seed).streams
    assert set(labels[stream[0].train]) == set(labels)


def test_a_class_rarer_than_the_phases_is_in_the_first() -> None:
    labels = np.r_[np.zeros(100, int), np.ones(3, int)]
    for seed in range(20):
        (stream,) = draw(DataIncremental(5), len(labels), labels, seed).streams
        assert 1 in labels[stream[0].train]
        assert 1 in labels[stream[0].test]


def test_shares_of_the_classes_are_equal_everywhere() -> None:
    labels = np.repeat([0, 1, 2], [200, 100, 100])
    (stream,) = draw(DataIncremental(4), 400, labels).streams
    for part in [stream[0].test, *(phase.train for phase in stream)]:
        shares = np.bincount(labels[part]) / len(part)
        assert shares == pytest.approx([0.5, 0.25, 0.25], abs=3 / len(part))


def test_a_class_of_one_row_does_not_stop_the_split() -> None:
    labels = np.r_[np.zeros(30, int), 1]
    (stream,) = draw(DataIncremental(2), 31, labels).streams
    assert len(stream[0].test) == 8


def test_the_same_generator_gives_the_same_plan_and_another_another() -> None:
    labels = np.tile([0, 1], 30)
    phases = DataIncremental(3)
    assert same(draw(phases, 60, labels, seed=1), draw(phases, 60, labels, seed=1))
    assert not same(draw(phases, 60, labels, seed=1), draw(phases, 60, labels, seed=2))


def test_test_to_train_is_that_of_the_last_phase() -> None:
    plan = draw(DataIncremental(4, test_size=0.2), 100)
    assert not plan.fixed
    assert plan.test_to_train == pytest.approx(20 / 80)


def test_sparse_rows_are_counted() -> None:
    plan = DataIncremental(2).plan(csr_array((40, 3)), None, np.random.default_rng(0))
    assert len(plan.streams[0][-1].train) == 30


@pytest.mark.parametrize(
    ("phases", "n", "message"),
    [
        (DataIncremental(1), 40, "n_phases must be an integer of at least 2, got 1"),
        (DataIncremental(2.0), 40, r"n_phases must be an integer of at least 2, got 2\.0"),
        (DataIncremental(True), 40, "n_phases must be an integer"),
        (DataIncremental(2, 0.0), 40, r"test_size must be a number in \(0, 1\), got 0\.0"),
        (DataIncremental(2, 1), 40, r"test_size must be a number in \(0, 1\), got 1"),
        (DataIncremental(20), 40, "20 phases are too many for 40 rows: 30 of them train, and each phase"),
    ],
)
def test_what_cannot_be_split_says_why(phases: DataIncremental, n: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw(phases, n)


def test_as_many_phases_as_there_are_rows_for() -> None:
    assert len(draw(DataIncremental(15), 40).streams[0]) == 15
    with pytest.raises(ValueError, match="each phase needs at least 2 new ones"):
        draw(DataIncremental(16), 40)


def test_each_phase_needs_as_many_rows_as_classes() -> None:
    labels = np.tile(np.arange(5), 8)
    assert len(draw(DataIncremental(6), 40, labels).streams[0]) == 6
    with pytest.raises(ValueError, match="each phase needs at least 5 new ones"):
        draw(DataIncremental(7), 40, labels)


# -- splitters -------------------------------------------------------------------------------------------


def test_time_series_split_is_one_fixed_stream() -> None:
    plan = draw(TimeSeriesSplit(4), 50)
    assert plan.fixed
    assert plan.test_to_train == 0
    (stream,) = plan.streams
    expected = list(TimeSeriesSplit(4).split(rows(50)))
    assert len(stream) == len(expected)
    for phase, (train, test) in zip(stream, expected, strict=True):
        assert np.array_equal(phase.train, train)
        assert np.array_equal(phase.test, test)
    assert same(plan, draw(TimeSeriesSplit(4), 50, seed=7))


def test_each_split_of_kfold_is_a_stream_of_two_phases() -> None:
    plan = draw(KFold(4), 40)
    assert plan.fixed
    assert plan.test_to_train == 0
    assert len(plan.streams) == 4
    for (first, second), (train, test) in zip(plan.streams, KFold(4).split(rows(40)), strict=True):
        assert np.array_equal(second.train, train)
        assert len(first.train) == 15
        assert set(first.train) < set(train)
        for phase in (first, second):
            assert np.array_equal(phase.test, test)
            assert set(test).isdisjoint(phase.train)


def test_the_first_half_has_all_classes() -> None:
    labels = np.tile([0, 0, 0, 0, 1], 12)
    for stream in draw(StratifiedKFold(3), 60, labels).streams:
        assert np.bincount(labels[stream[0].train]) == pytest.approx([16, 4], abs=1)


def test_random_splits_are_drawn_anew_and_the_users_splitter_is_left_alone() -> None:
    splitter = ShuffleSplit(2, test_size=0.25, random_state=0)
    plan, again, other = (draw(splitter, 40, seed=seed) for seed in (1, 1, 2))
    assert splitter.random_state == 0
    assert not plan.fixed
    assert same(plan, again)
    assert not np.array_equal(plan.streams[0][0].test, other.streams[0][0].test)


def test_shuffled_kfold_is_random_and_plain_kfold_is_not() -> None:
    assert not draw(KFold(4, shuffle=True), 40).fixed
    assert draw(KFold(4), 40).fixed


def test_what_cannot_split_is_a_type_error() -> None:
    with pytest.raises(
        TypeError, match=r"phases must be DataIncremental.*a scikit-learn splitter, or a list.*got int"
    ):
        draw(5, 40)
