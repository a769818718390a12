"""Relevance of a donor, against loops, optimisers and scikit-learn."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import multivariate_normal
from sklearn.covariance import LedoitWolf
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import BayesianRidge, LogisticRegression, RidgeCV
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_warmstart.diagnostics import h_score, leep, linear_probe_score, logme, nce

LABELS = st.lists(st.integers(0, 3), min_size=2, max_size=30)


def classes(
    n: int = 60, d: int = 4, k: int = 3, noise: float = 1.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % k
    return rng.normal(size=(k, d))[y] + noise * rng.normal(size=(n, d)), y


def numbers(n: int, d: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * np.linspace(1, 3, d)
    return X, X @ rng.normal(size=d) + 2 * rng.normal(size=n)


def evidence(X: np.ndarray, y: np.ndarray, log_alpha: float, log_beta: float) -> float:
    """The density of y with the weights integrated out, as a Gaussian in n dimensions."""
    covariance = np.eye(len(y)) * math.exp(-log_beta) + X @ X.T * math.exp(-log_alpha)
    return float(multivariate_normal(np.zeros(len(y)), covariance).logpdf(y))


def largest_evidence(X: np.ndarray, y: np.ndarray) -> float:
    found = [
        minimize(
            lambda p: -evidence(X, y, *p), start, method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-11}
        ).fun
        for start in ((0.0, 0.0), (3.0, 0.0))
    ]
    return -min(found)


@pytest.mark.parametrize("shape", [(30, 3), (12, 20)])
def test_logme_of_numbers_is_the_maximum_of_the_evidence(shape: tuple[int, int]) -> None:
    X, y = numbers(*shape)
    assert logme(X, y) == pytest.approx(largest_evidence(X, y) / len(y), abs=1e-6)


def test_logme_of_classes_is_the_mean_over_one_against_the_rest() -> None:
    X, y = classes(30, 3)
    expected = np.mean([largest_evidence(X, (y == k).astype(float)) / 30 for k in range(3)])
    assert logme(X, y) == pytest.approx(expected, abs=1e-6)
    names = np.array(["b", "a", "c"])[y]
    assert logme(torch.from_numpy(X), names) == pytest.approx(expected, abs=1e-6)
    assert logme(X, y.astype(float), task="classification") == pytest.approx(expected, abs=1e-6)


def test_logme_agrees_with_the_published_form_at_scikit_learns_precisions() -> None:
    X, y = numbers(40, 3)
    settings = dict.fromkeys(("alpha_1", "alpha_2", "lambda_1", "lambda_2"), 0.0)
    model = BayesianRidge(fit_intercept=False, tol=1e-12, max_iter=5000, **settings).fit(X, y)
    alpha, beta, m = model.lambda_, model.alpha_, model.coef_
    n, d = X.shape
    value = d / 2 * math.log(alpha) + n / 2 * math.log(beta) - n / 2 * math.log(2 * math.pi)
    value -= 0.5 * np.linalg.slogdet(alpha * np.eye(d) + beta * X.T @ X)[1]
    value -= beta / 2 * np.sum((y - X @ m) ** 2) + alpha / 2 * np.sum(m**2)
    assert logme(X, y) == pytest.approx(value / n, abs=1e-6)


def test_logme_takes_many_targets_and_tasks() -> None:
    X, y = numbers(25, 3)
    other = np.random.default_rng(1).normal(size=25)
    both = logme(X, np.stack([y, other], axis=1))
    assert both == pytest.approx((logme(X, y) + logme(X, other)) / 2, abs=1e-12)
    assert logme(X, np.arange(25) % 4, task="regression") == pytest.approx(
        largest_evidence(X, np.arange(25.0) % 4) / 25, abs=1e-6
    )


@given(st.integers(0, 500), st.floats(0.01, 100))
def test_logme_ignores_order_rotation_and_scale_of_features(seed: int, factor: float) -> None:
    X, y = classes(20, 3, seed=seed)
    value = logme(X, y)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    assert logme(factor * X @ turn, y) == pytest.approx(value, abs=1e-8)
    assert logme(X[::-1], y[::-1]) == pytest.approx(value, abs=1e-8)
    assert logme(np.hstack([X, np.zeros((20, 2))]), y) == pytest.approx(value, abs=1e-8)  # dead units


def test_logme_at_its_limits() -> None:
    y = np.array([1.0, -1.0, 2.0, -2.0])
    # No features: noise of the target's own power.
    expected = float(np.mean([-0.5 * math.log(2 * math.pi * 2.5) - v**2 / 5 for v in y]))
    assert logme(np.zeros((4, 2)), y) == pytest.approx(expected, abs=1e-9)
    perfect = logme(y[:, None], y)
    assert math.isfinite(perfect)
    assert perfect > 5


def leep_by_loops(theta: np.ndarray, y: list) -> float:
    n, total = len(y), 0.0
    joint: Counter = Counter()
    for row, label in zip(theta, y, strict=True):
        for z, p in enumerate(row):
            joint[label, z] += p / n
    mass = [sum(joint[label, z] for label in set(y)) for z in range(theta.shape[1])]
    for row, label in zip(theta, y, strict=True):
        total += math.log(sum(joint[label, z] / mass[z] * p for z, p in enumerate(row) if mass[z]))
    return total / n


def nce_by_loops(z: list, y: list) -> float:
    pairs, singles = Counter(zip(y, z, strict=True)), Counter(z)
    return sum(count / len(y) * math.log(count / singles[source]) for (_, source), count in pairs.items())


@given(LABELS, st.integers(0, 1000))
def test_leep_by_loops(y: list[int], seed: int) -> None:
    theta = np.random.default_rng(seed).dirichlet([0.3] * 4, size=len(y))
    theta = np.hstack([theta, np.zeros((len(y), 1))])  # a class that the donor never predicts
    value = leep(theta, y)
    assert value == pytest.approx(leep_by_loops(theta, y), abs=1e-9)
    assert value <= 0
    assert leep(theta[::-1], y[::-1]) == pytest.approx(value, abs=1e-9)
    assert leep(theta[:, ::-1], [f"class {label}" for label in y]) == pytest.approx(value, abs=1e-9)
    assert leep(torch.from_numpy(theta), torch.tensor(y)) == value


@given(LABELS, st.integers(0, 1000))
def test_nce_by_loops(y: list[int], seed: int) -> None:
    z = np.random.default_rng(seed).integers(3, size=len(y)).tolist()
    value = nce(z, y)
    assert value == pytest.approx(nce_by_loops(z, y), abs=1e-9)
    entropy = -sum(c / len(y) * math.log(c / len(y)) for c in Counter(y).values())
    assert -entropy - 1e-9 <= value <= 0
    assert nce(y, y) == 0
    assert nce(z[::-1], y[::-1]) == pytest.approx(value, abs=1e-12)
    # A donor that is certain: LEEP is NCE.
    assert leep(np.eye(3)[z], y) == pytest.approx(value, abs=1e-9)


def test_single_precision_probabilities_are_probabilities() -> None:
    theta = torch.randn(50, 1000, generator=torch.Generator().manual_seed(0)).softmax(dim=1)
    assert leep(theta, np.arange(50) % 3) < 0


@pytest.mark.parametrize("d", [4, 40])
def test_regularised_h_score_by_covariances(d: int) -> None:
    X, y = classes(30, d)
    fitted = LedoitWolf().fit(X)
    means = np.stack([X[y == label].mean(axis=0) for label in y])
    between = np.cov(means, rowvar=False, bias=True)
    expected = (1 - fitted.shrinkage_) * np.trace(np.linalg.solve(fitted.covariance_, between))
    assert h_score(X, y) == pytest.approx(expected, abs=1e-6)
    assert h_score(torch.from_numpy(X), np.array(["x", "y", "z"])[y]) == pytest.approx(expected, abs=1e-6)


def test_plain_h_score_by_covariances_and_canonical_correlations() -> None:
    X, y = classes(30, 4)
    means = np.stack([X[y == label].mean(axis=0) for label in y])
    expected = np.trace(np.linalg.inv(np.cov(X.T)) @ np.cov(means.T))
    assert h_score(X, y, shrinkage=None) == pytest.approx(expected, abs=1e-6)
    # Discriminant analysis knows the same number: its eigenvalues are r / (1 - r) of the canonical ones.
    axes = LinearDiscriminantAnalysis(solver="svd").fit(X, y).transform(X)
    squared = [1 - sum(np.var(a[y == k]) * np.mean(y == k) for k in range(3)) / np.var(a) for a in axes.T]
    assert h_score(X, y, shrinkage=None) == pytest.approx(sum(squared), abs=1e-6)


@given(st.integers(0, 500))
def test_h_score_stays_in_range_and_plain_ignores_linear_maps(seed: int) -> None:
    X, y = classes(24, 3, k=4, seed=seed)
    plain = h_score(X, y, shrinkage=None)
    assert 0 <= plain <= 3
    assert 0 <= h_score(X, y) <= 3
    mixing = np.random.default_rng(seed).normal(size=(3, 3)) + 3 * np.eye(3)
    assert h_score(X @ mixing + 5, y, shrinkage=None) == pytest.approx(plain, abs=1e-6)
    assert h_score(X[::-1], y[::-1]) == pytest.approx(h_score(X, y), abs=1e-9)


def test_dead_and_doubled_units_do_not_blow_up_the_plain_h_score() -> None:
    X, y = classes(30, 3)
    padded = np.hstack([X, X, np.zeros((30, 2)), np.full((30, 1), 0.1)])
    assert h_score(padded, y, shrinkage=None) == pytest.approx(h_score(X, y, shrinkage=None), abs=1e-6)


def test_probe_of_classes_against_scikit_learn() -> None:
    X, y = classes(60, 4)
    found = linear_probe_score(X, np.array(["a", "b", "c"])[y], cv=4, rng=2)
    folds = StratifiedKFold(4, shuffle=True, random_state=np.random.RandomState(2))
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    expected = cross_val_score(model, X, y, cv=folds)
    assert found.scores == pytest.approx(expected.tolist(), abs=1e-9)
    assert found.value == pytest.approx(expected.mean(), abs=1e-9)
    assert linear_probe_score(X, y, scoring="neg_log_loss").value < 0


def test_probe_of_numbers_against_scikit_learn() -> None:
    X, y = numbers(50, 4)
    found = linear_probe_score(torch.from_numpy(X), torch.from_numpy(y))
    folds = KFold(5, shuffle=True, random_state=np.random.RandomState(0))
    model = make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-3, 3, 13)))
    assert found.scores == pytest.approx(cross_val_score(model, X, y, cv=folds).tolist(), abs=1e-9)
    both = linear_probe_score(X, np.stack([y, -y], axis=1))
    assert both.value == pytest.approx(found.value, abs=0.05)


def test_all_scores_rank_useful_features_above_useless_ones() -> None:
    X, y = classes(90, 4, noise=0.3)
    useless = np.random.default_rng(9).normal(size=X.shape)
    for score in (logme, h_score, lambda f, t: linear_probe_score(f, t).value):
        assert score(X, y) > score(useless, y)


def test_random_labels_score_chance() -> None:
    X, _ = classes(300, 4)
    y = np.random.default_rng(3).integers(2, size=300)
    assert linear_probe_score(X, y).value == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("measure", [logme, h_score, linear_probe_score])
def test_bad_features_and_labels_are_named(measure: object) -> None:
    X, y = classes(20, 2, k=2)
    for bad in (X[:, 0], X * np.nan, X[:0]):
        with pytest.raises(ValueError, match=r"^features "):
            measure(bad, y[: len(bad)])  # type: ignore[operator]
    for labels, match in ((y[:5], "5 entries for 20 rows"), (0 * y, "single class"), (np.stack([y, y], 1), "^y ")):
        with pytest.raises(ValueError, match=match):
            measure(X, labels)  # type: ignore[operator]


@pytest.mark.parametrize("measure", [logme, linear_probe_score])
def test_bad_targets_and_tasks_are_named(measure: object) -> None:
    X, y = numbers(20, 2)
    for bad, match in ((np.ones(20), "y is constant"), (y * np.nan, "y contains NaN"), (y[:, None, None], "^y ")):
        with pytest.raises(ValueError, match=match):
            measure(X, bad)  # type: ignore[operator]
    with pytest.raises(ValueError, match="task"):
        measure(X, y, task="ranking")  # type: ignore[operator]
    with pytest.raises(ValueError, match="y contains NaN"):
        measure(X, y * np.nan, task="classification")  # type: ignore[operator]


def test_other_bad_input_is_named() -> None:
    X, y = classes(20, 2, k=2)
    with pytest.raises(ValueError, match=r"source_probabilities .* predict_proba"):
        leep(X, y)
    with pytest.raises(ValueError, match=r"source_probabilities .* predict_proba"):
        leep(np.full((20, 2), 0.4), y)
    with pytest.raises(ValueError, match="y has 3 entries for 2 rows"):
        leep(np.eye(2), [0, 1, 1])
    with pytest.raises(ValueError, match="y has 3 entries for 2 rows"):
        nce([0, 1], [0, 1, 1])
    with pytest.raises(ValueError, match="source_labels"):
        nce([], [])
    with pytest.raises(ValueError, match="source_labels must be an array"):
        nce(3, [0, 1])
    with pytest.raises(ValueError, match="shrinkage"):
        h_score(X, y, shrinkage="oas")
    with pytest.raises(ValueError, match="cv must be an integer of at least 2"):
        linear_probe_score(X, y, cv=1)
    with pytest.raises(ValueError, match=r"cv=11 folds need .* smallest class of y, got 10"):
        linear_probe_score(X, y, cv=11)
    with pytest.raises(ValueError, match="half of y, got 10"):
        linear_probe_score(X, X[:, 0], cv=11)
