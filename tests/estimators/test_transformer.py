"""The transformer: laws, policies, donors, the comparator, and modules that do not fit."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sk_warmstart import (
    Checkpoint,
    LeakageWarning,
    Pretrained,
    WarmStartClassifier,
    WarmStartComparator,
    WarmStartRegressor,
    WarmStartTransformer,
)
from sk_warmstart.comparison import DataIncremental
from sk_warmstart.policies import policy_names

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(120, 2))
X = np.hstack([Z, Z @ RNG.normal(size=(2, 4)) + 0.1 * RNG.normal(size=(120, 4))])
y = (X[:, 2] > 0).astype(int)


def learner(**params: Any) -> WarmStartTransformer:
    return WarmStartTransformer(
        **{"module__hidden_layer_sizes": (8, 6), "max_epochs": 3, "random_state": 0, "batch_size": 32, **params}
    )


class OneNumber(nn.Module):
    """An autoencoder with a loss for the batch only, as an output of transformers' has it."""

    def __init__(self, n_features: int, width: int = 5):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(n_features, width), nn.Linear(width, n_features)

    def embed(self, X: torch.Tensor) -> torch.Tensor:
        return self.encoder(X).tanh()

    def forward(self, X: torch.Tensor) -> Any:
        class Output:
            loss = (self.decoder(self.embed(X * (torch.rand_like(X) > 0.3))) - X).square().mean()

        return Output()


class TestTransformer:
    def test_it_learns(self) -> None:
        net = learner(max_epochs=60, lr=0.01)
        untrained = clone(net).set_params(max_epochs=0).fit(X)
        assert net.fit(X).score(X) > 0.8 * untrained.score(X) > untrained.score(X)
        assert net.loss_curve_[-1] < net.loss_curve_[0]

    def test_names_frames_and_dtypes(self) -> None:
        net = learner().set_output(transform="pandas")
        frame = pd.DataFrame(X, columns=list("abcdef"))
        found = net.fit(frame).transform(frame)
        assert list(found.columns) == [f"warmstarttransformer{i}" for i in range(6)]
        assert net.n_components_ == 6
        assert learner().fit_transform(X.astype(np.float32)).dtype == np.float32
        with pytest.raises(ValueError, match="feature names"):
            net.transform(frame[list("fedcba")])

    def test_labels_are_not_looked_at(self) -> None:
        one, two = learner().fit(X), learner().fit(X, ["any"] * 3)
        assert np.array_equal(one.transform(X), two.transform(X))
        assert one.score(X) == one.score(X, y) == two.score(X)

    def test_sparse_rows(self) -> None:
        dense, sparse = learner().fit(X), learner().fit(csr_matrix(X))
        assert np.allclose(dense.transform(X), sparse.transform(csr_matrix(X)))

    def test_in_a_pipeline_and_a_search(self) -> None:
        pipe = make_pipeline(StandardScaler(), learner(), LogisticRegression())
        assert pipe.fit(X, y).score(X, y) > 0.7
        search = GridSearchCV(learner(), {"lr": [1e-4, 1e-2]}, cv=2).fit(X)
        assert search.best_params_ == {"lr": 1e-2}

    def test_it_predicts_nothing(self) -> None:
        net = learner().fit(X)
        for name in ("predict", "predict_proba"):
            assert not hasattr(net, name)

    @pytest.mark.parametrize("name", ["sample_weight", "sample_weight_val", "classes"])
    def test_arguments_of_estimators_with_targets(self, name: str) -> None:
        with pytest.raises(TypeError, match=f"takes no {name}"):
            learner().fit(X, **{name: np.ones(len(X))})

    @pytest.mark.parametrize("method", ["transform", "score", "get_feature_names_out"])
    def test_before_fit(self, method: str) -> None:
        with pytest.raises((NotFittedError, AttributeError)):
            getattr(learner(), method)(*([] if method == "get_feature_names_out" else [X]))


@pytest.mark.parametrize("module", [{}, {"module": OneNumber, "module__hidden_layer_sizes": None}])
class TestLaws:
    @staticmethod
    def make(module: dict[str, Any], **params: Any) -> WarmStartTransformer:
        net = learner(**params, **{key: value for key, value in module.items() if value is not None})
        if "module" in module:
            del net.module__hidden_layer_sizes
        return net

    def test_a_warm_fit_of_no_epochs_changes_nothing(self, module: dict[str, Any]) -> None:
        net = self.make(module, warm_start=True).fit(X[:60])
        before = net.transform(X)
        assert np.array_equal(net.set_params(max_epochs=0).fit(X).transform(X), before)

    def test_a_cold_refit_is_a_fresh_fit(self, module: dict[str, Any]) -> None:
        net = self.make(module, early_stopping=True)
        again = clone(net).fit(X[:60]).fit(X)
        assert np.array_equal(net.fit(X).transform(X), again.transform(X))
        assert net.loss_curve_ == again.loss_curve_

    def test_partial_fits_are_a_fit(self, module: dict[str, Any]) -> None:
        once, often = self.make(module).fit(X), self.make(module)
        for _ in range(3):
            often.partial_fit(X)
        assert np.array_equal(once.transform(X), often.transform(X))
        assert once.score(X) == often.score(X)

    def test_evaluation_draws_the_same_and_disturbs_nothing(self, module: dict[str, Any]) -> None:
        net = self.make(module, random_state=None)
        torch.manual_seed(0)
        net.fit(X)
        state = torch.get_rng_state()
        assert net.score(X) == net.score(X)
        assert np.array_equal(net.transform(X), net.transform(X))
        assert torch.equal(torch.get_rng_state(), state)

    def test_validation_draws_the_same_each_epoch(self, module: dict[str, Any]) -> None:
        """With a rate of zero the validation loss stands still."""
        net = self.make(module, early_stopping=True, lr=0.0, optimizer__weight_decay=0.0).fit(X)
        losses = {float(row["valid_loss"]) for row in net.history}
        assert len(losses) == 1
        assert net.start_.loss == pytest.approx(losses.pop(), rel=1e-12)
        assert net.start_.score == -net.start_.loss

    def test_validation_leaves_training_alone(self, module: dict[str, Any]) -> None:
        plain = self.make(module).fit(X)
        watched = self.make(module).fit(X, X_val=RNG.normal(size=(20, 6)))
        assert plain.loss_curve_ == watched.loss_curve_

    def test_the_start_counts(self, module: dict[str, Any]) -> None:
        net = self.make(module, early_stopping=True, lr=1.0, optimizer=torch.optim.SGD, warm_start=True)
        net.set_params(lr=0.0).fit(X)
        before = net.transform(X)
        net.set_params(lr=0.9, max_epochs=4, optimizer__momentum=0.99).fit(X)
        ended = [float(row["valid_loss"]) for row in net.history[-4:]]
        assert min(ended) < net.start_.loss or np.array_equal(net.transform(X), before)

    @pytest.mark.parametrize(
        "policy",
        [name for name in policy_names() if name != "linear_probe"],
    )
    def test_every_policy_starts_it_the_same_each_time(self, module: dict[str, Any], policy: str) -> None:
        fitted = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in range(2):
                torch.rand(3)  # whatever others draw
                fitted.append(self.make(module, warm_start=True, init_policy=policy).fit(X[:60]).fit(X))
        assert np.array_equal(fitted[0].transform(X), fitted[1].transform(X))
        assert np.isfinite(fitted[0].score(X))

    def test_a_probe_needs_targets(self, module: dict[str, Any]) -> None:
        net = self.make(module, warm_start=True, init_policy="linear_probe").fit(X)
        with pytest.raises(ValueError, match="learns without any"):
            net.fit(X)

    def test_copies(self, module: dict[str, Any], tmp_path: Path) -> None:
        net = self.make(module, standardize=True).fit(X)
        expected = net.transform(X)
        assert np.array_equal(pickle.loads(pickle.dumps(net)).transform(X), expected)
        Checkpoint.from_estimator(net).save(tmp_path / "net.safetensors")
        loaded = Checkpoint.load(tmp_path / "net.safetensors").to_estimator(clone(net))
        assert np.array_equal(loaded.transform(X), expected)
        assert loaded.n_components_ == net.n_components_
        warm = clone(net).set_params(warm_start_from=tmp_path / "net.safetensors", max_epochs=0)
        assert np.array_equal(warm.fit(X).transform(X), expected)

    def test_statistics_that_move_leave_embeddings_where_they_were(self, module: dict[str, Any]) -> None:
        net = self.make(module, standardize=True, warm_start=True).fit(X[:60])
        before = net.transform(X)
        assert np.allclose(net.set_params(max_epochs=0).fit(3 * X + 1).transform(X), before)

    def test_columns_that_moved(self, module: dict[str, Any]) -> None:
        frame = pd.DataFrame(X, columns=list("abcdef"))
        net = self.make(module, schema="adapt", warm_start=True).fit(frame)
        before = net.transform(frame)
        moved = frame[list("fedcba")]
        net.set_params(max_epochs=0).fit(moved)
        assert np.allclose(net.transform(moved), before)

    def test_rows_of_the_donor_are_a_leak(self, module: dict[str, Any]) -> None:
        donor = self.make(module).fit(X[:60])
        net = self.make(module, warm_start_from=FrozenEstimator(donor)).fit(X[60:])
        with pytest.warns(LeakageWarning):
            net.score(X[:60])


def completed(net: WarmStartTransformer, frame: pd.DataFrame) -> pd.DataFrame:
    """What a masked autoencoder makes of rows, and how sure it is that an entry was replaced, by column."""
    with torch.no_grad():
        found = net.module_.decoder(net.module_.embed(torch.tensor(frame.to_numpy()))).numpy()
    return pd.DataFrame(found, columns=[f"{name}{i}" for i in range(2) for name in frame.columns])


def test_what_is_put_out_for_a_column_follows_its_name() -> None:
    frame = pd.DataFrame(X, columns=list("abcdef"))
    net = learner(schema="adapt", warm_start=True).fit(frame)
    before = completed(net, frame)
    moved = frame[list("feca")].assign(new=0.0)
    net.set_params(max_epochs=0).fit(frame.assign(new=0.0)[["new", *"fedcba"]])
    wider = completed(net, frame.assign(new=0.0)[["new", *"fedcba"]])
    assert np.allclose(wider[before.columns], before)
    net.fit(moved)
    assert net.start_.columns_dropped == ["d", "b"]
    assert completed(net, moved).shape == (120, 10)


class Parts(nn.Module):
    """An autoencoder of numbers and categories, in a dictionary or a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.look_up, self.encoder = nn.Embedding(5, 3), nn.Linear(9, 4)
        self.decoder = nn.Linear(4, 6)

    def embed(self, numbers: Any, kind: Any = None) -> torch.Tensor:
        numbers, kind = numbers if kind is None else (numbers, kind)
        return self.encoder(torch.cat([numbers, self.look_up(kind)], 1)).relu()

    def forward(self, numbers: Any, kind: Any = None) -> torch.Tensor:
        numbers, kind = numbers if kind is None else (numbers, kind)
        masked = numbers * (torch.rand_like(numbers) > 0.3)
        return (self.decoder(self.embed(masked, kind)) - numbers).square().mean(1)


class Patches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Conv2d(1, 3, 2, stride=2), nn.Conv2d(3, 4, 1)

    def embed(self, X: torch.Tensor) -> torch.Tensor:
        return self.encoder(X).flatten(1)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        masked = X * (torch.rand_like(X) > 0.3)
        return (nn.functional.pixel_shuffle(self.decoder(self.encoder(masked)), 2) - X).square().mean((1, 2, 3))


IMAGES = np.random.default_rng(2).integers(0, 255, (120, 1, 4, 4)).astype(np.uint8)
KINDS = np.random.default_rng(1).integers(0, 5, 120)
OTHER_ROWS: dict[str, tuple[Any, Any, Any]] = {
    "dict": (Parts, {"numbers": X, "kind": KINDS}, lambda index: {"numbers": X[index], "kind": KINDS[index]}),
    "tuple": (Parts, (X, KINDS), lambda index: (X[index], KINDS[index])),
    "uint8": (Patches, IMAGES, lambda index: IMAGES[index]),
}


@pytest.mark.parametrize("kind", list(OTHER_ROWS))
def test_other_kinds_of_rows(kind: str) -> None:
    module, rows, some = OTHER_ROWS[kind]
    net = WarmStartTransformer(module, max_epochs=3, random_state=0, warm_start=True, early_stopping=True)
    again = clone(net).fit(some(slice(60))).set_params(init_policy="cold").fit(rows)
    assert np.array_equal(net.fit(rows).transform(rows), again.transform(rows))
    before = net.transform(rows)
    assert net.score(rows) == net.score(rows)
    assert np.array_equal(net.set_params(max_epochs=0).fit(rows).transform(rows), before)
    assert np.allclose(net.transform(some(slice(7))), before[:7])
    net.partial_fit(rows)
    assert len(net.get_feature_names_out()) == before.shape[1]


class Alone(torch.utils.data.Dataset):
    """Rows that are read one by one, with labels or without."""

    def __init__(self, labelled: bool):
        self.labelled = labelled

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, i: int) -> Any:
        row = torch.tensor(X[i], dtype=torch.float32)
        return (row, int(y[i])) if self.labelled else row


@pytest.mark.parametrize("labelled", [True, False])
def test_rows_that_are_read_one_by_one(labelled: bool) -> None:
    rows, table = Alone(labelled), X.astype(np.float32)
    net = learner(module__n_features=6, warm_start=True).fit(rows)
    same = learner(optimizer__fused=False).fit(table)
    assert np.allclose(net.transform(rows), same.transform(table), atol=1e-3)
    assert net.score(rows) == pytest.approx(same.score(table), rel=1e-3)
    before = net.transform(table)
    assert np.array_equal(net.set_params(max_epochs=0).fit(rows).transform(table), before)
    net.set_params(max_epochs=2, early_stopping=True, init_policy="shrink_perturb").fit(rows).partial_fit(rows)
    assert np.isfinite(net.start_.loss)
    assert np.isfinite(net.score(rows))


class TestDonor:
    @pytest.mark.parametrize("form", ["frozen", "checkpoint", "file", "pretrained"])
    @pytest.mark.parametrize("estimator", [WarmStartClassifier, WarmStartRegressor])
    def test_the_body_starts_an_estimator_with_targets(self, form: str, estimator: Any, tmp_path: Path) -> None:
        net = learner().fit(X)
        source: Any = {
            "frozen": lambda: FrozenEstimator(net),
            "checkpoint": lambda: Checkpoint.from_estimator(net),
            "file": lambda: (
                Checkpoint.from_estimator(net).save(tmp_path / "net.safetensors") or tmp_path / "net.safetensors"
            ),
            "pretrained": lambda: Pretrained(net),
        }[form]()
        tuned = estimator(
            warm_start_from=source, module__hidden_layer_sizes=(8, 6), max_epochs=0, random_state=0
        ).fit(X[:20], y[:20])
        embeddings = tuned.module_.hidden(torch.tensor(X)).detach().numpy()
        assert np.array_equal(embeddings, net.transform(X))
        assert set(tuned.start_.loaded) == {f"hidden.{i}.{kind}" for i in (0, 2) for kind in ("weight", "bias")}
        assert set(tuned.start_.missing) == {"output.weight", "output.bias"}
        assert set(tuned.start_.left_over) == {"decoder.weight", "decoder.bias"}

    def test_rows_that_it_learned_from_are_remembered(self) -> None:
        net = learner().fit(X[:60])
        tuned = WarmStartClassifier(
            warm_start_from=FrozenEstimator(net), module__hidden_layer_sizes=(8, 6), max_epochs=1
        ).fit(X[60:80], y[60:80])
        with pytest.warns(LeakageWarning):
            tuned.score(X[:60], y[:60])

    def test_a_network_that_predicts_is_none_for_it(self) -> None:
        predicting = Checkpoint.from_estimator(WarmStartClassifier(max_epochs=1).fit(X, y))
        with pytest.raises(ValueError, match="learns without targets"):
            predicting.to_estimator(learner())


class TestComparator:
    def test_warm_against_cold_without_targets(self) -> None:
        comparator = WarmStartComparator(
            learner(early_stopping=True), ("cold", "warm"), DataIncremental(2), n_repeats=2, n_probes=1
        ).fit(X)
        assert list(comparator.gain_.index) == ["cold", "warm"]
        assert comparator.gain_["score"].lt(0).all()
        assert comparator.settings_["score"] == "minus the loss"
        assert comparator.settings_["ROPE"] > 0
        assert comparator.best_estimator_.transform(X).shape == (120, 6)
        assert comparator.score(X, None) == comparator.best_estimator_.score(X)

    def test_an_estimator_with_targets_needs_them(self) -> None:
        with pytest.raises(ValueError, match="y is None"):
            WarmStartComparator(WarmStartClassifier(), n_repeats=1).fit(X)


class NoEmbed(nn.Module):
    def __init__(self, n_features: int):
        super().__init__()
        self.embed = nn.Linear(n_features, 2)  # a layer of this name is no method

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.embed(X).square().mean()


class Table(OneNumber):
    def forward(self, X: torch.Tensor) -> Any:
        return self.embed(X)


class Lost(OneNumber):
    def forward(self, X: torch.Tensor) -> Any:
        return {"loss": 1.0}


class Diverges(OneNumber):
    def forward(self, X: torch.Tensor) -> Any:
        return super().forward(X).loss * torch.nan


class TestModulesThatDoNotFit:
    @pytest.mark.parametrize(
        ("module", "words"),
        [
            (NoEmbed, "no method embed"),
            (Table, r"must return its loss from forward.*a tensor of shape \(32, 5\)"),
            (Lost, "must return its loss from forward.*a dict"),
        ],
    )
    def test_what_is_missing_is_said_before_training(self, module: Any, words: str) -> None:
        with pytest.raises(TypeError, match=words):
            WarmStartTransformer(module, max_epochs=1, batch_size=32).fit(X)

    def test_embeddings_must_be_a_table(self) -> None:
        class Cube(OneNumber):
            def embed(self, X: torch.Tensor) -> torch.Tensor:
                return super().embed(X)[:, None]

        with pytest.raises(TypeError, match=r"must return a tensor of shape \(n_samples, n_components\)"):
            WarmStartTransformer(Cube, max_epochs=1).fit(X)

    def test_a_loss_that_is_no_number(self) -> None:
        with pytest.warns(UserWarning, match="not a finite number"):
            WarmStartTransformer(Diverges, max_epochs=1).fit(X)

    def test_a_failed_fit_leaves_the_one_before(self) -> None:
        net = learner().fit(X)
        before = net.transform(X)
        with pytest.raises(ValueError, match="NaN"):
            net.fit(np.full_like(X, np.nan))
        with pytest.raises(ValueError, match="features"):
            net.transform(X[:, :3])
        assert np.array_equal(net.transform(X), before)
