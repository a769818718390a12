"""Groups of rows, and explicit lists of splits."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, KFold

from sk_warmstart.comparison import DataIncremental
from sk_warmstart.comparison.phases._phase import Phase, Plan
from sk_warmstart.comparison.phases._plan import plan_phases


def draw(phases: object, n: int, labels: np.ndarray | None = None, groups: object = None, seed: int = 0) -> Plan:
    return plan_phases(phases, np.zeros((n, 1)), labels, labels, np.random.default_rng(seed), groups=groups)


# -- DataIncremental -------------------------------------------------------------------------------------


def unequal_groups(seed: int, n_groups: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.permutation(np.repeat(np.arange(n_groups), rng.integers(4, 20, size=n_groups)))


@given(st.integers(0, 99), st.integers(6, 20), st.integers(2, 5), st.booleans())
def test_a_group_tests_or_arrives_as_a_whole(seed: int, n_groups: int, k: int, classes: bool) -> None:
    groups = unequal_groups(seed, n_groups)
    n = len(groups)
    labels = np.random.default_rng(seed).integers(3, size=n) if classes else None
    (stream,) = draw(DataIncremental(k), n, labels, groups, seed).streams
    assert len(stream) == k
    test = stream[0].test
    assert len(test)
    assert set(groups[test]).isdisjoint(groups[stream[-1].train])
    assert sorted([*test, *stream[-1].train]) == list(range(n))
    for before, after in itertools.pairwise(stream):
        assert np.array_equal(after.test, test)
        assert set(before.train) < set(after.train)
        new = np.setdiff1d(after.train, before.train)
        assert set(groups[new]).isdisjoint(groups[before.train])


def test_many_small_groups_give_even_phases_and_the_share_that_was_asked_for() -> None:
    groups, labels = np.repeat(np.arange(100), 4), np.tile([0, 0, 0, 1], 100)
    (stream,) = draw(DataIncremental(4, test_size=0.2), 400, labels, groups).streams
    assert len(stream[0].test) == 80
    assert [len(phase.train) for phase in stream] == [80, 160, 240, 320]


def test_test_rows_have_the_classes_as_evenly_as_whole_groups_allow() -> None:
    labels = np.repeat([0, 1], 100)
    groups = np.arange(200) // 10  # each of one class
    for seed in range(10):
        (stream,) = draw(DataIncremental(4), 200, labels, groups, seed).streams
        assert set(labels[stream[0].test]) == {0, 1}
        assert set(labels[stream[0].train]) == {0, 1}


def test_groups_that_bring_a_class_come_first() -> None:
    labels, groups = np.zeros(200, int), np.arange(200) // 10
    labels[[5, 15, 25]] = 1  # three groups of twenty have the rare class
    for seed in range(10):
        (stream,) = draw(DataIncremental(4), 200, labels, groups, seed).streams
        assert set(labels[stream[0].train]) == {0, 1}
        assert 1 in labels[stream[0].test]


def test_no_groups_is_the_same_as_before_groups_were_known() -> None:
    labels = np.tile([0, 1], 30)
    with_default = plan_phases(DataIncremental(3), np.zeros((60, 1)), labels, labels, np.random.default_rng(1))
    with_none = draw(DataIncremental(3), 60, labels, None, seed=1)
    for a, b in zip(with_default.streams[0], with_none.streams[0], strict=True):
        assert np.array_equal(a.train, b.train)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (np.repeat([0, 1, 2], 20), "3 phases are too many for 3 groups: each phase needs a new one, and the test"),
        (np.arange(59), "groups must have one label for each of the 60 rows, got 59"),
        ([None, *range(59)], "groups has 1 missing label: every row needs a group"),
    ],
)
def test_groups_that_do_not_do_say_why(groups: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw(DataIncremental(3), 60, groups=groups)


# -- splitters with groups -------------------------------------------------------------------------------


@pytest.mark.parametrize("splitter", [GroupKFold(3), GroupShuffleSplit(2, test_size=0.3)])
def test_group_splitters_get_the_groups_and_the_first_half_has_whole_ones(splitter: object) -> None:
    groups = unequal_groups(0, 12)
    plan = draw(splitter, len(groups), groups=groups)
    assert len(plan.streams) in (2, 3)
    for first, second in plan.streams:
        assert set(groups[second.train]).isdisjoint(groups[second.test])
        assert set(first.train) < set(second.train)
        assert set(groups[np.setdiff1d(second.train, first.train)]).isdisjoint(groups[first.train])


def test_a_splitter_that_tears_groups_apart_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"split 1 of phases has rows of the same group .* such as GroupKFold"):
        draw(KFold(3), 30, groups=np.tile(np.arange(6), 5))


def test_one_group_cannot_come_in_two_phases() -> None:
    with pytest.raises(ValueError, match="all of one group, which cannot come in two phases"):
        draw(GroupKFold(2), 30, groups=np.repeat([0, 1], 15))


class Old:
    """A plan of the user's own that knows of no groups."""

    def plan(self, X: object, labels: object, rng: object) -> Plan:
        return Plan([[Phase(np.array([0]), np.array([1]))]], fixed=True)


def test_plans_that_know_of_no_groups_work_without() -> None:
    assert draw(Old(), 2).fixed
    with pytest.raises(TypeError, match="groups"):
        draw(Old(), 2, groups=[0, 1])


# -- lists of pairs --------------------------------------------------------------------------------------


def test_pairs_that_go_through_time_are_one_stream() -> None:
    pairs = [([0, 1], [2, 3]), (np.array([0, 1, 2, 3]), np.array([4, 5])), (range(6), range(6, 8))]
    plan = draw(pairs, 8)
    assert plan.fixed
    (stream,) = plan.streams
    assert [phase.train.tolist() for phase in stream] == [[0, 1], [0, 1, 2, 3], [0, 1, 2, 3, 4, 5]]
    assert [phase.test.tolist() for phase in stream] == [[2, 3], [4, 5], [6, 7]]


def test_pairs_that_would_test_on_what_a_donor_trained_on_are_streams_of_their_own() -> None:
    plan = draw([([0, 1, 2, 3], [4, 5]), ([2, 3, 4, 5], [0, 1])], 6)
    assert plan.fixed
    assert [len(stream) for stream in plan.streams] == [2, 2]
    assert [len(stream[0].train) for stream in plan.streams] == [2, 2]


def test_masks_are_rows_too() -> None:
    train = np.array([True, True, False, False])
    (stream,) = draw([(train, ~train)], 4).streams
    assert stream[1].train.tolist() == [0, 1]
    assert stream[1].test.tolist() == [2, 3]


@pytest.mark.parametrize(
    ("phases", "error", "message"),
    [
        ([], ValueError, "phases has no splits"),
        ([([0], [1]), [0, 1, 2]], TypeError, r"split 2 of phases must be a pair \(train, test\) of row numbers"),
        ([7], TypeError, "split 1 of phases must be a pair"),
        ([([0, 1], [1, 2])], ValueError, "split 1 of phases has row 1 among its training and its test rows"),
        ([([0], [4])], ValueError, "split 1 of phases must have test rows numbered from 0 to 3"),
        ([([-1], [2])], ValueError, "split 1 of phases must have training rows numbered from 0 to 3"),
        ([([0.5], [2])], ValueError, "must have training rows numbered"),
        ([([], [2])], ValueError, "split 1 of phases needs a list of training rows, and at least one"),
        ([(0, [2])], ValueError, "needs a list of training rows"),
        ("time", TypeError, "or a list of .* got str"),
        (iter([([0], [1])]), TypeError, "or a list of .* got list_iterator"),
    ],
)
def test_what_is_no_list_of_splits_says_why(phases: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        draw(phases, 4)
