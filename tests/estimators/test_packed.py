"""The packed backend under scikit-learn's own code, unmodified (law 10)."""

from __future__ import annotations

import logging
import threading
import warnings
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import BaggingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import LRScheduler
from torch import nn

from sk_warmstart import WarmStartClassifier, WarmStartRegressor
from sk_warmstart.training import PackedBackend
from sk_warmstart.training.packed._rendezvous import Rendezvous

X, y = make_classification(130, 6, n_informative=4, n_classes=3, random_state=0)


class Own(nn.Module):
    def __init__(self, n_features: int, n_outputs: int):
        super().__init__()
        self.hidden, self.out = nn.Linear(n_features, 7), nn.Linear(7, n_outputs)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.out(torch.tanh(self.hidden(X)))


class Probabilities(Own):
    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return torch.softmax(super().forward(X), -1)


class Dropping(Own):
    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.out(self.drop(torch.tanh(self.hidden(X))))

    def __init__(self, n_features: int, n_outputs: int):
        super().__init__(n_features, n_outputs)
        self.drop = nn.Dropout(0.3)


def net(**params: Any) -> WarmStartClassifier:
    defaults: dict[str, Any] = {"max_epochs": 4, "batch_size": 16, "random_state": 0, "lr": 0.01}
    if "module" not in params:
        defaults["module__hidden_layer_sizes"] = (7,)
    return WarmStartClassifier(**{**defaults, **params})


@pytest.fixture
def packs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the packs that were trained."""
    seen: list[int] = []
    lead = Rendezvous._lead

    def noted(self: Rendezvous, pack: list[Any]) -> None:
        seen.append(len(pack))
        lead(self, pack)

    monkeypatch.setattr(Rendezvous, "_lead", noted)
    return seen


def packed(n_jobs: int = 32) -> Any:
    return joblib.parallel_config(backend="packed", n_jobs=n_jobs)


@settings(max_examples=10)
@given(
    policy=st.sampled_from(["cold", "warm", "shrink_perturb"]),
    early_stopping=st.booleans(),
    standardize=st.booleans(),
    own=st.booleans(),
    weighted=st.booleans(),
    schedule=st.booleans(),
    optimizer_state=st.sampled_from(["reset", "keep"]),
    epochs=st.integers(0, 5),
)
def test_10_a_search_gives_the_same_scores(
    policy: str,
    early_stopping: bool,
    standardize: bool,
    own: bool,
    weighted: bool,
    schedule: bool,
    optimizer_state: str,
    epochs: int,
) -> None:
    module: dict[str, Any] = {"module": Own} if own else {}
    donor = net(**module, standardize=standardize).fit(X[:60], y[:60])
    estimator = net(
        **module,
        init_policy=policy,
        early_stopping=early_stopping,
        n_iter_no_change=2,
        standardize=standardize,
        max_epochs=epochs,
        optimizer_state=optimizer_state,
        warm_start_from=FrozenEstimator(donor),
        callbacks=[("schedule", LRScheduler(policy="StepLR", step_size=1, gamma=0.7))] if schedule else None,
    )
    search = GridSearchCV(
        estimator, {"lr": [1e-3, 0.02], "random_state": [0, 1]}, cv=3, scoring="neg_log_loss", refit=False
    )
    weight = np.random.default_rng(0).random(70) if weighted else None
    alone = clone(search).fit(X[60:], y[60:], sample_weight=weight).cv_results_
    with packed():
        together = clone(search).fit(X[60:], y[60:], sample_weight=weight).cv_results_
    assert np.allclose(together["mean_test_score"], alone["mean_test_score"], rtol=0, atol=1e-8)


@pytest.mark.parametrize("module", [None, Own])
def test_all_fits_of_a_search_are_one_pack_and_leave_no_trace(packs: list[int], module: Any) -> None:
    params = {} if module is None else {"module": module}
    search = GridSearchCV(net(**params), {"lr": [1e-3, 1e-2], "random_state": [0, 1, 2]}, cv=3)
    alone = clone(search).fit(X, y)
    with packed():
        together = search.fit(X, y)
    assert packs == [18]
    best, other = together.best_estimator_, alone.best_estimator_
    assert together.best_params_ == alone.best_params_
    for mine, its in zip(best.module_.parameters(), other.module_.parameters(), strict=True):
        assert torch.allclose(mine, its, atol=1e-8)


def test_what_a_member_knows_afterwards_is_what_it_would_know_alone() -> None:
    def fitted(seed: int) -> Any:
        return net(random_state=seed).fit(X, y)

    with packed(4):
        together = joblib.Parallel()(joblib.delayed(fitted)(seed) for seed in range(3))
    for seed, mine in enumerate(together):
        its = fitted(seed)
        assert mine.loss_curve_ == pytest.approx(its.loss_curve_, abs=1e-8)
        assert mine.n_iter_ == its.n_iter_
        assert [len(row["batches"]) for row in mine.history] == [len(row["batches"]) for row in its.history]
        assert [sorted(row) for row in mine.history] == [sorted(row) for row in its.history]
        states = mine.optimizer_.state_dict()["state"], its.optimizer_.state_dict()["state"]
        for i in states[1]:
            for key, value in states[1][i].items():
                assert torch.allclose(states[0][i][key], value, atol=1e-8)
        # Nothing of the pack is left: training goes on as alone.
        mine.partial_fit(X, y)
        its.partial_fit(X, y)
        assert np.allclose(mine.predict_proba(X), its.predict_proba(X), atol=1e-8)
        assert all(
            p.is_contiguous() and p.untyped_storage().nbytes() == p.nbytes for p in mine.module_.parameters()
        )


def test_pipelines_regressors_and_other_meta_estimators(packs: list[int]) -> None:
    pipe = make_pipeline(StandardScaler(), net())
    alone = cross_val_score(pipe, X, y, cv=4, scoring="neg_log_loss")
    with packed():
        assert np.allclose(cross_val_score(pipe, X, y, cv=4, scoring="neg_log_loss"), alone, atol=1e-8)
    regressor = WarmStartRegressor(max_epochs=3, random_state=0, module__hidden_layer_sizes=(5,))
    alone = cross_val_score(regressor, X, X[:, :2], cv=3)
    with packed():
        assert np.allclose(cross_val_score(regressor, X, X[:, :2], cv=3), alone, atol=1e-8)
    assert packs == [4, 3]
    bagging = BaggingClassifier(net(), n_estimators=4, n_jobs=4, random_state=0)
    rest = OneVsRestClassifier(net(), n_jobs=3)
    expected = [clone(e).fit(X, y).predict(X) for e in (bagging, rest)]
    with joblib.parallel_config(backend="packed"):
        found = [clone(e).fit(X, y).predict(X) for e in (bagging, rest)]
    assert all(np.mean(a == b) > 0.98 for a, b in zip(found, expected, strict=True))


def test_other_estimators_run_as_ever() -> None:
    with packed(4):
        scores = cross_val_score(LogisticRegression(), X, y, cv=4)
    assert np.array_equal(scores, cross_val_score(LogisticRegression(), X, y, cv=4))


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"module__norm": "batch"}, "buffers"),
        ({"optimizer": torch.optim.RMSprop}, "SGD, Adam and AdamW"),
        ({"module": Probabilities, "criterion": nn.NLLLoss}, "logarithms"),
    ],
)
def test_what_cannot_be_packed_runs_alone_and_says_why(
    params: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    estimator = net(**params)
    alone = cross_val_score(estimator, X, y, cv=3, scoring="neg_log_loss")
    with packed(), caplog.at_level(logging.INFO, "sk_warmstart"):
        together = cross_val_score(estimator, X, y, cv=3, scoring="neg_log_loss")
    assert reason in caplog.text
    assert np.allclose(together, alone, atol=1e-12)


@pytest.mark.parametrize("module", [None, Dropping])
def test_members_with_dropout_are_packed_and_draw_the_same_again(packs: list[int], module: Any) -> None:
    params: dict[str, Any] = {"module__dropout": 0.3} if module is None else {"module": module}
    found = []
    for _ in range(2):
        with packed():
            found.append(cross_val_score(net(**params, max_epochs=20), X, y, cv=3, scoring="neg_log_loss"))
    assert packs == [3, 3]
    assert np.array_equal(found[0], found[1])
    alone = cross_val_score(net(**params, max_epochs=20), X, y, cv=3, scoring="neg_log_loss")
    assert np.abs(found[0] - alone).max() < 0.3


def test_a_fit_that_fails_fails_alone() -> None:
    grid = {"lr": [0.01, 1e30], "random_state": [0, 1]}
    search = GridSearchCV(
        net(optimizer=torch.optim.SGD, optimizer__momentum=0.9, max_epochs=6), grid, cv=3, refit=False
    )
    with packed(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that some fits failed, and that their scores are no numbers
        search.fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores[:2]).all()
    assert np.isnan(scores[2:]).all()


class LooksUp(nn.Module):
    def __init__(self, n_outputs: int, dropout: float = 0.0):
        super().__init__()
        self.entries, self.drop, self.out = nn.Embedding(8, 4), nn.Dropout(dropout), nn.Linear(4, n_outputs)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.out(self.drop(self.entries(X).mean(1)))


def fails_at_a_seven(X: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    if 7 in X:
        raise ValueError("a seven is out of the question")
    return torch.where(torch.rand(X.shape, generator=generator) < 0.1, torch.zeros_like(X), X)


def test_an_augmentation_that_makes_no_numbers_fails_as_it_does_alone() -> None:
    search = GridSearchCV(net(augment=lambda rows, generator: rows * np.nan), {"lr": [0.01, 0.02]}, cv=3)
    with packed(), pytest.raises(ValueError, match="augment must return finite numbers"):
        clone(search).set_params(error_score="raise").fit(X, y)
    with packed(), pytest.raises(ValueError, match="All the 6 fits failed"):
        search.fit(X, y)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize(("bad", "augment"), [(8, None), (-1, None), (7, fails_at_a_seven)])
def test_rows_that_fail_in_training_fail_alone_in_the_words_of_a_fit_alone(
    packs: list[int], caplog: pytest.LogCaptureFixture, bad: int, augment: Any, dropout: float
) -> None:
    """Rows held out hide them from the look at the start; the others learn what they learn without them."""
    tokens = np.random.default_rng(0).integers(0, 7, (120, 5))

    def task(i: int) -> Any:
        X = tokens[i:].copy()
        if i == 2:
            X[:, 1] = bad
        estimator = net(
            module=LooksUp, module__dropout=dropout, random_state=i, dtype="float64", augment=augment,
            max_epochs=3, callbacks=[("schedule", LRScheduler(policy="StepLR", step_size=1, gamma=0.7))],
        )  # fmt: skip
        valid = (tokens[:10], y[:10])
        try:
            fitted = estimator.fit(X, y[i:120], X_val=valid[0], y_val=valid[1])
        except ValueError as error:
            return str(error)
        return fitted.history[:, ("train_loss", "valid_loss", "event_lr", "epoch")]

    alone = [task(i) for i in range(5)]
    assert isinstance(alone[2], str)
    with packed(), caplog.at_level(logging.INFO, "sk_warmstart"):
        together = joblib.Parallel()(joblib.delayed(task)(i) for i in range(5))
    assert packs == [5]
    assert "part ways" in caplog.text
    for i in range(5):
        if i == 2:
            assert together[i] == alone[i]
        else:
            np.testing.assert_allclose(together[i], alone[i], atol=0.2 if dropout else 1e-9)


def test_what_failed_in_a_pack_only_trains_to_its_end_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pack may take more memory than there is."""
    alone = cross_validate(net(module=Own), X, y, cv=4, scoring="neg_log_loss", return_estimator=True)

    def fails(*args: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr("sk_warmstart.training.packed._data.PackData.epoch", fails)
    with packed():
        together = cross_validate(net(module=Own), X, y, cv=4, scoring="neg_log_loss", return_estimator=True)
    np.testing.assert_array_equal(together["test_score"], alone["test_score"])
    for one, other in zip(together["estimator"], alone["estimator"], strict=True):
        assert one.history[:, ("epoch", "train_loss")] == other.history[:, ("epoch", "train_loss")]


def test_early_stoppers_leave_and_the_others_go_on(packs: list[int]) -> None:
    estimator = net(early_stopping=True, max_epochs=40, n_iter_no_change=2)
    found = {}
    for name in ("alone", "together"):
        config = packed() if name == "together" else joblib.parallel_config(n_jobs=None)
        with config:
            results = cross_validate(
                GridSearchCV(estimator, {"lr": [1e-3, 0.1], "random_state": [0, 1]}, cv=2), X, y, cv=2,
                return_estimator=True,
            )  # fmt: skip
        found[name] = [e.best_estimator_.n_iter_ for e in results["estimator"]]
    assert found["alone"] == found["together"]
    assert len(packs) > 0


def test_a_parallel_call_that_is_interrupted_ends() -> None:
    started = threading.Event()

    def waits(i: int) -> Any:
        if i:
            started.wait(20)
            raise KeyboardInterrupt
        started.set()
        return net(max_epochs=10_000_000).fit(X, y)

    with packed(2), pytest.raises(KeyboardInterrupt):
        joblib.Parallel()(joblib.delayed(waits)(i) for i in range(2))


def test_the_backend_is_registered_by_importing_the_library() -> None:
    with packed(2):
        assert isinstance(joblib.parallel.get_active_backend()[0], PackedBackend)
    assert joblib.Parallel(n_jobs=1, backend="packed")(joblib.delayed(abs)(-1) for _ in range(2)) == [1, 1]


@pytest.mark.slow
def test_a_thousand_mixed_tasks_finish() -> None:
    def task(i: int) -> float:
        kind = i % 5
        if kind == 0:
            return cross_val_score(LogisticRegression(), X, y, cv=2).mean()
        if kind == 1:
            try:
                net().fit(X, np.full(len(X), np.nan))
            except ValueError:
                return 0.0
        if kind == 2:
            search = GridSearchCV(net(max_epochs=1), {"lr": [1e-3, 1e-2]}, cv=2, n_jobs=2)
            return search.fit(X[:40], y[:40]).best_score_
        module: dict[str, Any] = {"module": Own} if kind == 3 else {"module__hidden_layer_sizes": (3 + i % 3,)}
        return net(**module, max_epochs=1 + i % 3).fit(X[: 40 + i % 7], y[: 40 + i % 7]).score(X, y)

    with packed(16):
        scores = joblib.Parallel()(joblib.delayed(task)(i) for i in range(1000))
    assert len(scores) == 1000
    assert np.isfinite(scores).all()
