"""Classes by label, columns by name: laws 1, 5 and 6 with ``schema="adapt"``."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from skorch.callbacks import LRScheduler
from torch import nn

from sk_warmstart import WarmStartClassifier, WarmStartRegressor

rng = np.random.default_rng(0)
LABELS: dict[str, Any] = {
    "int": np.array([-3, 0, 7, 12, 40]),
    "uint": np.array([1, 2, 3, 2**63, 2**64 - 1], dtype=np.uint64),
    "str": np.array(["a", "bb", "c", "ddd", "e"]),
    "object": np.array(["a", "bb", "c", "ddd", "e"], dtype=object),
    "float": np.array([0.0, 1.0, 2.0, 3.0, 5.0]),
    "date": np.array(["2026-01-01", "2026-02-01", "2026-03-01", "2027-01-01", "2028-01-01"], dtype="M8[D]"),
}
NAMES = ["a", "b", "c", "d", "e", "f"]


def net(**params: Any) -> WarmStartClassifier:
    defaults: dict[str, Any] = {
        "module__hidden_layer_sizes": (8,),
        "max_epochs": 3,
        "batch_size": 16,
        "random_state": 0,
        "schema": "adapt",
        "warm_start": True,
    }
    return WarmStartClassifier(**{**defaults, **params})


def frame(columns: list[str], n: int = 40, seed: int = 0, dtype: Any = np.float64) -> pd.DataFrame:
    """Each column has its own numbers, whatever the order."""
    table = {name: np.random.default_rng([seed, ord(name)]).normal(size=n).astype(dtype) for name in columns}
    return pd.DataFrame(table)[columns]


def moments(fitted: Any, name: str, moment: str = "exp_avg") -> torch.Tensor:
    parameter = dict(fitted.module_.named_parameters())[name]
    return fitted.optimizer_.state[parameter][moment]


@given(
    kind=st.sampled_from(sorted(LABELS)),
    old=st.permutations(range(5)),
    new=st.lists(st.integers(0, 4), min_size=1, max_size=5, unique=True),
    n_old=st.integers(1, 5),
    optimizer_state=st.sampled_from(["keep", "mask"]),
)
def test_5_classes_are_kept_by_label_and_never_fewer(
    kind: str, old: list[int], new: list[int], n_old: int, optimizer_state: str
) -> None:
    labels = LABELS[kind]
    X = rng.normal(size=(40, 4))
    before = net(optimizer_state=optimizer_state).fit(X, labels[np.resize(old[:n_old], 40)])
    known, weight = before.classes_.copy(), before.module_.output.weight.detach().clone()
    average = moments(before, "output.weight").clone()
    logits = before.forward(X).numpy()
    kept = before.predict_proba(X)
    before.set_params(max_epochs=0).fit(X, labels[np.resize(new, 40)])
    after = before
    assert set(after.classes_) == set(labels[old[:n_old]]) | set(labels[new])
    assert np.array_equal(after.classes_, np.sort(after.classes_))
    assert after.predict_proba(X).shape == (40, len(after.classes_))
    places = np.flatnonzero(np.isin(after.classes_, known, kind="sort"))
    assert torch.equal(after.module_.output.weight[places], weight)
    assert torch.equal(moments(after, "output.weight")[places], average)
    assert set(after.start_.classes_added) == set(after.classes_) - set(known)
    assert not any(isinstance(label, np.number | np.str_) for label in after.start_.classes_added)
    unseen = np.setdiff1d(np.arange(len(after.classes_)), places)
    assert not moments(after, "output.weight")[unseen].any()
    # Among the known classes the odds are as before; bit for bit where no class came.
    assert np.allclose(softmax(after.forward(X).numpy()[:, places], 1), softmax(logits, 1), atol=1e-12)
    if not len(unseen):
        assert np.array_equal(after.predict_proba(X), kept)


@given(seed=st.integers(0, 99))
def test_5_new_classes_begin_with_the_fresh_draw(seed: int) -> None:
    X = rng.normal(size=(30, 3))
    first = net(random_state=seed, max_epochs=0).fit(X, np.resize([0, 2], 30))
    second = first.fit(X, np.resize([0, 1, 2], 30))
    row = second.module_.output.weight[1]
    assert row.abs().sum() > 0
    assert not (row == second.module_.output.weight[0]).all()


def test_strict_raises_and_nothing_is_lost() -> None:
    X = frame(["a", "b"])
    fitted = net(schema="strict").fit(X, np.resize(["x", "y"], 40))
    before = fitted.predict_proba(X)
    with pytest.raises(ValueError, match="same classes as in the previous call to fit"):
        fitted.fit(X, np.resize(["x", "z"], 40))
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.fit(frame(["a", "c"]), np.resize(["x", "y"], 40))
    with pytest.raises(ValueError, match=r"has 1 features|feature names should match"):
        fitted.fit(frame(["a"]), np.resize(["x", "y"], 40))
    assert np.array_equal(fitted.predict_proba(X), before)


def test_labels_of_another_kind_are_an_error() -> None:
    X = rng.normal(size=(40, 3))
    fitted = net().fit(X, np.resize([0, 1], 40))
    with pytest.raises(ValueError, match="labels of another kind"):
        fitted.fit(X, np.resize(["x", "y"], 40))
    assert fitted.predict(X).dtype.kind == "i"


@given(
    old=st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True),
    new=st.permutations(NAMES),
    n_new=st.integers(1, 6),
    dtype=st.sampled_from([np.float32, np.float64]),
    norm=st.sampled_from([None, "batch", "layer"]),
    hidden=st.sampled_from([(8,), (), (6, 5)]),
    optimizer=st.sampled_from([torch.optim.AdamW, torch.optim.RMSprop]),
)
def test_6_columns_follow_their_names(
    old: list[str], new: list[str], n_new: int, dtype: Any, norm: Any, hidden: Any, optimizer: Any
) -> None:
    columns = new[:n_new]
    y = np.resize([0, 1, 2], 40)
    params = {"module__norm": norm, "module__hidden_layer_sizes": hidden, "optimizer": optimizer}
    fitted = net(optimizer_state="keep", **params).fit(frame(old, dtype=dtype), y)
    first = next(name for name, _ in fitted.module_.named_parameters() if name.endswith("weight"))
    moment = "exp_avg" if optimizer is torch.optim.AdamW else "square_avg"
    weight = dict(fitted.module_.named_parameters())[first].detach().clone()
    average, kept = moments(fitted, first, moment).clone(), fitted.predict_proba(frame(old, dtype=dtype))
    if not set(old) & set(columns):
        with pytest.raises(ValueError, match=r"none of the .* old names"):
            fitted.fit(frame(columns, dtype=dtype), y)
        return
    fitted.set_params(max_epochs=0).fit(frame(columns, dtype=dtype), y)
    assert fitted.n_features_in_ == len(columns)
    now = dict(fitted.module_.named_parameters())[first]
    for i, name in enumerate(columns):
        if name in old:
            assert torch.equal(now[:, i], weight[:, old.index(name)])
            assert torch.equal(moments(fitted, first, moment)[:, i], average[:, old.index(name)])
        else:
            assert not now[:, i].any()
            assert not moments(fitted, first, moment)[:, i].any()
    assert sorted(fitted.start_.columns_added) == sorted(set(columns) - set(old))
    assert sorted(fitted.start_.columns_dropped) == sorted(set(old) - set(columns))
    if set(old) <= set(columns):
        tolerance = 1e-5 if dtype is np.float32 else 1e-12
        assert np.allclose(fitted.predict_proba(frame(columns, dtype=dtype)), kept, atol=tolerance)


def test_6_training_goes_on_after_columns_and_classes_came() -> None:
    X, y = frame(["a", "b"], 200), np.resize(["no", "yes"], 200)
    fitted = net(max_epochs=5, optimizer_state="keep").fit(X, y)
    wider = frame(["c", "b", "a"], 200)
    target = np.where(wider["c"] > 0, "maybe", np.where(wider["a"] > 0, "yes", "no"))
    fitted.set_params(max_epochs=40, lr=0.02).fit(wider, target)
    assert fitted.score(wider, target) > 0.9
    assert fitted.module_.hidden[0].weight[:, 0].abs().sum() > 0


def test_columns_without_names_must_be_as_many() -> None:
    X, y = rng.normal(size=(40, 3)), np.resize([0, 1], 40)
    fitted = net().fit(X, y)
    with pytest.raises(ValueError, match=r"there were 3 columns and are 4.*Pass a DataFrame"):
        fitted.fit(rng.normal(size=(40, 4)), y)
    named = net().fit(frame(["a", "b", "c"]), y)
    with pytest.raises(ValueError, match=r"there were 3 columns and are 4"):
        named.fit(rng.normal(size=(40, 4)), y)
    assert named.fit(X, y).start_.columns_added == []


def test_polars_names_are_names() -> None:
    X, y = frame(["a", "b"]), np.resize([0, 1], 40)
    fitted = net().fit(pl.from_pandas(X), y)
    kept = fitted.predict_proba(pl.from_pandas(X))
    fitted.set_params(max_epochs=0).fit(pl.from_pandas(X[["b", "a"]]), y)
    assert np.allclose(fitted.predict_proba(pl.from_pandas(X[["b", "a"]])), kept, atol=1e-12)


def test_targets_of_a_regression_follow_their_names() -> None:
    X = frame(["a", "b"])
    Y = pd.DataFrame({"one": X["a"], "two": X["a"] + X["b"]})
    fitted = WarmStartRegressor(
        schema="adapt", warm_start=True, max_epochs=5, optimizer_state="keep", random_state=0
    ).fit(X, Y)
    kept, average = fitted.predict(X), moments(fitted, "output.weight").clone()
    Y["three"] = X["b"]
    fitted.set_params(max_epochs=0).fit(X, Y[["three", "two", "one"]])
    assert np.allclose(fitted.predict(X)[:, [2, 1]], kept)
    assert torch.equal(moments(fitted, "output.weight")[[2, 1]], average)
    with pytest.raises(ValueError, match="none of the 3 old names"):
        fitted.fit(X, Y.rename(columns=str.upper))
    strict = WarmStartRegressor(warm_start=True, max_epochs=1, random_state=0).fit(X, Y[["one", "two"]])
    with pytest.raises(ValueError, match="schema='adapt' takes new ones in"):
        strict.fit(X, Y[["one", "three"]])


class Wide(nn.Module):
    """Its inputs are read twice, so no single layer follows the columns."""

    def __init__(self, n_features: int, n_outputs: int):
        super().__init__()
        self.body = nn.Linear(n_features, 4)
        self.head = nn.Linear(4 + n_features, n_outputs)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.head(torch.cat([self.body(X).relu(), X], 1))


class Odd(nn.Module):
    """Normalises first, and calls its layers something else."""

    def __init__(self, n_features: int, n_outputs: int):
        super().__init__()
        self.first = nn.BatchNorm1d(n_features)
        self.answer = nn.Linear(6, n_outputs)
        self.reads = nn.Linear(n_features, 6)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.answer(torch.tanh(self.reads(self.first(X))))


def test_a_module_of_ones_own_is_followed_or_says_what_to_name() -> None:
    X, y = frame(["a", "b", "c"]), np.resize([0, 1], 40)
    fitted = WarmStartClassifier(Odd, schema="adapt", warm_start=True, max_epochs=3, random_state=0).fit(X, y)
    kept = fitted.predict_proba(X)
    fitted.set_params(max_epochs=0).fit(X[["c", "a", "b"]], y)
    assert np.allclose(fitted.predict_proba(X[["c", "a", "b"]]), kept, atol=1e-12)
    wide = WarmStartClassifier(Wide, schema="adapt", warm_start=True, max_epochs=1, random_state=0).fit(X, y)
    kept = wide.predict_proba(X)
    with pytest.raises(ValueError, match=r"set input_layer on Wide to the name of that linear layer"):
        wide.fit(X[["c", "a", "b"]], y)
    assert np.array_equal(wide.predict_proba(X), kept)
    wide.set_params(max_epochs=0).fit(X, np.resize([0, 2], 40))
    assert wide.predict_proba(X).shape[1] == 3


@pytest.mark.parametrize("policy", ["shrink_perturb", "interpolate", "reset_layers", "cold"])
def test_every_policy_takes_an_adapted_start(policy: str) -> None:
    X, y = frame(["a", "b"]), np.resize([0, 1], 40)
    fitted = net(init_policy=policy).fit(X, y).fit(frame(["b", "c", "a"]), np.resize([2, 1], 40))
    assert fitted.n_features_in_ == 3
    expected = [1, 2] if policy == "cold" else [0, 1, 2]
    assert fitted.classes_.tolist() == expected
    assert fitted.set_params(init_policy__noise="original").fit(X, y) if policy == "shrink_perturb" else True


def test_4_an_architecture_that_changed_keeps_what_fits() -> None:
    X, y = rng.normal(size=(40, 3)), np.resize([0, 1], 40)
    fitted = net(module__hidden_layer_sizes=(8, 6), optimizer_state="keep").fit(X, y)
    first = fitted.module_.hidden[0].weight.detach().clone()
    with pytest.warns(UserWarning, match=r"nothing that fits the layers hidden.2, output"):
        fitted.set_params(module__hidden_layer_sizes=(8, 7), max_epochs=0).fit(X, y)
    assert torch.equal(fitted.module_.hidden[0].weight, first)
    assert fitted.module_.hidden[2].weight.shape == (7, 8)
    assert fitted.set_params(max_epochs=2).fit(X, y).predict(X).shape == (40,)


def test_a_donor_in_another_schema_survives_clone() -> None:
    X, y = frame(["a", "b"]), np.resize(["x", "y"], 40)
    donor = net().fit(X, y)
    heir = net(warm_start=False, warm_start_from=FrozenEstimator(donor), max_epochs=0)
    wider = frame(["b", "n", "a"])
    fitted = clone(heir).fit(wider, np.resize(["z", "y"], 40))
    assert fitted.classes_.tolist() == ["x", "y", "z"]
    assert np.allclose(softmax(fitted.forward(wider.to_numpy()).numpy()[:, :2], 1), donor.predict_proba(X))


# ------------------------------------------------------------------ through a Pipeline


def test_a_one_hot_encoder_that_grew_keeps_what_was_learned() -> None:
    X = pd.DataFrame({"kind": np.resize(["p", "q", "s"], 60), "size": rng.normal(size=60)})
    y = (X["kind"] == "q").to_numpy().astype(int)
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["kind"]), remainder="passthrough")
    pipe = make_pipeline(encode, net(max_epochs=30)).fit(X, y)
    kept = pipe.predict_proba(X)
    grown = pd.concat([X, pd.DataFrame({"kind": ["r", "a"], "size": [0.1, 0.2]})], ignore_index=True)
    pipe.set_params(warmstartclassifier__max_epochs=0).fit(grown, np.r_[y, 0, 1])
    assert pipe[-1].start_.columns_added == ["onehotencoder__kind_a", "onehotencoder__kind_r"]
    assert np.allclose(pipe.predict_proba(X), kept, atol=1e-12)
    renamed = grown.replace({"kind": {"p": "u"}})
    with pytest.raises(ValueError, match=r"feature names should match[\s\S]*kind_u"):
        pipe.set_params(warmstartclassifier__schema="strict").fit(renamed, np.r_[y, 0, 1])


def test_a_vocabulary_that_grew_keeps_what_was_learned_and_stays_sparse() -> None:
    old = ["good film", "bad film", "good plot", "bad plot"] * 5
    new = [*old, "awful zzz film", "brilliant plot"]
    y = np.resize([1, 0, 1, 0], 20)
    text = TfidfVectorizer(use_idf=False)
    pipe = make_pipeline(text, net(max_epochs=30, lr=0.02)).fit(old, y)
    kept = pipe.predict_proba(old)
    donor = FrozenEstimator(pipe)
    heir = make_pipeline(clone(text), net(warm_start=False, warm_start_from=donor, max_epochs=0)).fit(
        new, np.r_[y, 0, 1]
    )
    assert heir[-1].start_.columns_added == ["awful", "brilliant", "zzz"]
    assert np.allclose(heir.predict_proba(old), kept, atol=1e-12)


# ------------------------------------------------------------------ partial_fit


def test_partial_fit_takes_new_classes_in() -> None:
    X = rng.normal(size=(60, 3))
    fitted = net(warm_start=False).partial_fit(X, np.resize(["b", "d"], 60))
    logits, average = fitted.forward(X).numpy(), moments(fitted, "output.weight").clone()
    optimizer, step = fitted.optimizer_, moments(fitted, "output.weight", "step").clone()
    fitted.set_params(lr=0.0, optimizer__weight_decay=0.0).partial_fit(X, np.resize(["a", "d", "c"], 60))
    assert fitted.classes_.tolist() == ["a", "b", "c", "d"]
    assert fitted.optimizer_ is optimizer
    assert np.allclose(fitted.forward(X).numpy()[:, [1, 3]], logits, atol=1e-12)
    assert moments(fitted, "output.weight", "step") == 2 * step
    assert average.shape == (2, 8)
    assert fitted.predict_proba(X).shape == (60, 4)
    # Rows of known classes only change nothing about the shape.
    assert fitted.partial_fit(X[:1], ["a"]).predict_proba(X).shape == (60, 4)
    fitted.partial_fit(X, np.resize(["a"], 60), classes=["a", "e"])
    assert fitted.classes_.tolist() == ["a", "b", "c", "d", "e"]


def test_partial_fit_is_strict_unless_told() -> None:
    X = rng.normal(size=(20, 3))
    fitted = net(schema="strict").partial_fit(X, np.resize([0, 1], 20), classes=[0, 1])
    kept = fitted.predict_proba(X)
    with pytest.raises(ValueError, match="classes not in"):
        fitted.partial_fit(X, np.resize([0, 2], 20))
    with pytest.raises(ValueError, match="is not the same as on last call to partial_fit"):
        fitted.partial_fit(X, np.resize([0, 1], 20), classes=[0, 1, 2])
    assert np.array_equal(fitted.predict_proba(X), kept)


def test_partial_fit_follows_columns() -> None:
    y = np.resize([0, 1], 40)
    fitted = net(warm_start=False).partial_fit(frame(["a", "b"]), y)
    kept = fitted.predict_proba(frame(["a", "b"]))
    fitted.set_params(lr=0.0, optimizer__weight_decay=0.0).partial_fit(frame(["b", "c", "a"]), y)
    assert np.allclose(fitted.predict_proba(frame(["b", "c", "a"])), kept, atol=1e-12)
    assert fitted.feature_names_in_.tolist() == ["b", "c", "a"]
    fitted.set_params(lr=0.05).partial_fit(frame(["b", "c", "a"]), y)
    assert fitted.module_.hidden[0].weight[:, 1].abs().sum() > 0


def test_rows_without_names_leave_the_names_that_are_known() -> None:
    y = np.resize([0, 1], 40)
    fitted = net(warm_start=False).partial_fit(frame(["a", "b"]), y)
    fitted.partial_fit(frame(["a", "b"]).to_numpy(), y).partial_fit(frame(["c", "b", "a"]), y)
    assert fitted.feature_names_in_.tolist() == ["c", "b", "a"]


def test_a_failing_partial_fit_takes_growth_back() -> None:
    X = rng.normal(size=(40, 3))
    fitted = net(warm_start=False).partial_fit(X, np.resize([0, 1], 40))
    kept, before = fitted.predict_proba(X), fitted.__dict__.copy()
    groups = [list(group["params"]) for group in fitted.optimizer_.param_groups]

    def explode(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("in mid-training")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitted.optimizer_, "step", explode)
        with pytest.raises(RuntimeError):
            fitted.partial_fit(X, np.resize([0, 1, 2], 40))
    assert np.array_equal(fitted.predict_proba(X), kept)
    assert fitted.classes_.tolist() == [0, 1]
    assert fitted.module_ is before["module_"]
    assert [[p is q for p, q in zip(group["params"], held, strict=True)] for group, held in
            zip(fitted.optimizer_.param_groups, groups, strict=True)] == [[True] * 4]  # fmt: skip
    assert fitted.partial_fit(X, np.resize([0, 1, 2], 40)).predict_proba(X).shape == (40, 3)


def test_a_schedule_goes_on_while_classes_come() -> None:
    X = rng.normal(size=(40, 3))
    fitted = net(
        lr=1.0,
        optimizer=torch.optim.SGD,
        callbacks=[("schedule", LRScheduler(policy="StepLR", step_size=1, gamma=0.5))],
    )
    for known in ([0, 1], [0, 2], [3, 0]):
        fitted.partial_fit(X, np.resize(known, 40))
    assert fitted.optimizer_.param_groups[0]["lr"] == 0.125
    assert len(fitted.classes_) == 4


def test_names_are_not_asked_of_a_pipeline_that_knows_none() -> None:
    X, y = rng.normal(size=(40, 3)), np.resize([0, 1], 40)
    pipe = make_pipeline(FunctionTransformer(np.abs), net(max_epochs=1)).fit(X, y)
    assert pipe[-1].learned_.schema.columns is None
    scaled = make_pipeline(StandardScaler(), net(max_epochs=1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scaled.fit(X, y).fit(X, y).predict(X)


def test_a_probe_gives_new_classes_their_share_before_training() -> None:
    """Fresh units beside a half-trained network take much from the old classes; a head fitted to all does not."""
    r = np.random.default_rng(0)
    y = np.arange(600) % 6
    X = (r.normal(size=(6, 20))[y] + r.normal(size=(600, 20))).astype(np.float32)
    old = y < 3
    donor = WarmStartClassifier(max_epochs=1, random_state=0).fit(X[old], y[old])
    shares = {}
    for policy in ("warm", "linear_probe"):
        start = {"warm_start_from": FrozenEstimator(donor), "schema": "adapt", "max_epochs": 0, "random_state": 0}
        heir = WarmStartClassifier(init_policy=policy, **start).fit(X, y)
        assert heir.start_.classes_added == [3, 4, 5]
        shares[policy] = heir.predict_proba(X[old])[:, 3:].sum(1).mean()
        if policy == "linear_probe":
            assert heir.score(X[old], y[old]) > donor.score(X[old], y[old]) - 0.05
    assert shares["linear_probe"] < 0.1 < 0.25 < shares["warm"]
