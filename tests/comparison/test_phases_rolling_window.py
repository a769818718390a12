import itertools
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sk_warmstart.comparison import RollingWindow
from sk_warmstart.comparison.phases._phase import Plan
from sk_warmstart.comparison.phases._plan import plan_phases


def draw(phases: RollingWindow, n: int, groups: object = None, seed: int = 0) -> Plan:
    return plan_phases(phases, np.zeros((n, 1)), None, None, np.random.default_rng(seed), groups=groups)


def spans(plan: Plan) -> list[tuple[int, int, int, int]]:
    """First and last row of the training and of the test rows of each phase."""
    for phase in plan.streams[0]:
        for rows in (phase.train, phase.test):
            assert np.array_equal(rows, np.arange(rows[0], rows[-1] + 1))
    return [(p.train[0], p.train[-1], p.test[0], p.test[-1]) for p in plan.streams[0]]


sizes = st.integers(1, 6)


@given(sizes, sizes, sizes, st.integers(0, 30), st.booleans())
def test_training_rows_come_right_before_the_test_rows(
    window: int, step: int, first: int, more: int, expanding: bool
) -> None:
    n = first + step + window + more
    plan = draw(RollingWindow(window, step, expanding, first), n)
    assert plan.fixed
    assert plan.test_to_train == 0
    found = spans(plan)
    assert len(found) == 2 + more // step
    for number, (start, end, test_start, test_end) in enumerate(found):
        assert end + 1 == first + number * step == test_start
        assert test_end - test_start + 1 == window
        assert start == (0 if expanding else max(0, end + 1 - window))
    assert n - 1 - found[-1][3] < step
    for before, after in itertools.pairwise(found):
        assert after[0] >= before[0]


def test_by_default_windows_do_not_overlap() -> None:
    assert spans(draw(RollingWindow(10), 45)) == [(0, 9, 10, 19), (10, 19, 20, 29), (20, 29, 30, 39)]
    assert spans(draw(RollingWindow(10, expanding=True), 45)) == [(0, 9, 10, 19), (0, 19, 20, 29), (0, 29, 30, 39)]


def test_the_first_phase_may_train_on_less_or_more() -> None:
    assert spans(draw(RollingWindow(4, step=2, min_train=2), 10)) == [(0, 1, 2, 5), (0, 3, 4, 7), (2, 5, 6, 9)]
    assert spans(draw(RollingWindow(2, expanding=True, min_train=5), 9)) == [(0, 4, 5, 6), (0, 6, 7, 8)]


def test_nothing_is_drawn() -> None:
    assert spans(draw(RollingWindow(5), 30, seed=1)) == spans(draw(RollingWindow(5), 30, seed=2))


# -- groups ----------------------------------------------------------------------------------------------

MONTHS = ["2024-11", "2024-12", "2025-01", "2025-02", "2025-03"]
COUNTS = [3, 1, 4, 2, 5]
AS_PERIODS = pd.PeriodIndex(MONTHS, freq="M").repeat(COUNTS)
IN_WORDS = pd.Categorical.from_codes(
    np.repeat(np.arange(5), COUNTS), ["Nov", "Dec", "Jan", "Feb", "Mar", "never"], ordered=True
)


@pytest.mark.parametrize(
    "groups",
    [
        np.repeat(MONTHS, COUNTS),
        np.repeat(MONTHS, COUNTS).astype(object),
        np.repeat([11, 12, 13, 14, 15], COUNTS),
        AS_PERIODS,
        pd.Series(AS_PERIODS),
        AS_PERIODS.to_timestamp().to_numpy(),
        IN_WORDS,
        pd.Series(IN_WORDS, index=range(100, 115)),
        pd.Categorical(np.repeat(MONTHS, COUNTS)),
    ],
    ids=["text", "objects", "numbers", "periods", "series", "dates", "ordered", "ordered series", "categories"],
)
def test_windows_of_months(groups: object) -> None:
    plan = draw(RollingWindow(2, step=1), 15, groups)
    assert spans(plan) == [(0, 3, 4, 9), (3, 7, 8, 14)]


def test_rows_need_not_be_in_the_order_of_time() -> None:
    rng = np.random.default_rng(0)
    when = pd.date_range("2025-01-01", periods=40).to_numpy()
    shuffled = rng.permutation(40)
    plan = draw(RollingWindow(8), 40, when[shuffled])
    for phase in plan.streams[0]:
        assert when[shuffled][phase.train].max() < when[shuffled][phase.test].min()
    in_order = draw(RollingWindow(8), 40)
    for a, b in zip(plan.streams[0], in_order.streams[0], strict=True):
        assert np.array_equal(shuffled[a.train], b.train)


def test_dates_of_python_are_dates() -> None:
    days = np.array([date(2025, 1, day) for day in (3, 1, 2, 6, 5, 4)])
    (stream,) = draw(RollingWindow(2), 6, days).streams
    assert [phase.train.tolist() for phase in stream] == [[1, 2], [0, 5]]
    assert [phase.test.tolist() for phase in stream] == [[0, 5], [4, 3]]


def test_a_month_is_never_torn_apart_and_ties_keep_their_order() -> None:
    groups = np.tile(np.arange(6), 5)
    for phase in draw(RollingWindow(2), 30, groups).streams[0]:
        assert np.bincount(groups[phase.train], minlength=6).tolist().count(5) == 2
        for month in np.unique(groups[phase.train]):
            rows = phase.train[groups[phase.train] == month]
            assert (np.diff(rows) > 0).all()


def test_text_whose_order_is_not_clear_is_an_error() -> None:
    months = np.repeat(["Jan", "Feb", "Mar", "Apr"], 5)
    for groups in (months, pd.Series(months), months.astype(object), pd.Categorical(months)):
        with pytest.raises(ValueError, match="not clear: 'Jan' comes before 'Feb' in the rows, but after it when"):
            draw(RollingWindow(1), 20, groups)


def test_groups_that_do_not_do_say_why() -> None:
    with pytest.raises(ValueError, match="groups must have one label for each of the 20 rows, got 4"):
        draw(RollingWindow(1), 20, MONTHS[:4])
    with pytest.raises(ValueError, match="groups has 2 missing labels: every row needs a group"):
        draw(RollingWindow(1), 4, [1.0, np.nan, np.nan, 2.0])
    with pytest.raises(ValueError, match="the groups cannot be sorted"):
        draw(RollingWindow(1), 4, np.array(["a", 1, "b", 2], dtype=object))
    with pytest.raises(ValueError, match="3 groups are too few for windows of 2: two phases need at least 6"):
        draw(RollingWindow(2), 30, np.repeat([1, 2, 3], 10))


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        (RollingWindow(0), "window must be an integer of at least 1, got 0"),
        (RollingWindow(2.5), "window must be an integer of at least 1, got 2.5"),
        (RollingWindow("30D"), "window must be an integer of at least 1, got '30D'"),
        (RollingWindow(5, step=0), "step must be an integer of at least 1, got 0"),
        (RollingWindow(5, min_train=True), "min_train must be an integer of at least 1, got True"),
        (
            RollingWindow(10, step=5, min_train=6),
            r"20 rows are too few for windows of 10: .* at least 21 \(6 to train on, 5 further, 10 to test on\)",
        ),
    ],
)
def test_what_does_not_fit_says_why(phases: RollingWindow, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw(phases, 20)
