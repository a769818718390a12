"""What survives a second fit: the table of the design, cell by cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Callback, EpochScoring, LRScheduler
from torch.optim.lr_scheduler import StepLR

from sk_warmstart import WarmStartClassifier
from sk_warmstart.policies import ResetLayers, ShrinkPerturb

rng = np.random.default_rng(0)
X = rng.normal(size=(64, 5))
y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.8)
MODES: dict[str, dict[str, Any]] = {
    "cold": {"init_policy": "cold"},
    "warm": {},
    "keep": {"optimizer_state": "keep"},
    "shrink": {"init_policy": ShrinkPerturb(0.5, 0.1, buffers="keep")},
}


def net(**params: Any) -> WarmStartClassifier:
    defaults: dict[str, Any] = {
        "module__hidden_layer_sizes": (6,),
        "module__norm": "batch",
        "max_epochs": 2,
        "batch_size": 16,
        "random_state": 0,
        "warm_start": True,
    }
    return WarmStartClassifier(**{**defaults, **params})


def start_of_second_fit(**params: Any) -> tuple[dict[str, Any], dict[str, Any], Any]:
    first = net(**params).fit(X, y)
    before = {name: tensor.clone() for name, tensor in first.module_.state_dict().items()}
    before["moments"] = [dict(entry) for entry in first.optimizer_.state_dict()["state"].values()]
    second = first.set_params(max_epochs=0).fit(X, y)
    after: dict[str, Any] = dict(second.module_.state_dict())
    after["moments"] = [dict(entry) for entry in second.optimizer_.state_dict()["state"].values()]
    return before, after, second


def test_weights_and_buffers() -> None:
    for mode, kept in {"cold": False, "warm": True, "keep": True}.items():
        before, after, _ = start_of_second_fit(**MODES[mode])
        for name in ("hidden.0.weight", "hidden.1.running_mean"):
            assert torch.equal(before[name], after[name]) is kept, (mode, name)
    before, after, _ = start_of_second_fit(**MODES["shrink"])
    assert not torch.equal(before["hidden.0.weight"], after["hidden.0.weight"])
    assert torch.equal(before["hidden.1.running_mean"], after["hidden.1.running_mean"])
    before, after, _ = start_of_second_fit(init_policy="shrink_perturb")
    assert torch.equal(after["hidden.1.running_mean"], torch.zeros(6).double())
    assert int(after["hidden.1.num_batches_tracked"]) == 0


def test_moments() -> None:
    for mode, kept in {"cold": False, "warm": False, "keep": True, "shrink": False}.items():
        before, after, _ = start_of_second_fit(**MODES[mode])
        assert len(before["moments"]) == 6
        if kept:
            pairs = zip(before["moments"], after["moments"], strict=True)
            assert all(torch.equal(a[key], b[key]) for a, b in pairs for key in a)
        else:
            assert after["moments"] == []


def test_masked_moments_of_what_the_policy_changed() -> None:
    _, _, second = start_of_second_fit(init_policy=ResetLayers("head"), optimizer_state="mask")
    entries = {
        name: second.optimizer_.state.get(parameter, {}) for name, parameter in second.module_.named_parameters()
    }
    assert not entries["output.weight"]
    assert entries["hidden.0.weight"]["exp_avg"].abs().sum() > 0


def test_masked_moments_of_single_numbers() -> None:
    from sk_warmstart.policies import InitPolicy

    class FirstRow(InitPolicy):
        def start(self, previous: Any, fresh: Any, context: Any) -> Any:
            def rule(name: str, tensor: torch.Tensor) -> torch.Tensor:
                new = tensor.clone()
                if name == "hidden.0.weight":
                    new[0] = fresh[name][0]
                return new

            return previous.map(rule)

    _, _, second = start_of_second_fit(init_policy=FirstRow(), optimizer_state="mask")
    moment = second.optimizer_.state[second.module_.hidden[0].weight]["exp_avg"]
    assert torch.equal(moment[0], torch.zeros(5).double())
    assert (moment[1:] != 0).any()


def test_kept_moments_of_another_optimiser_are_refused() -> None:
    fitted = net(optimizer_state="keep").fit(X, y)
    before = fitted.predict_proba(X)
    with pytest.raises(ValueError, match=r"state of AdamW into one of SGD: use optimizer_state='reset'"):
        fitted.set_params(optimizer=torch.optim.SGD).fit(X, y)
    assert np.array_equal(fitted.predict_proba(X), before)


@pytest.mark.parametrize("mode", MODES)
def test_schedule_restarts_with_every_fit_and_goes_on_in_partial_fit(mode: str) -> None:
    schedule = LRScheduler(StepLR, step_size=1, gamma=0.5, event_name="lr_seen")
    fitted = net(callbacks=[schedule], lr=1.0, optimizer=torch.optim.SGD, max_epochs=3, **MODES[mode])
    for _ in range(2):
        fitted.fit(X, y)
        assert [row["lr_seen"] for row in fitted.history[-3:]] == [1.0, 0.5, 0.25]
    for expected in (0.125, 0.0625):
        fitted.partial_fit(X, y)
        assert fitted.history[-1]["lr_seen"] == expected


def test_callbacks_are_initialised_by_fit_and_go_on_in_partial_fit() -> None:
    class Counter(Callback):
        initialised = 0

        def initialize(self) -> Any:
            self.initialised += 1
            self.epochs_, self.begins_ = 0, 0
            return self

        def on_train_begin(self, net: Any, **kwargs: Any) -> None:
            self.begins_ += 1

        def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
            self.epochs_ += 1

    counter = Counter()
    fitted = net(callbacks=[counter]).fit(X, y).fit(X, y)
    assert (counter.initialised, counter.epochs_, counter.begins_) == (2, 2, 1)
    fitted.partial_fit(X, y).partial_fit(X, y)
    assert (counter.initialised, counter.epochs_, counter.begins_) == (2, 4, 1)
    assert dict(fitted.callbacks_)["Counter"] is counter


def test_best_scores_are_fresh_in_every_fit() -> None:
    fitted = net(max_epochs=20).fit(X, y)
    fitted.set_params(max_epochs=1, init_policy="cold").fit(X, y)
    assert fitted.history[-1]["train_loss_best"]
    stale = net(max_epochs=20, lr=0.05).fit(X, y)
    stale.set_params(max_epochs=1, init_policy="shrink_perturb", init_policy__shrink=0.01).fit(X, y)
    assert stale.history[-1]["train_loss"] > stale.history[-2]["train_loss"]
    assert stale.history[-1]["train_loss_best"]


def test_early_stopping_counts_anew() -> None:
    """A second fit on labels turned round must not stop at once, nor bring the old weights back."""
    big = np.random.default_rng(1).normal(size=(400, 5))
    labels = (big[:, 0] > 0).astype(int)
    fitted = net(early_stopping=True, max_epochs=60, lr=0.01, n_iter_no_change=5).fit(big, labels)
    assert fitted.score(big, labels) > 0.9
    fitted.fit(big, 1 - labels)
    assert fitted.n_iter_ > 5
    assert fitted.score(big, 1 - labels) > 0.9


@pytest.mark.parametrize("mode", MODES)
def test_history(mode: str) -> None:
    fitted = net(**MODES[mode]).fit(X, y)
    fitted.set_params(max_epochs=3).fit(X, y)
    epochs = [row["epoch"] for row in fitted.history]
    marked = [i for i, row in enumerate(fitted.history) if row.get("event_fit")]
    if mode == "cold":
        assert (epochs, marked) == ([1, 2, 3], [])
    else:
        assert (epochs, marked) == ([1, 2, 3, 4, 5], [2])
    assert fitted.n_iter_ == 3
    assert len(fitted.loss_curve_) == 3
    fitted.partial_fit(X, y)
    assert fitted.history[-1]["epoch"] == epochs[-1] + 1
    assert fitted.n_iter_ == 1


@pytest.mark.parametrize("mode", ["warm", "keep"])
def test_random_numbers_of_a_warm_fit_equal_a_fresh_clones(mode: str) -> None:
    """The order of the rows: seen by a callback, the same in the first fit, the second and a clone's."""

    class Orders(Callback):
        def initialize(self) -> Any:
            self.seen_ = getattr(self, "seen_", [])
            return self

        def on_batch_begin(self, net: Any, batch: Any = None, training: bool = False, **kwargs: Any) -> None:
            self.seen_.append(batch[0].clone())

    orders = Orders()
    net(callbacks=[orders], **MODES[mode]).fit(X, y).fit(X, y)
    half = len(orders.seen_) // 2
    assert all(torch.equal(a, b) for a, b in zip(orders.seen_[:half], orders.seen_[half:], strict=True))
    assert not torch.equal(orders.seen_[0], orders.seen_[half // 2])  # but each epoch has its own


@pytest.mark.parametrize("mode", ["warm", "keep", "shrink"])
def test_classes_never_shrink(mode: str) -> None:
    fitted = net(**MODES[mode]).fit(X, y)
    some = y < 2
    fitted.fit(X[some], y[some])
    assert list(fitted.classes_) == [0, 1, 2]
    assert fitted.predict_proba(X).shape[1] == 3
    cold = fitted.set_params(init_policy="cold").fit(X[some], y[some])
    assert list(cold.classes_) == [0, 1]


def test_callbacks_hear_the_users_labels() -> None:
    names = np.array(["ant", "bee", "cat"])[y]
    heard = []

    class Listener(Callback):
        def on_batch_end(self, net: Any, batch: Any = None, training: bool = False, **kwargs: Any) -> None:
            heard.append((training, set(np.asarray(batch[1]).tolist())))

    score = EpochScoring("accuracy", on_train=True, name="heard", lower_is_better=False)
    fitted = net(callbacks=[Listener(), score], max_epochs=40, lr=0.02).fit(X, names, X_val=X, y_val=names)
    assert {training for training, _ in heard} == {True, False}
    assert set().union(*(labels for _, labels in heard)) == {"ant", "bee", "cat"}
    assert fitted.history[-1]["heard"] > 0.6
    assert fitted.history[-1]["valid_acc"] == pytest.approx(fitted.history[-1]["valid_score"])


def test_the_start_is_described() -> None:
    fitted = net().fit(X, y)
    assert fitted.start_.policy == "Cold"
    assert fitted.start_.donor is None
    assert set(fitted.start_.kept.values()) == {0.0}
    again = fitted.set_params(init_policy=ShrinkPerturb(0.4, 0.0)).fit(X, y)
    start = again.start_
    assert (start.policy, start.donor, start.params["shrink"]) == ("ShrinkPerturb", "self", 0.4)
    assert start.kept["hidden.0.weight"] == pytest.approx(0.4)
    assert len(start.donor_id) == 16
    assert start.seconds > 0
    assert (start["loss"] > 0, 0 <= start["score"] <= 1, start.evaluated_on) == (True, True, "training")
    assert clone(again).fit(X, y).start_.policy == "Cold"
