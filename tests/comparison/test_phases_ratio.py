"""What Nadeau and Bengio's correction is given, for each kind of phases."""

import numpy as np
import pytest
from scipy import stats
from sklearn.model_selection import (
    GroupShuffleSplit,
    KFold,
    RepeatedKFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
)

from sk_warmstart.comparison import ClassIncremental, DataIncremental, OldAndNew, RollingWindow
from sk_warmstart.comparison.phases._phase import Phase, Plan
from sk_warmstart.comparison.phases._plan import plan_phases
from sk_warmstart.statistics import correlated_t


def draw(phases: object, n: int = 400, groups: object = None, n_classes: int = 2) -> Plan:
    labels = np.arange(n) % n_classes
    return plan_phases(phases, np.zeros((n, 1)), labels, labels, np.random.default_rng(0), groups)


@pytest.mark.parametrize(
    ("phases", "n", "ratio"),
    [
        (DataIncremental(5), 400, 1 / 3),
        (DataIncremental(2), 400, 1 / 3),
        (DataIncremental(5, test_size=0.1), 400, 1 / 9),
        (DataIncremental(5, test_size=0.5), 400, 1.0),
        (OldAndNew(300), 400, 1 / 3),
        (OldAndNew(800), 1000, 1 / 3),
        (OldAndNew(300, keep_old=False), 400, 1 / 3),
        (OldAndNew(300, 3, test_size=0.4), 400, 2 / 3),
        (ShuffleSplit(5, test_size=0.2), 400, 5 / 4),
        (ShuffleSplit(1, test_size=0.2), 400, 1 / 4),
        (ShuffleSplit(2, test_size=0.25, random_state=0), 400, 2 / 3),
        (KFold(5), 400, 0.0),
        (TimeSeriesSplit(5), 400, 0.0),
        (RollingWindow(60), 400, 0.0),
        ([(range(200), range(200, 400)), (range(200, 400), range(200))], 400, 0.0),
    ],
)
def test_the_ratio_is_that_of_a_mean_over_streams(phases: object, n: int, ratio: float) -> None:
    plan = draw(phases, n)
    assert plan.test_to_train == pytest.approx(ratio)
    assert not plan.folds


def test_classes_that_arrive_count_all_rows_that_ever_train() -> None:
    assert draw(ClassIncremental(3), 390, n_classes=6).test_to_train == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("splitter", "n_folds"),
    [
        (KFold(5, shuffle=True), 5),
        (KFold(10, shuffle=True, random_state=0), 10),
        (StratifiedKFold(4, shuffle=True), 4),
        (RepeatedKFold(n_splits=5, n_repeats=2), 5),
    ],
)
def test_of_random_folds_that_test_each_row_the_fold_is_the_unit(splitter: object, n_folds: int) -> None:
    plan = draw(splitter)
    assert plan.folds
    assert plan.test_to_train == pytest.approx(1 / (n_folds - 1))


def test_folds_of_groups_are_folds_too_and_random_groups_are_not() -> None:
    groups = np.arange(400) // 20
    assert draw(StratifiedGroupKFold(5, shuffle=True), groups=groups).folds
    assert not draw(GroupShuffleSplit(5, test_size=0.2), groups=groups).folds


def test_folds_that_leave_rows_to_train_only_are_not_exhaustive() -> None:
    rows = [np.arange(10), np.arange(10, 20), np.arange(20, 30)]
    streams = [[Phase(np.r_[rows[2], rows[1 - i]], rows[i])] for i in range(2)]
    assert not Plan(streams, fixed=False).folds
    assert Plan([[Phase(np.r_[rows[0], rows[1]], rows[2])]], fixed=False).test_to_train == pytest.approx(0.5)


def test_the_fold_as_the_unit_keeps_the_error_that_means_over_folds_do_not() -> None:
    """Each row has a difference of its own that no split changes; the gain is 0 over tables."""
    rng, n_folds, n_repeats, wrong = np.random.default_rng(0), 5, 10, {"fold": 0, "replicate": 0}
    for _ in range(200):
        rows = rng.normal(size=100)
        folds = np.array([rows[rng.permutation(100).reshape(n_folds, -1)].mean(axis=1) for _ in range(n_repeats)])
        folds += 0.02 * rng.normal(size=folds.shape)
        for unit, gains in (("fold", folds.ravel()), ("replicate", folds.mean(axis=1))):
            low, high = correlated_t(gains, 1 / (n_folds - 1)).interval(0.95)
            wrong[unit] += not low <= 0 <= high
    assert wrong["fold"] <= stats.binom.ppf(0.99, 200, 0.05)
    assert wrong["replicate"] > 100
