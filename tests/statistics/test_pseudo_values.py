"""Pseudo-values: their mean is the score, and they are what leaving out each row by hand gives."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics
from sklearn.exceptions import UndefinedMetricWarning

from sk_warmstart.statistics._label_scores import averaged_score, balanced_accuracy, matthews_correlation
from sk_warmstart.statistics._pseudo_values import (
    LeaveOneOut,
    auc_without,
    average_precision_without,
    block_values,
    brier_losses,
    confusion_without,
    explained_variance_without,
    label_counts_without,
    log_losses,
    mean_values,
    pseudo_values,
    r2_without,
    rmse_without,
)

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(6, 30)
Score = Callable[..., float]


def by_hand(score: Score, *columns: NDArray[Any], weights: NDArray[Any] | None = None) -> NDArray[Any]:
    """The score without each row, by the function itself; NaN where it is not defined."""
    found = []
    for i in range(len(columns[0])):
        kept = np.arange(len(columns[0])) != i
        extra = {} if weights is None else {"sample_weight": weights[kept]}
        with warnings.catch_warnings():
            warnings.simplefilter("error", UndefinedMetricWarning)
            warnings.filterwarnings("error", message="No positive class")
            try:
                found.append(float(score(*(column[kept] for column in columns), **extra)))
            except (ValueError, UserWarning):
                found.append(np.nan)
    return np.array(found)


def check(found: LeaveOneOut, score: Score, *columns: NDArray[Any], weights: NDArray[Any] | None = None) -> None:
    extra = {} if weights is None else {"sample_weight": weights}
    assert found.score == pytest.approx(score(*columns, **extra), rel=1e-9, abs=1e-12)
    expected = by_hand(score, *columns, weights=weights)
    np.testing.assert_allclose(found.without, expected, rtol=1e-7, atol=1e-9)
    values = pseudo_values(found.score, found.without)
    assert values.mean() == pytest.approx(found.score, rel=1e-9, abs=1e-9)
    assert np.isfinite(values).all()


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("weighted", [False, True])
@given(seeds, sizes)
@settings(max_examples=20, deadline=None)
def test_scores_of_numbers_without_each_row(n_outputs: int, weighted: bool, seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    y = 100 + rng.normal(size=(n, n_outputs))
    guess = y + rng.normal(size=y.shape)
    weights = rng.uniform(0.1, 3, size=n) if weighted else None
    for found, score in (
        (r2_without, metrics.r2_score),
        (explained_variance_without, metrics.explained_variance_score),
        (rmse_without, metrics.root_mean_squared_error),
    ):
        check(found(y, guess, weights), score, y, guess, weights=weights)


@pytest.mark.parametrize("weighted", [False, True])
@given(seeds, sizes, st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_areas_without_each_row(weighted: bool, seed: int, n: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    y, scores = rng.integers(0, 2, n), rng.integers(0, levels, n) / 4  # with ties
    assume(1 < y.sum() < n - 1)
    weights = rng.uniform(0.1, 3, size=n) if weighted else None
    check(auc_without(y, scores, weights), metrics.roc_auc_score, y, scores, weights=weights)
    if not weighted:
        check(average_precision_without(y, scores), metrics.average_precision_score, y, scores)


def test_a_single_positive_row_has_no_influence() -> None:
    y, scores = np.array([0, 0, 0, 1, 0]), np.array([0.1, 0.4, 0.7, 0.5, 0.2])
    for found in (auc_without(y, scores), average_precision_without(y, scores)):
        assert np.isnan(found.without[3])
        values = pseudo_values(found.score, found.without)
        assert np.isfinite(values).all()
        assert values.mean() == pytest.approx(found.score)


def test_delong_variance_of_the_area_is_that_of_the_pseudo_values() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [400, 600])
    scores = rng.normal(size=1000) + y
    found = auc_without(y, scores)
    values = pseudo_values(found.score, found.without)
    above = scores[y == 1][:, None] > scores[y == 0]
    delong = above.mean(axis=1).var(ddof=1) / 600 + above.mean(axis=0).var(ddof=1) / 400
    assert values.var(ddof=1) / 1000 == pytest.approx(delong, rel=0.01)


LABEL_SCORES: dict[str, tuple[Callable[..., Any], Score]] = {
    "balanced": (balanced_accuracy, metrics.balanced_accuracy_score),
    "mcc": (matthews_correlation, metrics.matthews_corrcoef),
    **{
        f"{kind} {average}": (
            lambda stack, kind=kind, average=average: averaged_score(stack, kind, average),
            lambda y, p, function=function, average=average: function(y, p, average=average),
        )
        for kind, function in (
            ("f", metrics.f1_score),
            ("precision", metrics.precision_score),
            ("recall", metrics.recall_score),
            ("jaccard", metrics.jaccard_score),
        )
        for average in ("macro", "micro", "weighted")
    },
}


@pytest.mark.parametrize("name", LABEL_SCORES)
@given(seeds, sizes, st.integers(2, 4))
@settings(max_examples=15, deadline=None)
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_label_scores_without_each_row(name: str, seed: int, n: int, n_classes: int) -> None:
    stack, score = LABEL_SCORES[name]
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(n_classes).repeat(2), rng.integers(0, n_classes, n)])
    guess = np.where(rng.random(len(y)) < 0.7, y, rng.integers(0, n_classes, len(y)))
    assume(len(np.unique(guess)) == n_classes)  # nothing is undefined with all rows
    found = confusion_without(y, guess, stack)
    check(found, score, y, guess)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UndefinedMetricWarning)
        same = label_counts_without(y, guess, score, most=16)
    assert same is not None
    np.testing.assert_allclose(same.without, found.without, atol=1e-9)
    assert label_counts_without(y, guess, score, most=1) is None


@given(seeds, sizes)
@settings(max_examples=30, deadline=None)
def test_binary_f1_without_each_row(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    y, guess = rng.integers(0, 2, n), rng.integers(0, 2, n)
    assume(y.sum() and guess.sum())
    check(
        confusion_without(y, guess, lambda stack: averaged_score(stack, "f", "binary")), metrics.f1_score, y, guess
    )


@given(seeds, sizes)
@settings(max_examples=30, deadline=None)
def test_means_are_their_rows_own_values(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    losses = rng.normal(size=n)
    np.testing.assert_allclose(mean_values(float(losses.mean()), losses), losses, atol=1e-12)
    without = (losses.sum() - losses) / (n - 1)
    np.testing.assert_allclose(pseudo_values(float(losses.mean()), without), losses, atol=1e-9)
    weights = rng.uniform(0.1, 3, size=n)
    mean = float(np.average(losses, weights=weights))
    values = mean_values(mean, losses, weights)
    assert values.mean() == pytest.approx(mean)
    residual = values - mean
    np.testing.assert_allclose(residual, n * weights / weights.sum() * (losses - mean), atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_losses_of_probabilities_are_those_of_scikit_learn(dtype: type, n_classes: int) -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(n_classes), size=40)
    p[0], p[0, 0] = 0, 1
    y = rng.integers(0, n_classes, 40)
    p = p.astype(dtype)
    log, brier = metrics.log_loss(y, p), metrics.brier_score_loss(y, p, scale_by_half=True)
    assert log_losses(y, p).mean() == pytest.approx(log, rel=1e-5)
    assert brier_losses(y, p).mean() == pytest.approx(brier, rel=1e-5)
    if n_classes == 2:
        assert brier_losses(y, p[:, 1]).mean() == pytest.approx(brier, rel=1e-5)


@given(seeds, st.integers(25, 60))
@settings(max_examples=30, deadline=None)
def test_blocks_of_a_mean_have_their_own_means(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    losses, blocks = rng.normal(size=n), np.arange(n) % 20
    values = block_values(float(losses.mean()), blocks, lambda kept: float(losses[kept].mean()))
    assert values is not None
    for block in range(20):
        np.testing.assert_allclose(values[blocks == block], losses[blocks == block].mean(), atol=1e-9)


def test_blocks_that_cannot_be_left_out_have_no_influence() -> None:
    losses, blocks = np.arange(10.0), np.arange(10) % 5

    def score_of(kept: NDArray[np.intp]) -> float:
        if 4 not in kept:
            raise ValueError("a class is gone")
        return float(losses[kept].mean())

    values = block_values(4.5, blocks, score_of)
    assert values is not None
    assert values.mean() == pytest.approx(4.5)
    assert values[4] == values[9] == pytest.approx(4.5, abs=1)

    def never(kept: NDArray[np.intp]) -> float:
        raise ValueError

    assert block_values(4.5, blocks, never) is None  # not: without any spread
    assert block_values(4.5, np.zeros(10), score_of) is None
