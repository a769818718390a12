"""What users of skorch do around a net: callbacks, splits, datasets, loaders and parts of their own."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from helpers import Linear, net
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import recall_score
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetBinaryClassifier
from skorch.callbacks import Callback, EpochScoring, InputShapeSetter, Unfreezer
from skorch.dataset import Dataset, ValidSplit
from skorch.exceptions import SkorchTrainingImpossibleError
from skorch.helper import SliceDataset, predefined_split
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

from sk_warmstart import WarmStartClassifier, WarmStartMixin, WarmStartRegressor

X, y = load_iris(return_X_y=True)
X = (X - X.mean(0)).astype(np.float32)
names = np.array(["setosa", "versicolor", "virginica"])[y]
SETTINGS: dict[str, Any] = {"max_epochs": 4, "batch_size": 16, "lr": 0.01, "random_state": 0}


class Watcher(Callback):
    def __init__(self) -> None:
        self.train, self.valid, self.lengths = None, None, []

    def on_epoch_end(self, net: Any, dataset_train: Any = None, dataset_valid: Any = None, **kwargs: Any) -> None:
        self.train, self.valid = dataset_train, dataset_valid
        self.lengths.append(len(net.history))


# ------------------------------------------------------------ scores and splits


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("use_caching", [False, True])
def test_a_score_of_each_epoch_is_taken_of_the_rows_and_labels_given(use_caching: bool, standardize: bool) -> None:
    def recall(fitted: Any, rows: Any, labels: Any) -> float:
        return recall_score(labels, fitted.predict(rows), labels=["virginica"], average="macro")

    scoring = EpochScoring(recall, name="recall", use_caching=use_caching)
    split = ValidSplit(3, stratified=True)
    fitted = net(callbacks=[scoring], train_split=split, standardize=standardize).fit(5 * X + 3, names)
    valid = split(Dataset(X, names), names)[1].indices
    assert fitted.history[-1, "recall"] == recall(fitted, 5 * X[valid] + 3, names[valid])


def test_callbacks_are_shown_what_the_user_gave() -> None:
    watcher = Watcher()
    net(callbacks=[("watcher", watcher)], early_stopping=True, standardize=True).fit(X, names)
    assert isinstance(watcher.valid, Subset)
    rows = [watcher.train.dataset.X[watcher.train.indices], watcher.valid.dataset.X[watcher.valid.indices]]
    labels = [watcher.train.dataset.y[watcher.train.indices], watcher.valid.dataset.y[watcher.valid.indices]]
    assert sorted(map(tuple, np.concatenate(rows))) == sorted(map(tuple, X))
    assert sorted(np.concatenate(labels)) == sorted(names)


def test_a_split_may_make_a_dataset_of_its_own() -> None:
    def split(dataset: Any, labels: Any) -> Any:
        assert labels[0] == "setosa"
        return (type(dataset)(dataset.X[i::2], dataset.y[i::2]) for i in range(2))

    own = net(train_split=split).fit(X, names)
    halves = np.r_[0 : len(X) : 2], np.r_[1 : len(X) : 2]
    fixed = net(train_split=predefined_split(Dataset(X[halves[1]], names[halves[1]]))).fit(
        X[halves[0]], names[::2]
    )
    assert np.array_equal(own.predict_proba(X), fixed.predict_proba(X))
    assert [row["valid_loss"] for row in own.history] == [row["valid_loss"] for row in fixed.history]


def test_callbacks_see_all_passes_of_a_row_of_partial_fits() -> None:
    watcher = Watcher()
    callbacks = [("watcher", watcher), ("thaw", Unfreezer("hidden.*", at=3))]
    fitted = net(callbacks=callbacks)
    for _ in range(2):
        fitted.partial_fit(X, y, classes=[0, 1, 2])
        for parameter in fitted.module_.hidden.parameters():
            parameter.requires_grad_(False)
    fitted.partial_fit(X, y)
    assert watcher.lengths == [1, 2, 3]
    assert all(parameter.requires_grad for parameter in fitted.module_.hidden.parameters())
    assert fitted.history[:, "epoch"] == [1, 2, 3]


def test_a_failing_partial_fit_leaves_the_history_as_it_was() -> None:
    class Fails(Callback):
        def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
            if len(net.history) == 2:
                raise RuntimeError("no")

    fitted = net(callbacks=[Fails]).partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(RuntimeError, match="no"):
        fitted.partial_fit(X, y)
    assert len(fitted.history) == 1


# ------------------------------------------------------------ parts of one's own


def test_a_shape_that_a_callback_sets_is_built_before_training() -> None:
    fitted = net(module=Linear, callbacks=[InputShapeSetter()]).fit(X, y)
    by_parameter = net(module=Linear, module__input_dim=4).fit(X, y)
    assert fitted.module_.line.in_features == 4
    assert np.array_equal(fitted.predict_proba(X), by_parameter.predict_proba(X))
    assert fitted.start_.kept.keys() == by_parameter.start_.kept.keys()
    by_rows = net(module=Linear, callbacks=[InputShapeSetter()]).partial_fit(X, y, classes=[0, 1, 2])
    assert by_rows.module_.line.in_features == 4


def test_a_criterion_without_weights_changes_at_once() -> None:
    fitted = net().fit(X, y)
    before = fitted.module_
    fitted.set_params(criterion__label_smoothing=0.5)
    assert fitted.criterion_.label_smoothing == 0.5
    assert fitted.module_ is before
    smooth = net(criterion__label_smoothing=0.5).fit(X, y)
    fitted.partial_fit(X, y)
    assert fitted.history[-1, "train_loss"] > 2 * fitted.history[-2, "train_loss"]
    assert smooth.history[-1, "train_loss"] > 0.5


def test_a_criterion_under_a_name_of_its_own() -> None:
    class Named(WarmStartClassifier):
        def initialize_criterion(self) -> Any:
            self.mine_ = nn.CrossEntropyLoss()
            return self

        def get_loss(self, y_pred: Any, y_true: Any, *args: Any, **kwargs: Any) -> Any:
            return self.mine_(y_pred, y_true)

    named = Named(Linear, module__input_dim=4, predict_nonlinearity=nn.Softmax(dim=-1), **SETTINGS).fit(X, y)
    expected = net(module=Linear, module__input_dim=4).fit(X, y)
    assert np.allclose(named.predict_proba(X), expected.predict_proba(X))


def test_one_logit_for_two_classes() -> None:
    class Binary(WarmStartMixin, NeuralNetBinaryClassifier):
        pass

    settings = {**SETTINGS, "verbose": 0, "max_epochs": 20, "warm_start": True, "train_split": None}
    fitted = Binary(Linear, module__input_dim=4, module__n_outputs=1, **settings).fit(X, y == 0)
    assert fitted.score(X, y == 0) > 0.95
    first = fitted.history[-1, "train_loss"]
    fitted.fit(X, y == 0)
    assert fitted.start_.policy == "Warm"
    assert fitted.history[-1, "train_loss"] < first


def test_a_network_with_too_few_outputs_is_an_error_in_words() -> None:
    small = net(module=Linear, module__input_dim=4, module__n_outputs=2)
    with pytest.raises(ValueError, match="the network has 2 outputs for 3 classes: give the module as many"):
        small.fit(X, y)
    made = small.set_params(max_epochs=0).fit(X, y)
    assert made.classes_.tolist() == [0, 1, 2]
    assert np.isnan(made.start_.loss)


def test_a_net_trimmed_for_prediction_says_that_it_cannot_be_trained() -> None:
    fitted = net().fit(X, y)
    fitted.trim_for_prediction()
    for train in (fitted.fit, fitted.partial_fit):
        with pytest.raises(SkorchTrainingImpossibleError, match="trimmed for prediction"):
            train(X, y)
    assert fitted.predict(X).shape == y.shape


def test_rows_too_large_for_the_default_network_are_an_error() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", RuntimeWarning)
        with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
            WarmStartRegressor(**SETTINGS).fit(np.finfo(np.float64).max * (X.astype(float) / 10), y)
    with pytest.warns(ConvergenceWarning, match="does the criterion suit"):
        net(criterion=nn.NLLLoss).fit(X, y)


# ------------------------------------------------------------ data of one's own


def test_a_loader_that_knows_the_targets() -> None:
    class Loader(DataLoader):
        def __init__(self, dataset: Any, **kwargs: Any):
            rows = torch.as_tensor(np.stack([dataset[i][0] for i in range(len(dataset))]))
            super().__init__(TensorDataset(rows, torch.as_tensor(y)), **kwargs)

    fitted = net(module=Linear, module__input_dim=4, iterator_train=Loader, classes=[0, 1, 2]).fit(X, None)
    expected = net(module=Linear, module__input_dim=4).fit(X, y)
    assert np.allclose(fitted.predict_proba(X), expected.predict_proba(X), atol=1e-6)
    with pytest.raises(ValueError, match="requires y to be passed"):
        net().fit(X, None)


def test_a_search_over_a_dataset() -> None:
    data = SliceDataset(Dataset(X, y))
    grid = {"lr": [1e-5, 0.05]}
    search = GridSearchCV(net(module=Linear, module__input_dim=4), grid, cv=3, scoring="accuracy").fit(data, y)
    arrays = GridSearchCV(net(module=Linear, module__input_dim=4), grid, cv=3, scoring="accuracy").fit(X, y)
    assert search.best_params_ == arrays.best_params_ == {"lr": 0.05}
    assert np.allclose(search.cv_results_["mean_test_score"], arrays.cv_results_["mean_test_score"])


def test_what_lies_on_a_device_is_pickled_so_that_another_machine_can_read_it() -> None:
    state = net().fit(X, y).__getstate__()
    assert not {"module_", "optimizer_", "origin_"} & state.keys()
