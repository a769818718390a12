"""What may be passed in, and what is said about the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from skorch.callbacks import LRScheduler
from skorch.dataset import Dataset, ValidSplit
from torch import nn
from torch.optim.lr_scheduler import StepLR

from sk_warmstart import WarmStartClassifier, WarmStartRegressor
from sk_warmstart.modules import MLP

rng = np.random.default_rng(0)
X = rng.normal(size=(80, 4))
codes = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.3)


def net(**params: Any) -> WarmStartClassifier:
    defaults: dict[str, Any] = {
        "module__hidden_layer_sizes": (8,),
        "max_epochs": 3,
        "batch_size": 20,
        "random_state": 0,
    }
    return WarmStartClassifier(**{**defaults, **params})


@pytest.mark.parametrize(
    "labels",
    [
        np.array([5, -3, 100]),
        np.array(["b", "a", "c"]),
        np.array(["b", "a", "c"], dtype=object),
        np.array([1.0, 0.0, 2.0]),
        np.array([True, False, True]),
        pd.to_datetime(["2026-01-01", "2025-01-01", "2024-01-01"]).to_numpy().astype(str),
    ],
    ids=["int", "str", "object", "float", "bool", "date"],
)
def test_labels_of_any_kind(labels: np.ndarray) -> None:
    y = labels[codes]
    fitted = net(max_epochs=40, lr=0.02).fit(X, y)
    assert list(fitted.classes_) == sorted(set(labels.tolist()))
    assert fitted.predict(X).dtype == fitted.classes_.dtype
    assert fitted.score(X, y) > 0.8
    assert np.allclose(fitted.predict_proba(X).sum(axis=1), 1)


def test_the_same_numbers_whatever_the_labels() -> None:
    plain = net().fit(X, codes)
    named = net().fit(X, np.array(["a", "b", "c"])[codes])
    assert np.array_equal(plain.predict_proba(X), named.predict_proba(X))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_network_has_the_dtype_of_x(dtype: Any) -> None:
    fitted = net().fit(X.astype(dtype), codes)
    assert fitted.module_.output.weight.dtype == (torch.float32 if dtype == np.float32 else torch.float64)
    assert fitted.predict_proba(X.astype(dtype)).dtype == dtype
    assert fitted.predict_proba(X.astype(np.float32)).dtype == dtype
    other = clone(fitted).set_params(dtype="float32").fit(X.astype(dtype), codes)
    assert other.predict_proba(X).dtype == np.float32


def test_the_weights_do_not_depend_on_the_dtype() -> None:
    single, double = (net(max_epochs=0).fit(X.astype(d), codes) for d in (np.float32, np.float64))
    assert torch.equal(single.module_.output.weight.double(), double.module_.output.weight)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_frames_and_their_names(kind: str) -> None:
    frame = {f"c{i}": X[:, i] for i in range(4)}
    table: Any = pd.DataFrame(frame) if kind == "pandas" else pl.DataFrame(frame)
    fitted = net(warm_start=True).fit(table, codes)
    assert list(fitted.feature_names_in_) == ["c0", "c1", "c2", "c3"]
    assert np.array_equal(fitted.predict_proba(table), net().fit(X, codes).predict_proba(X))
    before = fitted.predict_proba(table)
    renamed = table.rename(columns={"c0": "other"}) if kind == "pandas" else table.rename({"c0": "other"})
    with pytest.raises(ValueError, match="The feature names should match those that were passed during fit"):
        fitted.fit(renamed, codes)
    assert np.array_equal(fitted.predict_proba(table), before)


def test_other_columns_or_classes_are_an_error_in_scikit_learns_words() -> None:
    fitted = net(warm_start=True).fit(X, codes)
    before = fitted.predict_proba(X)
    with pytest.raises(ValueError, match="X has 3 features, but WarmStartClassifier is expecting 4 features"):
        fitted.fit(X[:, :3], codes)
    with pytest.raises(ValueError, match="warm_start can only be used where `y` has the same classes as in the"):
        fitted.fit(X, codes + 1)
    with pytest.raises(ValueError, match=r"`y` has classes not in `self.classes_`"):
        fitted.partial_fit(X, codes + 1)
    with pytest.raises(ValueError, match="is not the same as on last call to partial_fit"):
        fitted.partial_fit(X, codes, classes=[0, 1])
    with pytest.raises(ValueError, match="Unknown label type"):
        fitted.fit(X, X[:, 0])
    assert np.array_equal(fitted.predict_proba(X), before)
    assert fitted.n_features_in_ == 4


def test_a_donor_of_another_schema_is_refused_with_the_same_words() -> None:
    donor = FrozenEstimator(net().fit(X, codes))
    with pytest.raises(ValueError, match="X has 3 features, but WarmStartClassifier is expecting 4 features"):
        net(warm_start_from=donor).fit(X[:, :3], codes)
    with pytest.raises(ValueError, match="warm_start can only be used where `y` has the same classes"):
        net(warm_start_from=donor).fit(X, np.array(["a", "b", "c"])[codes])


def test_partial_fit_wants_the_classes_first() -> None:
    with pytest.raises(ValueError, match=r"classes must be passed on the first call to partial_fit\."):
        net().partial_fit(X, codes)
    fitted = net().partial_fit(X[:5], np.ones(5, int), classes=[2, 0, 1])
    assert list(fitted.classes_) == [0, 1, 2]
    with pytest.raises(ValueError, match="class_weight='balanced' is not supported for partial_fit"):
        net(class_weight="balanced").partial_fit(X, codes, classes=[0, 1, 2])


def test_regression_in_one_column_and_several() -> None:
    reg = WarmStartRegressor(max_epochs=60, random_state=0, lr=0.01)
    assert reg.fit(X, X[:, 0]).predict(X).shape == (80,)
    assert reg.score(X, X[:, 0]) > 0.9
    assert reg.fit(X, X[:, :1]).predict(X).shape == (80, 1)
    assert reg.fit(X, X[:, :2]).predict(X).shape == (80, 2)
    assert not hasattr(reg, "predict_proba")


def test_a_module_that_puts_out_one_number_a_row_is_not_broadcast() -> None:
    class Flat(nn.Module):
        def __init__(self, n_features: int):
            super().__init__()
            self.linear = nn.Linear(n_features, 1)

        def forward(self, X: torch.Tensor) -> torch.Tensor:
            return self.linear(X).squeeze(-1)

    reg = WarmStartRegressor(Flat, max_epochs=200, lr=0.05, random_state=0).fit(X, X[:, 0])
    assert reg.score(X, X[:, 0]) > 0.95
    assert reg.start_.loss == pytest.approx(
        float(
            (
                (WarmStartRegressor(Flat, max_epochs=0, random_state=0).fit(X, X[:, 0]).predict(X) - X[:, 0]) ** 2
            ).mean()
        )
    )


def test_sample_weight_and_class_weight_are_copies_of_rows() -> None:
    full: dict[str, Any] = {"batch_size": -1, "max_epochs": 20}
    copies = rng.integers(0, 4, 80)
    repeated = net(**full).fit(X.repeat(copies, axis=0), codes.repeat(copies))
    weighted = net(**full).fit(X, codes, sample_weight=copies * 3.0)
    assert np.allclose(repeated.predict_proba(X), weighted.predict_proba(X), atol=1e-7)
    by_class = {0: 1.0, 1: 3.0, 2: 0.5}
    by_row = np.array([by_class[code] for code in codes])
    a = net(class_weight=by_class).fit(X, codes)
    b = net().fit(X, codes, sample_weight=by_row)
    assert np.array_equal(a.predict_proba(X), b.predict_proba(X))


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        (np.zeros(80), "weight"),
        (-np.ones(80), "Negative"),
        (np.ones(79), "shape"),
        (np.full(80, np.nan), "NaN"),
    ],
)
def test_bad_weights(weight: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        net().fit(X, codes, sample_weight=weight)


@pytest.mark.parametrize("weight", [5e-324, 1e300, 1.7e308])
def test_the_unit_of_weights_changes_nothing(weight: float) -> None:
    plain = net().fit(X, codes)
    np.testing.assert_array_equal(
        net().fit(X, codes, sample_weight=np.full(80, weight)).predict_proba(X), plain.predict_proba(X)
    )


def test_a_loss_that_is_no_number_is_an_error_and_costs_nothing() -> None:
    reg = WarmStartRegressor(max_epochs=3, random_state=0, warm_start=True).fit(X, X[:, 0])
    before = reg.predict(X)
    reg.set_params(lr=1e30, optimizer=torch.optim.SGD)
    with pytest.raises(ValueError, match="no longer a finite number: lower lr, or scale"):
        reg.fit(X * 1e10, X[:, 0] * 1e10)
    assert np.array_equal(reg.predict(X), before)


@pytest.mark.parametrize("wrap", ["plain", "pipeline", "search", "skorch"])
def test_donors_of_every_kind(wrap: str) -> None:
    donor: Any = net().fit(X, codes)
    if wrap == "pipeline":
        donor = make_pipeline(StandardScaler(), net()).fit(X, codes)
    elif wrap == "search":
        donor = GridSearchCV(net(), {"lr": [1e-3, 1e-2]}, cv=2).fit(X, codes)
    elif wrap == "skorch":
        donor = NeuralNetClassifier(
            MLP, module__n_features=4, module__n_outputs=3, module__hidden_layer_sizes=(8,), verbose=0,
            max_epochs=1, criterion=nn.CrossEntropyLoss,
        ).fit(X.astype("float32"), codes)  # fmt: skip
    inner = donor[-1] if wrap == "pipeline" else getattr(donor, "best_estimator_", donor)
    fitted = net(max_epochs=0, random_state=5, warm_start_from=FrozenEstimator(donor)).fit(X, codes)
    assert torch.equal(fitted.module_.output.weight, inner.module_.output.weight)
    assert fitted.start_.donor == "warm_start_from"


def test_a_donor_that_is_none() -> None:
    for unfitted in (net(), FrozenEstimator(net()), FrozenEstimator(make_pipeline(StandardScaler(), net()))):
        with pytest.raises(
            ValueError, match=r"unfitted .* wrap the fitted donor: warm_start_from=FrozenEstimator"
        ):
            net(warm_start_from=unfitted).fit(X, codes)
    forest = FrozenEstimator(RandomForestClassifier(2).fit(X, codes))
    with pytest.raises(TypeError, match="holds a RandomForestClassifier, which has no torch network"):
        net(warm_start_from=forest).fit(X, codes)
    with pytest.raises(TypeError, match="its state dict or None, got int"):
        net(warm_start_from=3).fit(X, codes)


def test_a_search_can_start_warm() -> None:
    donor = net(max_epochs=40, lr=0.02).fit(X[:40], codes[:40])
    search = GridSearchCV(
        net(max_epochs=1, lr=1e-4, warm_start_from=FrozenEstimator(donor)),
        [
            {"init_policy": ["cold", "warm"]},
            {"init_policy": ["shrink_perturb"], "init_policy__shrink": [0.2, 0.9]},
        ],
        cv=3,
    ).fit(X[40:], codes[40:])
    by_policy = {
        str(params): score
        for params, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True)
    }
    assert by_policy["{'init_policy': 'warm'}"] > by_policy["{'init_policy': 'cold'}"]
    assert search.best_estimator_.start_.donor == "warm_start_from" or search.best_params_["init_policy"] == "cold"


def test_own_state_wins_over_the_donor() -> None:
    donor = net(random_state=9).fit(X, codes)
    fitted = net(max_epochs=0, warm_start=True, warm_start_from=FrozenEstimator(donor)).fit(X, codes)
    assert fitted.start_.donor == "warm_start_from"
    assert fitted.fit(X, codes).start_.donor == "self"


def test_what_skorch_takes_is_taken() -> None:
    single = X.astype(np.float32)
    arrays = net().fit(single, codes)
    dataset = net(module__n_features=4, module__n_outputs=3).fit(Dataset(single, codes), None)
    tensors = net().fit(torch.from_numpy(single), torch.from_numpy(codes))
    assert np.allclose(arrays.predict_proba(single), dataset.predict_proba(Dataset(single)), atol=1e-6)
    assert np.array_equal(arrays.predict_proba(single), tensors.predict_proba(torch.from_numpy(single)))
    early = net(module__n_features=4, module__n_outputs=3, early_stopping=True).fit(Dataset(single, codes), None)
    assert "valid_score" in early.history[-1]

    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 3)

        def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return self.linear(torch.cat([a, b], 1))

    parts = {"a": single[:, :2], "b": single[:, 2:]}
    named = WarmStartClassifier(Named, max_epochs=2, random_state=0).fit(parts, codes)
    assert named.predict_proba(parts).shape == (80, 3)


def test_images_and_integers_for_embeddings() -> None:
    images = rng.normal(size=(40, 1, 6, 6)).astype(np.float32)
    y = (images.mean(axis=(1, 2, 3)) > 0).astype(int)
    conv = nn.Sequential(nn.LazyConv2d(2, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    fitted = WarmStartClassifier(conv, max_epochs=2, random_state=0, early_stopping=True, validation_fraction=0.3)
    assert fitted.fit(images, y).predict(images).shape == (40,)
    words = rng.integers(0, 10, size=(40, 3))
    embedding = nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(12, 2))
    text = WarmStartClassifier(embedding, max_epochs=2, warm_start=True).fit(words, words[:, 0] > 4)
    assert text.fit(words, words[:, 0] > 4).predict(words).dtype == bool


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sparse_gradients_of_embeddings(momentum: float) -> None:
    words = rng.integers(0, 10, size=(40, 3))

    def fitted(sparse: bool) -> WarmStartClassifier:
        module = nn.Sequential(nn.Embedding(10, 4, sparse=sparse), nn.Flatten(), nn.Linear(12, 2))
        params = {"optimizer": torch.optim.SGD, "optimizer__momentum": momentum, "lr": 0.1, "random_state": 0}
        module.load_state_dict(start)
        return WarmStartClassifier(module, max_epochs=3, **params).fit(words, words[:, 0] > 4)

    start = nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(12, 2)).state_dict()
    probabilities = [fitted(sparse).predict_proba(words) for sparse in (False, True)]
    np.testing.assert_allclose(*probabilities, atol=1e-6)


def test_skorchs_split_still_works() -> None:
    fitted = net(train_split=ValidSplit(4, stratified=True)).fit(X, np.array(["a", "b", "c"])[codes])
    assert {"valid_loss", "valid_acc"} <= set(fitted.history[-1])
    assert fitted.history[-1]["train_batch_count"] == 3


def test_a_linear_probe_of_bce() -> None:
    class Logit(nn.Module):
        def __init__(self, n_features: int):
            super().__init__()
            self.linear = nn.Linear(n_features, 1)

        def forward(self, X: torch.Tensor) -> torch.Tensor:
            return self.linear(X).squeeze(-1)

    y = np.array(["no", "yes"])[(codes > 0).astype(int)]
    fitted = WarmStartClassifier(Logit, criterion=nn.BCEWithLogitsLoss, max_epochs=100, lr=0.05, random_state=0)
    assert fitted.fit(X, y, X_val=X, y_val=y).score(X, y) == pytest.approx(
        fitted.history[-1]["valid_score"], abs=0.05
    )
    assert fitted.score(X, y) > 0.85


def test_a_module_that_works_in_place_spoils_no_data() -> None:
    single = np.ascontiguousarray(X, dtype=np.float32)
    before = single.copy()
    module = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 3))
    fitted = WarmStartClassifier(module, max_epochs=2, random_state=0, iterator_train__shuffle=False)
    fitted.fit(single, codes, X_val=single, y_val=codes).predict(single)
    assert np.array_equal(single, before)


def test_a_module_with_more_outputs_than_classes_is_refused_when_it_shows() -> None:
    names = np.array(["a", "b", "c"])[codes]
    fitted = WarmStartClassifier(nn.Linear(4, 9), max_epochs=0, random_state=0).fit(X, names)
    with pytest.raises(ValueError, match="but there are 3 classes: give the module as many outputs as classes"):
        fitted.predict(X)


def test_sample_ids_must_be_as_many_as_rows() -> None:
    with pytest.raises(ValueError, match="sample_id has 3 entries for 80 rows"):
        net(early_stopping=True).fit(X, codes, sample_id=[1, 2, 3])


def test_metadata_is_routed() -> None:
    weight, ids = rng.random(80), np.arange(80)
    with config_context(enable_metadata_routing=True):
        asked = net(early_stopping=True, validation_fraction=0.3)
        asked.set_fit_request(sample_weight=True, sample_id=True)
        pipe = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), clone(asked))
        pipe.fit(X, codes, sample_weight=weight, sample_id=ids)
        search = GridSearchCV(clone(asked).set_score_request(sample_weight=True), {"lr": [1e-3]}, cv=3)
        search.fit(X, codes, sample_weight=weight, sample_id=ids)
        by_default = make_pipeline(StandardScaler(), net(early_stopping=True, validation_fraction=0.3))
        GridSearchCV(by_default, {"warmstartclassifier__lr": [1e-3]}, cv=3).fit(X, codes, sample_id=ids)
    direct = net(early_stopping=True, validation_fraction=0.3)
    direct.fit(StandardScaler().fit_transform(X), codes, sample_weight=weight, sample_id=ids)
    assert np.array_equal(pipe.predict_proba(X), direct.predict_proba(StandardScaler().fit_transform(X)))
    assert search.best_estimator_.n_iter_ > 0


def test_a_loss_that_never_was_a_number_is_a_warning() -> None:
    class Raw(nn.Linear):
        """Logits given to a criterion that takes their logarithm: negative ones have none."""

    net_ = WarmStartClassifier(Raw(4, 3), criterion=nn.NLLLoss, max_epochs=1, random_state=0)
    with pytest.warns(ConvergenceWarning, match="does the criterion suit the module's output"):
        net_.fit(X, codes)


def test_weights_loaded_by_hand_are_trained_on() -> None:
    known = nn.Linear(4, 3)
    by_hand = WarmStartClassifier(
        nn.Linear, module__in_features=4, module__out_features=3, lr=0.0, random_state=0
    ).initialize()
    by_hand.module_.load_state_dict(known.state_dict())
    by_hand.partial_fit(X.astype(np.float32), codes)
    assert torch.equal(by_hand.module_.weight, known.weight)
    assert (by_hand.start_.policy, by_hand.start_.donor) == ("Warm", "initialize")
    by_hand.set_params(warm_start=True, max_epochs=0).fit(X.astype(np.float32), codes)
    assert torch.equal(by_hand.module_.weight, known.weight)


def test_a_loss_of_ones_own_may_record_in_the_history() -> None:
    class Net(WarmStartClassifier):
        def get_loss(self, *args: Any, **kwargs: Any) -> torch.Tensor:
            loss = super().get_loss(*args, **kwargs)
            if kwargs.get("training"):
                self.history.record_batch("doubled", 2 * loss.item())
            return loss

    fitted = Net(max_epochs=2, batch_size=20, random_state=0).fit(X, codes)
    for row in fitted.history:
        assert [2 * batch["train_loss"] for batch in row["batches"]] == [
            batch["doubled"] for batch in row["batches"]
        ]


def test_arguments_of_forward_reach_it_also_when_the_start_is_evaluated() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 3)

        def forward(self, X: torch.Tensor, scale: float) -> torch.Tensor:
            return self.linear(X) * scale

    fitted = WarmStartClassifier(Scaled, max_epochs=2, random_state=0)
    fitted.fit(X, codes, X_val=X, y_val=codes, scale=0.0)
    assert fitted.start_.loss == pytest.approx(np.log(3))
    assert [row["valid_loss"] for row in fitted.history] == pytest.approx([np.log(3)] * 2)


def test_what_is_missing_is_said_by_its_own_property() -> None:
    with pytest.raises(AttributeError, match="could not infer the classes from y"):
        net().classes_
    with pytest.raises(AttributeError, match="'WarmStartRegressor' object has no attribute 'predict_proba'"):
        WarmStartRegressor().predict_proba
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        net().nonsense


def test_initialising_by_hand_begins_anew() -> None:
    schedule = LRScheduler(StepLR, step_size=1, gamma=0.5, event_name="lr_seen")
    fitted = net(callbacks=[schedule], lr=1.0, module__n_features=4, module__n_outputs=3).fit(X, codes)
    fitted.initialize().partial_fit(X, codes)
    assert fitted.start_.donor == "initialize"
    assert [row["lr_seen"] for row in fitted.history] == [1.0]


def test_a_partial_fit_that_fails_leaves_weights_moments_and_order_as_they_were() -> None:
    class Failing(WarmStartClassifier):
        fails = False

        def get_loss(self, *args: Any, **kwargs: Any) -> torch.Tensor:
            loss = super().get_loss(*args, **kwargs)
            if self.fails and len(self.history_[-1]["batches"]) == 3:
                raise RuntimeError("in the third batch")
            return loss

    settings: dict[str, Any] = {
        "module__norm": "batch",
        "module__dropout": 0.2,
        "batch_size": 20,
        "random_state": 0,
    }
    failing, calm = (Failing(**settings).partial_fit(X, codes, classes=[0, 1, 2]) for _ in range(2))
    before = failing.predict_proba(X)
    failing.fails = True
    with pytest.raises(RuntimeError, match="in the third batch"):
        failing.partial_fit(X, codes)
    assert np.array_equal(failing.predict_proba(X), before)
    assert len(failing.history) == 1
    failing.fails = False
    assert np.array_equal(
        failing.partial_fit(X, codes).predict_proba(X), calm.partial_fit(X, codes).predict_proba(X)
    )
