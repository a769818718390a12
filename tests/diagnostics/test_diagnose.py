"""The table of measures of a fitted estimator equals the measures, on rows as the network has them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import iris, net, regressor
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier
from torch import nn

from sk_warmstart import WarmStartClassifier, diagnose
from sk_warmstart.diagnostics import (
    ascent_sharpness,
    distance,
    dormant_fraction,
    effective_rank,
    gradient_norm,
    layer_distances,
    layer_inputs,
    sharpness,
    srank,
)
from sk_warmstart.state import Checkpoint, donor_of

X, y = iris()
NAMES = np.array(["setosa", "versicolor", "virginica"])[y]


def whole(table: pd.DataFrame) -> dict[str, float]:
    """Values of the whole network."""
    return table[table["layer"].isna()].set_index("measure")["value"].to_dict()


def of_layers(table: pd.DataFrame, measure: str) -> dict[str, float]:
    """Values of one measure, by layer."""
    return table[(table["measure"] == measure) & table["layer"].notna()].set_index("layer")["value"].to_dict()


def test_measures_are_those_of_the_functions() -> None:
    raw = 3 * X + 5
    fitted = net(standardize=True, dtype="float64", module__hidden_layer_sizes=(8, 6)).fit(raw, NAMES)
    table = diagnose(fitted, raw, NAMES)
    rows = torch.from_numpy((raw - raw.mean(0)) / raw.std(0))
    given = (fitted.module_, nn.CrossEntropyLoss(), rows, torch.from_numpy(y))
    state, origin = donor_of(fitted).state, fitted.origin_
    expected = {
        "loss": log_loss(NAMES, fitted.predict_proba(raw)),
        "dormant_share": dormant_fraction(fitted.module_, rows),
        "gradient_norm": gradient_norm(*given),
        "sharpness": sharpness(*given).value,
        "ascent_sharpness": ascent_sharpness(*given),
        "distance_from_origin": distance(state, origin),
        "relative_distance_from_origin": distance(state, origin, scale="relative"),
    }
    assert whole(table) == pytest.approx(expected, rel=1e-9)
    assert of_layers(table, "distance_from_origin") == layer_distances(state, origin)
    features = {name: part for name, part in layer_inputs(fitted.module_, rows).items() if name != "hidden.0"}
    assert list(features) == ["hidden.2", "output"]
    for measure, function in (("effective_rank", effective_rank), ("srank", srank)):
        ranks = {name: function(part) for name, part in features.items()}  # type: ignore[operator]
        assert of_layers(table, measure) == pytest.approx(ranks, rel=1e-9)
    parts = of_layers(table, "gradient_norm")
    assert list(parts) == ["hidden.0", "hidden.2", "output"]
    assert math.hypot(*parts.values()) == pytest.approx(expected["gradient_norm"])


def test_the_table_reads_by_itself() -> None:
    table = diagnose(net().fit(X, y), X, y)
    assert table.columns.tolist() == ["measure", "layer", "value", "low", "high", "meaning"]
    assert ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).all()
    assert table["meaning"].str.fullmatch(r"[A-Z].*\.").all()
    assert not table.duplicated(["measure", "layer"]).any()


def test_rows_go_through_the_steps_before() -> None:
    pipe = make_pipeline(StandardScaler(), PCA(3), net()).fit(5 * X, NAMES)
    expected = diagnose(pipe[-1], pipe[:-1].transform(5 * X), NAMES)
    for wrapped in (pipe, FrozenEstimator(pipe)):
        pd.testing.assert_frame_equal(diagnose(wrapped, 5 * X, NAMES), expected)
    search = GridSearchCV(make_pipeline(StandardScaler(), net()), {"warmstartclassifier__max_epochs": [2]}, cv=2)
    search.fit(5 * X, NAMES)
    found = diagnose(search, 5 * X, NAMES)
    pd.testing.assert_frame_equal(found, diagnose(search.best_estimator_, 5 * X, NAMES))


@pytest.mark.parametrize("standardize", [False, True])
def test_sparse_rows_and_frames_are_measured_as_arrays(standardize: bool) -> None:
    thin = np.where(np.abs(X) < 0.5, 0, X)
    for make in (sparse.csr_array, sparse.csc_matrix, sparse.coo_array):
        fitted = net(standardize=standardize).fit(make(thin), y)
        dense = thin / thin.std(0) if standardize else thin
        twin = net(warm_start_from=FrozenEstimator(net(max_epochs=0).fit(dense, y)), max_epochs=0).fit(dense, y)
        fitted.module_.load_state_dict(twin.module_.state_dict())
        found, expected = whole(diagnose(fitted, make(thin), y)), whole(diagnose(twin, dense, y))
        assert found["gradient_norm"] == pytest.approx(expected["gradient_norm"], rel=1e-4)
        assert found["loss"] == pytest.approx(expected["loss"], rel=1e-5)
    frame = pd.DataFrame(X, columns=list("abcd"))
    fitted = net(standardize=standardize).fit(frame, pd.Series(NAMES))
    found = diagnose(fitted, frame, pd.Series(NAMES))
    fitted = net(standardize=standardize).fit(X, NAMES)
    pd.testing.assert_frame_equal(found, diagnose(fitted, X.tolist(), NAMES.tolist()))
    pd.testing.assert_frame_equal(found, diagnose(fitted, torch.from_numpy(X), NAMES))


def test_whole_numbers_as_rows() -> None:
    counts = np.random.default_rng(0).integers(0, 9, size=(60, 3))
    labels = counts.sum(1) > 12
    fitted = net().fit(counts, labels)
    pd.testing.assert_frame_equal(diagnose(fitted, counts, labels), diagnose(fitted, counts.astype(float), labels))


@pytest.mark.parametrize("n_targets", [None, 1, 2])
def test_regressors(n_targets: int | None) -> None:
    target = X[:, 0] if n_targets is None else X[:, :n_targets]
    fitted = regressor().fit(X[:, 1:], target)
    found = whole(diagnose(fitted, X[:, 1:], target))
    assert found["loss"] == pytest.approx(mean_squared_error(target, fitted.predict(X[:, 1:])), rel=1e-5)
    assert found["gradient_norm"] > 0


def test_nets_of_skorch() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3), nn.Softmax(dim=-1))
    fitted = NeuralNetClassifier(network, max_epochs=2, verbose=0, train_split=None).fit(X.astype("float32"), y)
    before = torch.get_rng_state()
    found = whole(diagnose(fitted, X.astype("float32"), y))
    assert torch.equal(torch.get_rng_state(), before)
    assert found["loss"] == pytest.approx(log_loss(y, fitted.predict_proba(X.astype("float32"))), rel=1e-5)
    assert "distance_from_origin" not in found  # nobody knows it


@pytest.mark.parametrize("labels", [np.float32, np.int64, np.bool_])
def test_a_net_of_one_logit(labels: type) -> None:
    rows, target = X.astype("float32"), (y > 0)
    network = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1), nn.Flatten(0))
    fitted = NeuralNetBinaryClassifier(network, max_epochs=2, verbose=0, train_split=None)
    fitted.fit(rows, target.astype("float32"))
    found = whole(diagnose(fitted, rows, target.astype(labels)))
    assert found["loss"] == pytest.approx(log_loss(target, fitted.predict_proba(rows)), rel=1e-5)


@pytest.mark.parametrize("n_copies", [1, 10])
def test_the_loss_is_a_mean_whatever_the_criterion_makes(n_copies: int) -> None:
    rows, target = np.tile(X, (n_copies, 1)), np.tile(y, n_copies)  # ten copies are more than a batch
    fitted = WarmStartClassifier(max_epochs=1, random_state=0).fit(X, y)
    expected = whole(diagnose(fitted, rows, target))
    for reduction in ("sum", "none"):
        fitted.criterion_ = nn.CrossEntropyLoss(reduction=reduction)
        found = whole(diagnose(fitted, rows, target))
        assert found["loss"] == pytest.approx(expected["loss"], rel=1e-5)
        assert found["gradient_norm"] == pytest.approx(expected["gradient_norm"], rel=1e-4)


class Images(nn.Module):
    """Convolutions, and a normalisation whose statistics run."""

    def __init__(self, n_outputs: int = 2) -> None:
        super().__init__()
        self.first, self.norm, self.second = nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3)
        self.output = nn.Linear(4 * 16, n_outputs)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        hidden = self.second(self.norm(self.first(X)).relu()).relu()
        return self.output(hidden.flatten(1))


def test_features_are_averaged_over_positions() -> None:
    images = np.random.default_rng(0).normal(size=(20, 1, 8, 8))
    labels = np.arange(20) % 2
    fitted = net(module=Images).fit(images, labels)
    table = diagnose(fitted, images, labels)
    highs = table[table["measure"] == "srank"].set_index("layer")["high"].to_dict()
    assert highs == {"second": 3, "output": 20}
    assert list(of_layers(table, "dormant_share")) == ["first", "second"]


def test_the_estimator_is_left_as_it_is() -> None:
    images = np.random.default_rng(0).normal(size=(20, 1, 8, 8))
    labels = np.arange(20) % 2
    fitted, twin = (net(module=Images, warm_start=True).fit(images, labels) for _ in range(2))
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    modes, held = fitted.module_.training, dict(vars(fitted))
    diagnose(fitted, images, labels)
    assert (np.random.get_state()[1] == before[0]).all()  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[1])
    assert fitted.module_.training == modes
    assert all(value is held[name] for name, value in vars(fitted).items())
    for each in (fitted, twin):
        each.partial_fit(images, labels)
    states = [each.module_.state_dict() for each in (fitted, twin)]
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())


def test_a_sample_of_many_rows_is_drawn_by_rng() -> None:
    rng = np.random.default_rng(0)
    many = rng.normal(size=(6000, 2))
    labels = (many.sum(1) + rng.normal(size=6000)) > 0
    fitted = net(max_epochs=1, batch_size=512).fit(many, labels)
    none, zero, one = (whole(diagnose(fitted, many, labels, rng=seed))["loss"] for seed in (None, 0, 1))
    assert none == zero != one
    assert one == pytest.approx(log_loss(labels, fitted.predict_proba(many)), rel=0.05)
    source = np.random.default_rng(0)
    assert whole(diagnose(fitted, many, labels, rng=source)) != whole(diagnose(fitted, many, labels, rng=source))


def test_what_is_not_trained_has_no_gradient() -> None:
    fitted = net().fit(X, y)
    for parameter in fitted.module_.parameters():
        parameter.requires_grad_(False)
    measured = set(diagnose(fitted, X, y)["measure"])
    assert {"loss", "sharpness", "dormant_share"} <= measured
    assert not {"gradient_norm", "ascent_sharpness"} & measured


def test_an_estimator_out_of_a_file() -> None:
    fitted = net(standardize=True).fit(X, NAMES)
    copied = Checkpoint.from_estimator(fitted).to_estimator(net(standardize=True))
    pd.testing.assert_frame_equal(diagnose(copied, X, NAMES), diagnose(fitted, X, NAMES))


class Holder:
    """An estimator of no library that has a network."""

    def __init__(self, classes: Any = None) -> None:
        self.module_ = nn.Linear(4, 3)
        if classes is not None:
            self.classes_ = classes


def test_estimators_of_no_library() -> None:
    labelled, numeric = Holder(np.unique(NAMES)), Holder()
    loss = nn.functional.cross_entropy(labelled.module_(torch.tensor(X).float()), torch.from_numpy(y))
    assert whole(diagnose(labelled, X, NAMES))["loss"] == pytest.approx(loss.item(), rel=1e-5)
    assert whole(diagnose(numeric, X, X[:, :3]))["loss"] > 0


def test_errors_say_what_to_do() -> None:
    fitted = net().fit(X, NAMES)
    with pytest.raises(ValueError, match="is not fitted: call fit first"):
        diagnose(WarmStartClassifier(), X, y)
    with pytest.raises(TypeError, match="holds no torch network"):
        diagnose(LogisticRegression().fit(X, y), X, y)
    with pytest.raises(ValueError, match=r"y has labels .* \['rosa'\] are not among its classes_ \['setosa'"):
        diagnose(fitted, X, np.where(y == 0, "rosa", NAMES))
    with pytest.raises(ValueError, match="y has 149 entries for 150 rows"):
        diagnose(fitted, X, NAMES[1:])
    with pytest.raises(ValueError, match="X has 3 features, but WarmStartClassifier is expecting 4"):
        diagnose(fitted, X[:, 1:], NAMES)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        diagnose(fitted, np.where(X > 2, np.nan, X), NAMES)
    with pytest.raises(ValueError, match="y contains NaN"):
        diagnose(regressor().fit(X, X[:, 0]), X, np.full(150, np.nan))
    with pytest.raises(ValueError, match="rng must be"):
        diagnose(fitted, X, NAMES, rng="0")
