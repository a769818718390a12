"""The laws of warm starting (design, section 10), as properties."""

from __future__ import annotations

import copy
import pickle
import sys
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sk_warmstart import WarmStartClassifier, WarmStartRegressor
from sk_warmstart.policies import Interpolate, ShrinkPerturb, policy_names
from sk_warmstart.state import NetState, row_ids
from sk_warmstart.state.rows._identity import validation_mask

LABELS = {
    "int": np.array([3, 7, 11]),
    "str": np.array(["ant", "bee", "cat"]),
    "object": np.array(["x", "yy", "zzz"], dtype=object),
    "bool": np.array([False, True]),
    "float": np.array([0.0, 1.0, 2.0]),
}
NORMS = [None, "batch", "layer"]


def data(seed: int, n: int = 60, n_features: int = 5, n_classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features))
    codes = (X[:, 0] + 0.3 * rng.normal(size=n) > 0).astype(int) + (n_classes > 2) * (X[:, 1] > 0.5)
    codes[:n_classes] = range(n_classes)
    return X, codes


def small(**params: Any) -> WarmStartClassifier:
    defaults: dict[str, Any] = {
        "module__hidden_layer_sizes": (8,),
        "max_epochs": 3,
        "batch_size": 16,
        "random_state": 0,
    }
    return WarmStartClassifier(**{**defaults, **params})


def state(net: Any) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in net.module_.state_dict().items()}


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def moments(net: Any) -> list[torch.Tensor]:
    return [value for entry in net.optimizer_.state_dict()["state"].values() for value in entry.values()]


def same_moments(a: Any, b: Any) -> bool:
    left, right = moments(a), moments(b)
    return len(left) == len(right) and all(torch.equal(x, y) for x, y in zip(left, right, strict=True))


# ------------------------------------------------------------------ law 1


@given(
    kind=st.sampled_from(sorted(LABELS)),
    seed=st.integers(0, 1000),
    subset=st.integers(1, 3),
    norm=st.sampled_from(NORMS),
    keep=st.sampled_from(["reset", "keep", "mask"]),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_1_a_warm_fit_of_zero_epochs_leaves_predictions_bit_identical(
    kind: str, seed: int, subset: int, norm: str | None, keep: str, dtype: str
) -> None:
    labels = LABELS[kind]
    X, codes = data(seed, n_classes=len(labels))
    X = X.astype(dtype)
    net = small(module__norm=norm, warm_start=True, optimizer_state=keep).fit(X, labels[codes])
    before, classes = net.predict_proba(X), net.classes_
    rng = np.random.default_rng(seed + 1)
    known = rng.permutation(labels)[:subset]
    rows = rng.permutation(np.flatnonzero(np.isin(labels[codes], known)))
    net.set_params(max_epochs=0).fit(X[rows], labels[codes][rows])
    assert np.array_equal(net.predict_proba(X), before)
    assert np.array_equal(net.classes_, classes)
    assert net.n_iter_ == 0


def test_1_also_for_regression_with_several_columns_and_another_dtype_of_x() -> None:
    X, _ = data(0)
    Y = np.c_[X[:, 0], X[:, 1] * 3]
    net = WarmStartRegressor(warm_start=True, max_epochs=3, random_state=0).fit(X, Y)
    before = net.predict(X)
    net.set_params(max_epochs=0).fit(X[:20].astype(np.float32), Y[:20])
    assert np.array_equal(net.predict(X), before)


def test_1_also_from_a_donor_in_a_pipeline() -> None:
    X, y = data(0)
    donor = make_pipeline(StandardScaler(), small()).fit(X, y)
    scaled = donor[:-1].transform(X)
    net = small(max_epochs=0, warm_start_from=FrozenEstimator(donor), random_state=1).fit(scaled[::-1], y[::-1])
    assert np.array_equal(net.predict_proba(scaled), donor.predict_proba(X))


# ------------------------------------------------------------------ law 2


@given(
    seed=st.integers(0, 1000),
    norm=st.sampled_from(NORMS),
    dropout=st.sampled_from([0.0, 0.3]),
    warm_start=st.booleans(),
    early=st.booleans(),
    state_mode=st.sampled_from(["reset", "keep", "mask"]),
)
def test_2_cold_refit_equals_a_fresh_clone_bit_for_bit(
    seed: int, norm: str | None, dropout: float, warm_start: bool, early: bool, state_mode: str
) -> None:
    (A, a), (B, b) = data(seed), data(seed + 1, n=70, n_features=4)
    policy = "cold" if warm_start else "warm"
    net = small(
        module__norm=norm,
        module__dropout=dropout,
        init_policy=policy,
        warm_start=warm_start,
        early_stopping=early,
        validation_fraction=0.3,
        random_state=seed,
        optimizer_state=state_mode,
    )
    fresh = clone(net).fit(B, b)
    again = net.fit(A, a).fit(B, b)
    assert equal(state(again), state(fresh))
    assert same_moments(again, fresh)
    assert moments(fresh) or early  # where the start was best, its empty optimiser came back with it
    assert again.loss_curve_ == fresh.loss_curve_
    assert len(again.history) == len(fresh.history)
    # Random numbers too: what comes after is the same.
    assert equal(state(again.partial_fit(B, b)), state(fresh.partial_fit(B, b)))


def test_2_the_global_generators_are_neither_used_nor_moved() -> None:
    X, y = data(0)
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 - the global generator is the subject
    before, before_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    one = small(module__dropout=0.5, warm_start=True, init_policy="shrink_perturb").fit(X, y).fit(X, y)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], before_numpy)  # noqa: NPY002
    torch.manual_seed(2)
    two = small(module__dropout=0.5, warm_start=True, init_policy="shrink_perturb").fit(X, y).fit(X, y)
    assert equal(state(one), state(two))


# ------------------------------------------------------------------ law 3


@given(
    n=st.integers(1, 5),
    seed=st.integers(0, 1000),
    dropout=st.sampled_from([0.0, 0.3]),
    norm=st.sampled_from(NORMS),
    optimizer=st.sampled_from([torch.optim.AdamW, torch.optim.SGD, torch.optim.Adam]),
    weighted=st.booleans(),
)
def test_3_n_partial_fits_equal_one_fit_of_n_epochs(
    n: int, seed: int, dropout: float, norm: str | None, optimizer: Any, weighted: bool
) -> None:
    X, y = data(seed)
    weight = np.random.default_rng(seed).random(len(X)) if weighted else None
    net = small(module__dropout=dropout, module__norm=norm, optimizer=optimizer, random_state=seed, max_epochs=n)
    if optimizer is torch.optim.SGD:
        net.set_params(optimizer__momentum=0.9)
    whole = clone(net).fit(X, y, sample_weight=weight)
    for _ in range(n):
        net.partial_fit(X, y, classes=[0, 1, 2], sample_weight=weight)
        net.predict(X)  # looking at it changes nothing
    assert equal(state(net), state(whole))
    assert same_moments(net, whole)
    assert moments(net) or optimizer is torch.optim.SGD
    assert [row["train_loss"] for row in net.history] == [row["train_loss"] for row in whole.history]


def test_3_also_for_regression_and_after_a_fit_and_a_pickle() -> None:
    X, _ = data(0)
    y = X[:, 0]
    whole = WarmStartRegressor(max_epochs=5, random_state=0).fit(X, y)
    parts = WarmStartRegressor(max_epochs=2, random_state=0).fit(X, y)
    parts = pickle.loads(pickle.dumps(parts.partial_fit(X, y)))
    parts.partial_fit(X, y).partial_fit(X, y)
    assert equal(state(parts), state(whole))


# ------------------------------------------------------------------ law 4


def test_4_an_equal_value_never_touches_weights() -> None:
    X, y = data(0)
    net = small().fit(X, y)
    module, optimizer, before = net.module_, net.optimizer_, state(net)
    net.set_params(**net.get_params(deep=False))
    for name in ("module__hidden_layer_sizes", "batch_size", "lr", "criterion", "init_policy", "warm_start"):
        net.set_params(**{name: net.get_params()[name]})
    assert net.module_ is module
    assert net.optimizer_ is optimizer
    assert equal(state(net), before)


@given(sizes=st.lists(st.integers(1, 6), min_size=0, max_size=3).map(tuple))
def test_4_a_changed_architecture_raises_or_fits_and_is_never_ignored(sizes: tuple[int, ...]) -> None:
    X, y = data(0)
    net = small(module__hidden_layer_sizes=(4,), warm_start=True).fit(X, y)
    before = net.predict_proba(X)
    net.set_params(module__hidden_layer_sizes=sizes)
    assert np.array_equal(net.predict_proba(X), before)
    if sizes == (4,):
        net.fit(X, y)
        return
    with pytest.raises(ValueError, match="does not fit the network's architecture"):
        net.fit(X, y)
    with pytest.raises(ValueError, match=r"module__hidden_layer_sizes changed since the network was built"):
        net.partial_fit(X, y)
    assert np.array_equal(net.predict_proba(X), before)
    net.set_params(init_policy="cold").fit(X, y)
    built = [layer.out_features for layer in net.module_.hidden if isinstance(layer, nn.Linear)]
    assert built == list(sizes)


# ------------------------------------------------------------------ law 7, on estimators


@pytest.mark.parametrize("norm", NORMS)
def test_7_ends_of_the_lines_are_warm_and_cold_fits(norm: str | None) -> None:
    (A, a), (B, b) = data(0), data(1)

    def fitted(policy: Any) -> Any:
        net = small(module__norm=norm, warm_start=True, init_policy=policy).fit(A, a)
        return net.fit(B, b)

    warm, cold = fitted("warm"), fitted("cold")
    for policy in (ShrinkPerturb(1, 0, buffers="keep"), Interpolate(0)):
        assert equal(state(fitted(policy)), state(warm))
    for policy in (ShrinkPerturb(0, 1), Interpolate(1)):
        assert equal(state(fitted(policy)), state(cold))
    assert not equal(state(warm), state(cold))


def test_7_fresh_draws_are_independent_of_the_original_and_of_each_other() -> None:
    X, y = data(0)
    net = small(max_epochs=0, warm_start=True, init_policy=ShrinkPerturb(0, 1, buffers="keep")).fit(X, y)
    draws = [state(net)["hidden.0.weight"]]
    for _ in range(2):
        draws.append(state(net.fit(X, y))["hidden.0.weight"])
    assert not torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[1], draws[2])
    net.set_params(init_policy=ShrinkPerturb(0, 1, noise="original", buffers="keep")).fit(X, y)
    assert torch.equal(state(net)["hidden.0.weight"], draws[0])


# ------------------------------------------------------------------ law 8


@settings(max_examples=10)
@given(
    seed=st.integers(0, 1000),
    steps=st.lists(st.integers(30, 120), min_size=2, max_size=3),
    named=st.booleans(),
    shuffled=st.booleans(),
    policy=st.sampled_from(["cold", "warm", "shrink_perturb"]),
)
def test_8_validation_rows_never_trained(
    seed: int, steps: list[int], named: bool, shuffled: bool, policy: str
) -> None:
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 4, size=(120, 4)).astype(float)  # many equal rows: they are one row
    y = rng.permutation(np.arange(120) % 3)
    columns = [f"c{i}" for i in range(4)]
    seen: list[tuple[set[int], set[int]]] = []

    class Spy(WarmStartClassifier):
        def get_split_datasets(self, *args: Any, **kwargs: Any) -> Any:
            train, valid = super().get_split_datasets(*args, **kwargs)
            sides = [set(row_ids(side.X.numpy(), columns if named else None).tolist()) for side in (train, valid)]
            seen.append((sides[0], sides[1]))
            return train, valid

    net = Spy(
        early_stopping=True,
        validation_fraction=0.3,
        warm_start=True,
        init_policy=policy,
        max_epochs=1,
        module__hidden_layer_sizes=(4,),
    )
    for k, n in enumerate(steps):
        rows = rng.permutation(120)[:n] if shuffled else np.arange(n)
        net.set_params(random_state=seed + k).fit(_frame(X[rows], columns) if named else X[rows], y[rows] * 1)
    trained: set[int] = set()
    for train, valid in seen:
        trained |= train
        assert valid
        assert not valid & trained


def _frame(X: np.ndarray, columns: list[str]) -> Any:
    import pandas as pd

    return pd.DataFrame(X, columns=columns)


def test_8_sample_id_holds_a_row_to_its_side_when_its_content_moves() -> None:
    X, y = data(0, n=200)
    ids = np.arange(200)
    sides = []

    class Spy(WarmStartClassifier):
        def get_split_datasets(self, *args: Any, **kwargs: Any) -> Any:
            train, valid = super().get_split_datasets(*args, **kwargs)
            sides.append(len(valid))
            return train, valid

    net = Spy(early_stopping=True, max_epochs=1, validation_fraction=0.25)
    for shift in (0.0, 10.0):
        net.fit(X + shift, y, sample_id=ids)
    from sk_warmstart.state import sample_ids

    assert sides == [int(validation_mask(sample_ids(ids), 0.25).sum())] * 2


# ------------------------------------------------------------------ law 9


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sk_warmstart.policies.PlainShrinkWarning")  # no direction helps
@pytest.mark.parametrize(
    ("source", "policy"),
    [("none", "warm"), ("frozen pipeline", "warm"), *(("frozen", policy) for policy in policy_names())],
)
def test_9_random_labels_score_chance(source: str, policy: str) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(900, 20)), rng.integers(0, 2, 900)
    held = X[600:], y[600:]  # the donor's own rows
    net = small(init_policy=policy, max_epochs=20, module__hidden_layer_sizes=(32,), lr=0.02, batch_size=64)
    if source != "none":
        donor = clone(net).set_params(init_policy="warm")
        fitted = (make_pipeline(StandardScaler(), donor) if "pipeline" in source else donor).fit(*held)
        net.set_params(warm_start_from=FrozenEstimator(fitted))
    scores = cross_val_score(net, X[:600], y[:600], cv=5)
    assert abs(scores.mean() - 0.5) < 4 * 0.5 / 600**0.5
    assert net.fit(X[:600], y[:600]).score(X[:600], y[:600]) > 0.65  # it could have learned them


# ------------------------------------------------------------------ law 11


def test_11_a_partial_fit_costs_the_same_however_many_came_before() -> None:
    X, y = data(0, n=4)
    net = small(module__norm="batch")

    def operations() -> int:
        count = 0

        def tick(frame: Any, event: str, arg: Any) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(tick)
        try:
            net.partial_fit(X, y)
        finally:
            sys.setprofile(None)
        return count

    net.partial_fit(X, y, classes=[0, 1, 2]).partial_fit(X, y)
    early = operations()
    for _ in range(1200):
        net.partial_fit(X, y)
    late = operations()
    assert late <= early * 1.05
    assert len(net.history) == 1000
    assert net.history[-1]["epoch"] == 1204
    assert len(pickle.dumps(net.history)) < 300_000


# ------------------------------------------------------------------ law 12


def test_12_a_template_is_never_changed() -> None:
    X, y = data(0)
    template = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3)).double()
    criterion = nn.CrossEntropyLoss()
    before = {name: tensor.clone() for name, tensor in template.state_dict().items()}
    net = WarmStartClassifier(template, criterion=criterion, max_epochs=2, warm_start=True, random_state=0)
    first = state(net.fit(X, y))
    net.fit(X, y).partial_fit(X, y)
    assert net.module is template
    assert equal(dict(template.state_dict()), before)
    assert template.training
    assert not equal(first, before)
    again = clone(net).set_params(warm_start=False)
    assert equal(state(again.fit(X, y)), first)
    assert equal(state(again.fit(X, y)), first)


def test_12_a_donor_is_never_changed_and_travels_whole() -> None:
    X, y = data(0)
    donor = small(module__norm="batch").fit(X, y)
    before, predictions = state(donor), donor.predict_proba(X)
    net = small(module__norm="batch", max_epochs=0, warm_start_from=FrozenEstimator(donor))
    start = state(clone(net).fit(X, y))
    assert equal(start, before)
    clone(net).set_params(max_epochs=3, init_policy="shrink_perturb").fit(X, y).partial_fit(X, y)
    assert equal(state(donor), before)
    assert np.array_equal(donor.predict_proba(X), predictions)
    for twin in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        assert equal(state(twin.fit(X, y)), start)
    in_workers = joblib.Parallel(n_jobs=2)(joblib.delayed(_start_in_worker)(net, X, y) for _ in range(2))
    assert all(equal(worker, start) for worker in in_workers)


def _start_in_worker(net: Any, X: np.ndarray, y: np.ndarray) -> dict[str, torch.Tensor]:
    net.fit(X, y)
    return dict(NetState.from_module(net.module_))
