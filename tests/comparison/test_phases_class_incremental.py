import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from sk_warmstart.comparison import ClassIncremental
from sk_warmstart.comparison.phases._phase import Plan, new_test_rows
from sk_warmstart.comparison.phases._plan import plan_phases


def draw(phases: ClassIncremental, y: object, groups: object = None, seed: int = 0) -> Plan:
    """As the comparator does: classes as codes in the order in which they first occur."""
    codes = pd.factorize(np.asarray(y).ravel(), sort=False)[0]
    return plan_phases(phases, np.zeros((len(codes), 1)), y, codes, np.random.default_rng(seed), groups=groups)


def arrivals(plan: Plan, y: np.ndarray) -> list[set]:
    """Classes that are new in each phase."""
    seen: set = set()
    new = []
    for phase in plan.streams[0]:
        now = set(y[phase.test].tolist())
        new.append(now - seen)
        seen |= now
    return new


ANIMALS = np.repeat(["emu", "ant", "dog", "cat", "bee"], 10)


@given(st.lists(st.integers(2, 20), min_size=3, max_size=8), st.integers(2, 7), st.booleans(), st.integers(0, 99))
def test_phases_have_the_classes_seen_so_far(counts: list[int], k: int, cumulative: bool, seed: int) -> None:
    k = min(k, len(counts) - 1)
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    plan = draw(ClassIncremental(k, cumulative=cumulative), y, seed=seed)
    assert not plan.fixed
    (stream,) = plan.streams
    new = arrivals(plan, y)
    assert len(stream) == len(new) == k
    sizes = [len(classes) for classes in new]
    assert sum(sizes) == len(counts)
    assert sizes[0] >= 2
    assert max(sizes) - min(sizes) <= 1
    trained = np.concatenate([phase.train for phase in stream])
    assert set(trained).isdisjoint(stream[-1].test)
    assert sorted({*trained.tolist(), *stream[-1].test.tolist()}) == list(range(len(y)))
    for number, phase in enumerate(stream):
        seen = set().union(*new[: number + 1])
        assert set(y[phase.train]) == (seen if cumulative else new[number])
        assert set(phase.test) == {row for row in stream[-1].test if y[row] in seen}
    if cumulative:
        assert all(set(a.train) < set(b.train) for a, b in itertools.pairwise(stream))
    else:
        assert len(set(trained)) == len(trained)


def test_each_class_gives_its_share_of_test_rows_and_at_least_one() -> None:
    y = np.repeat([0, 1, 2], [100, 20, 2])
    (stream,) = draw(ClassIncremental(2, test_size=0.25), y).streams
    assert np.bincount(y[stream[-1].test]).tolist() == [25, 5, 1]


def test_sorted_is_by_the_users_labels_not_by_where_they_occur() -> None:
    plan = draw(ClassIncremental(3, order="sorted"), ANIMALS)
    assert arrivals(plan, ANIMALS) == [{"ant", "bee"}, {"cat", "dog"}, {"emu"}]
    other = draw(ClassIncremental(3, order="sorted"), ANIMALS, seed=1)
    assert not np.array_equal(plan.streams[0][0].test, other.streams[0][0].test)


def test_random_orders_differ_between_replicates_and_not_within_a_seed() -> None:
    drawn = [
        str(arrivals(draw(ClassIncremental(4), np.arange(80) % 8, seed=s), np.arange(80) % 8)) for s in range(5)
    ]
    assert len(set(drawn)) > 1
    again = draw(ClassIncremental(4), np.arange(80) % 8, seed=0)
    assert str(arrivals(again, np.arange(80) % 8)) == drawn[0]


def test_labels_in_the_users_order_are_shared_out() -> None:
    order = ["dog", "emu", "ant", "bee", "cat"]
    assert arrivals(draw(ClassIncremental(2, order=order), ANIMALS), ANIMALS) == [
        {"dog", "emu", "ant"},
        {"bee", "cat"},
    ]


@pytest.mark.parametrize("kind", [list, tuple, set, np.array])
def test_groups_of_labels_arrive_together(kind: type) -> None:
    order = [kind(["dog", "emu"]), kind(["ant"]), kind(["bee", "cat"])]
    assert arrivals(draw(ClassIncremental(order=order), ANIMALS), ANIMALS) == [
        {"dog", "emu"},
        {"ant"},
        {"bee", "cat"},
    ]


def test_numbers_as_labels_and_a_target_in_a_column() -> None:
    y = pd.DataFrame({"target": np.repeat([3, 1, 2], 10)})
    plan = draw(ClassIncremental(2, order=np.array([2, 3, 1])), y)
    assert arrivals(plan, y["target"].to_numpy()) == [{2, 3}, {1}]


def test_test_to_train_counts_all_rows_that_ever_train() -> None:
    y = np.repeat(np.arange(4), 20)
    for cumulative in (True, False):
        plan = draw(ClassIncremental(3, test_size=0.25, cumulative=cumulative), y)
        assert plan.test_to_train == pytest.approx(1 / 3)


def test_new_test_rows_are_those_of_the_new_classes() -> None:
    plan = draw(ClassIncremental(3, order="sorted"), ANIMALS)
    assert [set(ANIMALS[rows]) for rows in new_test_rows(plan.streams[0])] == arrivals(plan, ANIMALS)
    assert [len(rows) for rows in new_test_rows(plan.streams[0])] == [4, 4, 2]


def test_groups_of_rows_do_not_train_and_test() -> None:
    y, groups = np.tile(np.arange(4), 50), np.arange(200) // 10
    for seed in range(10):
        (stream,) = draw(ClassIncremental(3, test_size=0.25), y, groups, seed).streams
        assert set(groups[stream[-1].train]).isdisjoint(groups[stream[-1].test])
        assert len(stream[-1].test) == 50


def test_a_class_in_one_group_cannot_train_and_test() -> None:
    y = np.repeat([0, 1, 2], 10)
    with pytest.raises(ValueError, match=r"class \d has no rows to (train|test) on: it is in too few groups"):
        draw(ClassIncremental(2), y, groups=y)
    with pytest.raises(ValueError, match="there is one group only: test rows need a group of their own"):
        draw(ClassIncremental(2), y, groups=np.zeros(30))


def test_it_is_an_estimator_in_its_parameters() -> None:
    phases = ClassIncremental(3, order=[[0], [1]], cumulative=False)
    assert clone(phases).get_params() == phases.get_params()
    assert repr(phases) == "ClassIncremental(cumulative=False, n_phases=3, order=[[0], [1]])"


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        (ClassIncremental(1), "n_phases must be an integer of at least 2, got 1"),
        (ClassIncremental(2, 1.5), r"test_size must be a number in \(0, 1\), got 1.5"),
        (ClassIncremental(5), "5 phases are too many for 5 classes: .* ask for at most 4"),
        (
            ClassIncremental(2, order="reversed"),
            "order must be 'random', 'sorted' or a sequence of labels, got 'rev",
        ),
        (ClassIncremental(2, order=["ant", "bee"]), "order lacks the label '(emu|dog|cat)'"),
        (ClassIncremental(order=[["ant"], ["yak"]]), "order has the label 'yak', which the target does not have"),
        (ClassIncremental(order=[["ant"], ["ant", "bee"]]), "order has the label 'ant' more than once"),
        (ClassIncremental(order=[["ant"], "bee"]), "order must hold labels only, or groups of labels only"),
        (ClassIncremental(order=[["ant"], []]), "order must have at least 2 groups of labels, none of them empty"),
        (ClassIncremental(order=[ANIMALS.tolist()]), "order must have at least 2 groups of labels"),
    ],
)
def test_what_cannot_be_arranged_says_why(phases: ClassIncremental, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw(phases, ANIMALS)


def test_what_has_too_few_classes_or_rows_says_why() -> None:
    with pytest.raises(ValueError, match=r"2 phases are too many for 2 classes: .* at least 3 classes are needed"):
        draw(ClassIncremental(2), np.arange(20) % 2)
    with pytest.raises(ValueError, match="class 2 has one row only: it needs one to train on and one to test on"):
        draw(ClassIncremental(2), [0, 0, 1, 1, 2])
    with pytest.raises(ValueError, match="there are 3 labels for 4 rows"):
        ClassIncremental(2).plan(np.zeros((4, 1)), np.arange(3), np.random.default_rng(0))
    with pytest.raises(ValueError, match="needs classes: use it with a classifier"):
        plan_phases(ClassIncremental(2), np.zeros((9, 1)), np.arange(9.0), None, np.random.default_rng(0))
    with pytest.raises(ValueError, match="the labels cannot be sorted"):
        draw(ClassIncremental(2, order="sorted"), np.array(["a", 1, "b"] * 4, dtype=object))
