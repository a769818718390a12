"""Tests of two samples: by loops, against scikit-learn and SciPy, and where nothing differs."""

from __future__ import annotations

import math
from itertools import combinations
from statistics import median

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_warmstart.diagnostics import classifier_two_sample, mmd


def samples(n: int, m: int, shift: float = 0.0, seed: int = 0, d: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(loc=shift, size=(m, d))


def mmd_by_loops(a: np.ndarray, b: np.ndarray, bandwidth: float | None = None) -> float:
    rows = [*a, *b]

    def apart(x: np.ndarray, y: np.ndarray) -> float:
        return math.sqrt(sum((float(p) - float(q)) ** 2 for p, q in zip(x, y, strict=True)))

    sigma = bandwidth or median(apart(x, y) for i, x in enumerate(rows) for y in rows[:i] if apart(x, y) > 0)

    def k(x: np.ndarray, y: np.ndarray) -> float:
        return math.exp(-(apart(x, y) ** 2) / (2 * sigma**2))

    n, m = len(a), len(b)
    within_a = sum(k(a[i], a[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    within_b = sum(k(b[i], b[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return within_a + within_b - 2 * sum(k(x, y) for x in a for y in b) / (n * m)


@pytest.mark.parametrize("bandwidth", [None, 0.7])
def test_mmd_by_loops(bandwidth: float | None) -> None:
    a, b = samples(9, 13, shift=0.5)
    found = mmd(a, b, bandwidth=bandwidth)
    assert found.value == pytest.approx(mmd_by_loops(a, b, bandwidth), abs=1e-9)
    assert mmd(torch.from_numpy(a), torch.from_numpy(b), bandwidth=bandwidth) == found


def test_mmd_p_value_is_that_of_all_assignments() -> None:
    a, b = samples(4, 4, shift=1.0)
    pooled = np.concatenate([a, b])
    value = mmd_by_loops(a, b)
    values = []
    for chosen in combinations(range(8), 4):
        rest = [i for i in range(8) if i not in chosen]
        values.append(mmd_by_loops(pooled[list(chosen)], pooled[rest]))
    exact = np.mean([other >= value - 1e-12 for other in values])
    assert mmd(a, b, n_permutations=20_000).p_value == pytest.approx(exact, abs=0.02)


@given(st.integers(0, 1000))
def test_mmd_ignores_order_and_sees_no_direction(seed: int) -> None:
    a, b = samples(6, 9, shift=0.3, seed=seed)
    value = mmd(a, b, n_permutations=1).value
    assert mmd(a[::-1], b[::-1], n_permutations=1).value == pytest.approx(value, abs=1e-12)
    assert mmd(b, a, n_permutations=1).value == pytest.approx(value, abs=1e-12)
    assert mmd(3 * a + 1, 3 * b + 1, n_permutations=1).value == pytest.approx(value, abs=1e-9)


def test_mmd_of_equal_rows() -> None:
    same = np.ones((5, 2))
    found = mmd(same, same)
    assert found.value == pytest.approx(0, abs=1e-12)
    assert found.p_value == 1


def test_mmd_is_calibrated_and_has_power() -> None:
    null = [mmd(*samples(20, 30, seed=seed), n_permutations=99).p_value for seed in range(200)]
    assert np.mean(np.array(null) <= 0.1) == pytest.approx(0.1, abs=0.06)
    assert np.mean(null) == pytest.approx(0.5, abs=0.08)
    assert mmd(*samples(40, 40, shift=1.5)).p_value == pytest.approx(1 / 501)


@pytest.mark.parametrize("metric", ["auc", "accuracy"])
def test_classifier_against_scikit_learn(metric: str) -> None:
    a, b = samples(60, 90, shift=0.4)
    model = LogisticRegression()
    found = classifier_two_sample(a, b, classifier=model, metric=metric, test_size=0.4, rng=3)
    X, y = np.concatenate([a, b]), np.array([0] * 60 + [1] * 90)
    rng = np.random.RandomState(3)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=rng)
    fitted = LogisticRegression().fit(X_train, y_train)
    score = fitted.decision_function(X_test)
    if metric == "auc":
        assert found.value == pytest.approx(roc_auc_score(y_test, score), abs=1e-9)
        n, m = np.bincount(y_test)
        spread = math.sqrt((n + m + 1) / (12 * n * m))
        # The normal limit of the rank sum, with half a pair's continuity correction.
        z = (found.value - 0.5 - 0.5 / (n * m)) / spread
        assert found.p_value == pytest.approx(1 - stats.norm.cdf(z), abs=1e-3)
    else:
        right = accuracy_score(y_test, fitted.predict(X_test))
        assert found.value == pytest.approx(right, abs=1e-9)
        tail = sum(math.comb(60, k) * 0.6**k * 0.4 ** (60 - k) for k in range(round(right * 60), 61))
        assert found.p_value == pytest.approx(tail, abs=1e-9)
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize("metric", ["auc", "accuracy"])
def test_classifier_is_calibrated(metric: str) -> None:
    model = LogisticRegression()
    p_values = np.array(
        [
            classifier_two_sample(*samples(40, 60, seed=s), classifier=model, metric=metric).p_value
            for s in range(300)
        ]
    )
    # Against the larger share the accuracy's test errs to the safe side.
    assert np.mean(p_values <= 0.1) < 0.15
    if metric == "auc":
        assert p_values.mean() == pytest.approx(0.5, abs=0.06)


def test_the_default_classifier_sees_more_than_means() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(150, 2)), 3 * rng.normal(size=(150, 2))
    assert classifier_two_sample(a, b).p_value < 1e-4
    assert classifier_two_sample(a, b, metric="accuracy").p_value < 1e-4
    alike = classifier_two_sample(a, rng.normal(size=(150, 2)))
    assert alike.p_value > 0.05
    assert alike.value == pytest.approx(0.5, abs=0.15)


def test_a_classifier_that_learns_nothing() -> None:
    found = classifier_two_sample(*samples(10, 20), classifier=DummyClassifier())
    assert found == (0.5, 1.0)
    share = classifier_two_sample(*samples(10, 20), classifier=DummyClassifier(), metric="accuracy")
    assert share.value == pytest.approx(2 / 3)
    assert share.p_value > 0.5


@pytest.mark.parametrize("measure", [mmd, classifier_two_sample])
def test_random_numbers_come_from_rng_only(measure: object) -> None:
    a, b = samples(15, 15, shift=0.3)
    copies = a.copy(), b.copy()
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    assert measure(a, b) == measure(a, b, rng=0)  # type: ignore[operator]
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    assert (a == copies[0]).all()
    assert (b == copies[1]).all()


def test_a_classifier_without_a_seed_is_seeded_deep_down() -> None:
    a, b = samples(30, 30, shift=0.3)
    model = make_pipeline(StandardScaler(), SGDClassifier(max_iter=5, tol=None))
    assert classifier_two_sample(a, b, classifier=model) == classifier_two_sample(a, b, classifier=model)
    assert model[-1].random_state is None


@pytest.mark.parametrize("measure", [mmd, classifier_two_sample])
def test_bad_samples_are_named(measure: object) -> None:
    good = np.random.default_rng(0).normal(size=(10, 2))
    missing = [np.full((10, 2), np.nan)] if measure is mmd else []  # trees can do with them
    for bad in (good[:, 0], good[:1], *missing, np.full((10, 2), np.inf), good.astype(str) + "x"):
        with pytest.raises(ValueError, match=r"^a "):
            measure(bad, good)  # type: ignore[operator]
        with pytest.raises(ValueError, match=r"^b "):
            measure(good, bad)  # type: ignore[operator]
    with pytest.raises(ValueError, match="same columns, got 2 and 1"):
        measure(good, good[:, :1])  # type: ignore[operator]


def test_bad_settings_are_named() -> None:
    a, b = samples(10, 10)
    for bandwidth in (0, -1, math.inf):
        with pytest.raises(ValueError, match="bandwidth"):
            mmd(a, b, bandwidth=bandwidth)
    with pytest.raises(ValueError, match="n_permutations"):
        mmd(a, b, n_permutations=0)
    with pytest.raises(ValueError, match="metric"):
        classifier_two_sample(a, b, metric="f1")
    for test_size in (0, 1, 0.01, 0.99):
        with pytest.raises(ValueError, match="test_size"):
            classifier_two_sample(a, b, test_size=test_size)
