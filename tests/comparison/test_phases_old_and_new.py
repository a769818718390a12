import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sk_warmstart.comparison import OldAndNew
from sk_warmstart.comparison.phases._phase import Plan
from sk_warmstart.comparison.phases._plan import plan_phases


def draw(
    phases: OldAndNew, n: int, labels: np.ndarray | None = None, groups: object = None, seed: int = 0
) -> Plan:
    return plan_phases(phases, np.zeros((n, 1)), labels, labels, np.random.default_rng(seed), groups)


@given(
    st.integers(1, 50),
    st.integers(12, 80),
    st.integers(2, 5),
    st.floats(0.1, 0.5),
    st.booleans(),
    st.integers(0, 99),
)
def test_the_old_rows_come_first_and_the_new_ones_judge(
    n_old: int, n_new: int, k: int, share: float, keep: bool, seed: int
) -> None:
    plan = draw(OldAndNew(n_old, k, share, keep), n_old + n_new, seed=seed)
    (stream,) = plan.streams
    assert not plan.fixed
    assert len(stream) == k
    test = set(stream[0].test.tolist())
    assert len(test) == round(share * n_new)
    assert min(test) >= n_old
    assert stream[0].train.tolist() == list(range(n_old))
    assert all(set(phase.test.tolist()) == test for phase in stream)
    for before, after in itertools.pairwise([phase.train.tolist() for phase in stream[1:]]):
        assert before == after[: len(before)]
        assert len(before) < len(after)
    last = stream[-1].train.tolist()
    new = set(range(n_old, n_old + n_new)) - test
    assert set(last) == (set(range(n_old)) | new if keep else new)
    assert len(last) == len(set(last))


def test_classes_of_the_new_rows_are_shared_out_evenly() -> None:
    labels = np.r_[np.zeros(30), np.zeros(60), np.ones(20)].astype(int)
    (stream,) = draw(OldAndNew(30, 3), 110, labels).streams
    assert np.bincount(labels[stream[0].test]).tolist() == [15, 5]
    brought = [np.setdiff1d(b.train, a.train) for a, b in itertools.pairwise(stream)]
    assert [np.bincount(labels[rows], minlength=2)[1] for rows in brought] == pytest.approx([7.5, 7.5], abs=1)


@given(st.integers(0, 99))
def test_groups_of_new_rows_stay_whole(seed: int) -> None:
    groups = np.r_[np.full(10, 99), np.random.default_rng(seed).permutation(np.repeat(np.arange(8), 5))]
    (stream,) = draw(OldAndNew(10, 3), 50, groups=groups, seed=seed).streams
    parts = [stream[0].test, stream[1].train, np.setdiff1d(stream[2].train, stream[1].train)]
    for a, b in itertools.combinations(parts, 2):
        assert not set(groups[a]) & set(groups[b])
    assert sorted(np.concatenate(parts)) == list(range(50))


def test_another_seed_draws_other_rows_to_test() -> None:
    tests = [sorted(draw(OldAndNew(10), 60, seed=seed).streams[0][0].test) for seed in (0, 0, 1)]
    assert tests[0] == tests[1] != tests[2]


@pytest.mark.parametrize(
    ("phases", "n", "groups", "message"),
    [
        (
            OldAndNew(20),
            20,
            None,
            "0 new rows are too few for 2 phases: 1 at least have to train, and one to test",
        ),
        (OldAndNew(30), 20, None, "0 new rows are too few"),
        (OldAndNew(10, 5), 14, None, "4 new rows are too few for 5 phases"),
        (OldAndNew(0), 20, None, "n_old must be an integer of at least 1, got 0"),
        (OldAndNew(10, n_phases=1), 20, None, "n_phases must be an integer of at least 2, got 1"),
        (OldAndNew(10, test_size=1.0), 20, None, "test_size must be"),
        (OldAndNew(10, keep_old="no"), 20, None, "keep_old must be"),
        (OldAndNew(10), 20, np.arange(20) % 10, "10 groups have old rows and new ones"),
        (OldAndNew(10, 3), 20, np.arange(20) // 5, "2 groups of new rows are too few for 3 phases and a test"),
    ],
)
def test_what_cannot_be_split_says_why(phases: OldAndNew, n: int, groups: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw(phases, n, groups=groups)
