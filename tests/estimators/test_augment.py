"""Augmentation of training batches, and of nothing else."""

from __future__ import annotations

import joblib
import numpy as np
import pytest
import torch
from helpers import Sine, net, regressor
from helpers.profiles import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback, EpochScoring
from torch import nn

from sk_warmstart import Checkpoint
from sk_warmstart.augment import ColumnSwap, Compose, GaussianNoise, RandomCrop, RandomHorizontalFlip
from sk_warmstart.state import NetState

rng = np.random.default_rng(0)
X = rng.normal(size=(90, 4)).astype(np.float32)
y = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0.5)
images = rng.integers(0, 255, size=(60, 1, 6, 6)).astype(np.float32)


class Events(Callback):
    """Makes each batch an event, so that skorch's loop trains."""

    def on_batch_end(self, net, batch=None, training=None, **kwargs):
        pass


class Recorder:
    """An augmentation that notes what it is given, and returns it."""

    def __init__(self, change=lambda X: X):
        self.seen, self.change = [], change

    def __call__(self, X, generator):
        self.seen.append(X.clone())
        return self.change(X)

    def __deepcopy__(self, memo):
        return self


class Picture(nn.Module):
    def __init__(self, n_outputs: int = 3):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 3, 3), nn.Linear(3, n_outputs)

    def forward(self, X):
        return self.head(torch.relu(self.conv(X)).mean((2, 3)))


ROUTES = {
    "closed_form": {},
    "autograd": {"module": Sine},
    "events": {"callbacks": [("events", Events())]},
    "loader": {"iterator_train__num_workers": 0},
    "weights": {"class_weight": "balanced"},
}


def state_of(fitted):
    return {name: tensor.clone() for name, tensor in NetState.from_module(fitted.module_).items()}


def equal(one, other) -> bool:
    return all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def close(one, other) -> bool:
    return all(torch.allclose(tensor, other[name], rtol=1e-4, atol=1e-6) for name, tensor in one.items())


# ---------------------------------------------------------------- which rows


@pytest.mark.parametrize("route", ROUTES)
def test_training_rows_are_augmented_once_an_epoch_and_no_others(route) -> None:
    recorder = Recorder()
    fitted = net(augment=recorder, early_stopping=True, validation_fraction=0.3, **ROUTES[route])
    fitted.fit(X, y)
    validation = fitted.history[-1]["batches"]
    n_valid = sum(batch.get("valid_batch_size", 0) for batch in validation)
    n_train = sum(batch["train_batch_size"] for batch in validation if "train_batch_size" in batch)
    assert n_valid > 0
    assert n_train + n_valid == len(X)
    rows = torch.cat(recorder.seen)
    assert len(rows) == n_train * 4
    assert len({tuple(row) for row in rows.tolist()}) == n_train
    fitted.predict(X)
    fitted.score(X, y)
    assert len(torch.cat(recorder.seen)) == n_train * 4


@pytest.mark.parametrize("policy", ["dash", "linear_probe", "recycle_dormant"])
def test_what_a_policy_looks_at_is_not_augmented(policy) -> None:
    recorder = Recorder()
    fitted = net(warm_start=True).fit(X, y)
    fitted.set_params(init_policy=policy, augment=recorder, max_epochs=0).fit(X, y)
    assert recorder.seen == []


def test_the_start_is_evaluated_on_the_rows_as_they_are() -> None:
    plain = net(max_epochs=1).fit(X, y)
    augmented = net(max_epochs=1, augment=GaussianNoise(3)).fit(X, y)
    assert plain.start_.loss == augmented.start_.loss
    assert plain.loss_curve_ != augmented.loss_curve_


def test_scores_of_the_training_rows_are_taken_on_the_rows_as_they_are() -> None:
    scoring = EpochScoring("neg_log_loss", on_train=True, use_caching=False, name="plain")
    one = net(callbacks=[scoring], lr=0.0, augment=GaussianNoise(3), iterator_train__shuffle=False).fit(X, y)
    other = net(callbacks=[scoring], lr=0.0, iterator_train__shuffle=False).fit(X, y)
    assert one.history[:, "plain"] == other.history[:, "plain"]


def test_the_rows_that_a_net_holds_are_never_changed() -> None:
    before = X.copy()
    batches = Recorder(lambda rows: rows.zero_())
    net(augment=batches, max_epochs=3).fit(X, y)
    assert (before == X).all()
    assert all(bool((batch != 0).all()) for batch in batches.seen)


# ---------------------------------------------------------------- equal numbers


@pytest.mark.parametrize("route", ROUTES)
def test_an_augmentation_that_changes_nothing_changes_nothing(route) -> None:
    one = net(**ROUTES[route]).fit(X, y)
    other = net(augment=lambda rows, generator: rows, **ROUTES[route]).fit(X, y)
    assert equal(state_of(one), state_of(other))
    assert str(one.training_route_) == str(other.training_route_)


def test_all_loops_draw_the_same() -> None:
    settings = {"augment": Compose([ColumnSwap(0.2), GaussianNoise(0.3)]), "optimizer__fused": True}
    states = [
        state_of(net(**settings, **ROUTES[route]).fit(X, y)) for route in ("closed_form", "events", "loader")
    ]
    assert all(close(states[0], state) for state in states[1:])


@settings(max_examples=examples(8))
@given(
    n_epochs=st.integers(1, 4),
    route=st.sampled_from(["closed_form", "autograd", "events", "loader"]),
    augmentation=st.sampled_from([GaussianNoise(0.5), ColumnSwap(0.5), Compose([ColumnSwap(), GaussianNoise()])]),
    seed=st.integers(0, 999),
)
def test_partial_fits_equal_one_fit(n_epochs, route, augmentation, seed) -> None:
    """Law 3."""
    params = {"augment": augmentation, "random_state": seed, **ROUTES[route]}
    whole = net(max_epochs=n_epochs, **params).fit(X, y)
    parts = net(**params)
    for _ in range(n_epochs):
        parts.partial_fit(X, y, classes=[0, 1, 2])
    assert equal(state_of(whole), state_of(parts))
    again = clone(whole).fit(X, y)
    assert equal(state_of(whole), state_of(again))
    other = net(**params | {"random_state": seed + 1}, max_epochs=n_epochs).fit(X, y)
    assert not equal(state_of(whole), state_of(other))


def test_a_cold_refit_equals_a_fresh_fit() -> None:
    """Law 2."""
    refitted = net(warm_start=True, init_policy="cold", augment=GaussianNoise()).fit(X, y).fit(X, y)
    assert equal(state_of(refitted), state_of(net(augment=GaussianNoise()).fit(X, y)))


def test_a_saved_net_continues_where_it_stopped(tmp_path) -> None:
    fitted = net(augment=GaussianNoise(), module=Sine).fit(X, y)
    path = tmp_path / "net.safetensors"
    Checkpoint.from_estimator(fitted).save(path)
    resumed = Checkpoint.load(path).to_estimator(clone(fitted)).partial_fit(X, y)
    assert equal(state_of(fitted.partial_fit(X, y)), state_of(resumed))


def test_a_checkpoint_without_augmentation_is_what_it_was() -> None:
    def streams(fitted):
        return set(fitted._donate().streams)

    assert streams(net().fit(X, y)) == {"order"}
    assert streams(net(augment=GaussianNoise()).fit(X, y)) == {"order", "augment"}


def test_a_global_seed_decides_where_there_is_no_random_state() -> None:
    found = []
    for _ in range(2):
        torch.manual_seed(3)
        found.append(state_of(net(random_state=None, augment=GaussianNoise()).fit(X, y)))
    assert equal(*found)


@pytest.mark.parametrize("module", [None, Sine])
def test_packs_draw_for_each_member_what_it_draws_alone(module, caplog) -> None:
    """Law 10."""
    params = {"optimizer__fused": False} if module is None else {"module": module}
    base = net(dtype="float64", **params)
    grid = {"augment": [None, GaussianNoise(0.3), ColumnSwap(0.4)], "lr": [0.01, 0.02]}
    search = GridSearchCV(base, grid, cv=2)
    alone = clone(search).fit(X, y).cv_results_["mean_test_score"]
    with caplog.at_level("INFO", "sk_warmstart"), joblib.parallel_config(backend="packed", n_jobs=12):
        packed = clone(search).fit(X, y)
    assert "may train in a pack" in caplog.text
    assert "run alone" not in caplog.text
    np.testing.assert_allclose(packed.cv_results_["mean_test_score"], alone)


def test_members_of_a_pack_see_their_own_rows_only() -> None:
    recorders = [Recorder() for _ in range(3)]
    nets = [net(augment=recorder, random_state=i) for i, recorder in enumerate(recorders)]
    sizes = [90, 70, 41]
    with joblib.parallel_config(backend="packed", n_jobs=3):
        fitted = joblib.Parallel()(
            joblib.delayed(each.fit)(X[:n], y[:n]) for each, n in zip(nets, sizes, strict=True)
        )
    for recorder, each, n in zip(recorders, fitted, sizes, strict=True):
        assert each.training_route_.packs
        rows = torch.cat(recorder.seen).tolist()
        assert len(rows) == 4 * n
        assert {tuple(row) for row in rows} == {tuple(row) for row in X[:n].tolist()}


# ---------------------------------------------------------------- images, and other inputs


def test_images_are_cropped_and_flipped() -> None:
    labels = np.arange(60) % 3
    augmentation = Compose([RandomCrop(1), RandomHorizontalFlip()])
    one = net(module=Picture, augment=augmentation).fit(images, labels)
    assert one.set_params(augment__steps=[RandomCrop(2)]).fit(images, labels).predict(images).shape == (60,)


def test_a_regressor_takes_augmentations_too() -> None:
    targets = X[:, 0]
    assert regressor(augment=GaussianNoise()).fit(X, targets).predict(X).shape == (90,)


def test_standardised_rows_are_what_is_augmented() -> None:
    recorder = Recorder()
    net(augment=recorder, standardize=True, max_epochs=1).fit(100 + 50 * X, y)
    rows = torch.cat(recorder.seen)
    assert float(rows.mean().abs()) < 1e-3
    assert float(rows.std()) == pytest.approx(1, abs=0.01)


# ---------------------------------------------------------------- what is wrong

WRONG = {
    "shape": (
        lambda X, g: X[:, 1:],
        r"shape \(\d+, 4\), float32, on cpu; .* returned a tensor of shape \(\d+, 3\)",
    ),
    "rows": (lambda X, g: X[1:], "augment must return rows of the shape"),
    "dtype": (lambda X, g: X.double(), "returned a tensor of shape .* float64"),
    "device": (lambda X, g: X.to("meta"), "on meta"),
    "nothing": (lambda X, g: None, "returned a NoneType"),
    "array": (lambda X, g: X.numpy(), "returned a ndarray"),
    "pair": (lambda X, g: (X, X), "augment must return rows"),
    "nan": (lambda X, g: X * float("nan"), "augment must return finite numbers"),
}


@pytest.mark.parametrize("route", ["closed_form", "autograd", "events", "loader"])
@pytest.mark.parametrize("kind", WRONG)
def test_an_augmentation_that_returns_nonsense_leaves_the_net_as_it_was(kind, route) -> None:
    function, words = WRONG[kind]
    fitted = net(**ROUTES[route]).fit(X, y)
    before, history = state_of(fitted), len(fitted.history)
    fitted.set_params(augment=function)
    for method in (fitted.fit, fitted.partial_fit):
        with pytest.raises(ValueError, match=words):
            method(X, y)
    assert equal(before, state_of(fitted))
    assert len(fitted.history) == history


def test_a_failure_in_a_later_batch_leaves_weights_and_random_numbers_as_they_were() -> None:
    fitted = net(augment=GaussianNoise(), module=Sine).fit(X, y)
    twin = net(augment=GaussianNoise(), module=Sine).fit(X, y)
    seen = []

    def failing(rows, generator):
        seen.append(rows)
        return rows[:, :2] if len(seen) > 3 else rows

    with pytest.raises(ValueError, match="augment must return"):
        fitted.set_params(augment=failing).partial_fit(X, y)
    fitted.set_params(augment=GaussianNoise()).partial_fit(X, y)
    assert equal(state_of(fitted), state_of(twin.partial_fit(X, y)))


def test_parameters_of_an_augmentation_are_set_by_name() -> None:
    search = GridSearchCV(net(augment=GaussianNoise()), {"augment__scale": [5.0, 0.0]}, error_score="raise", cv=2)
    assert search.fit(X, y).best_estimator_.augment.scale in (0.0, 5.0)
    one = net(augment=GaussianNoise(0.0)).fit(X, y)
    again = clone(one).set_params(augment__scale=1.0).fit(X, y)
    assert one.set_params(augment__scale=1.0).fit(X, y).loss_curve_ == again.loss_curve_
    assert clone(one).augment.scale == 1.0
    with pytest.raises(ValueError, match="'augment__scale' is a parameter of augment, and None has none"):
        net().set_params(augment__scale=1.0)
