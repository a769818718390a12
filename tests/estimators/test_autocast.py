"""Mixed precision is what a loop by hand under torch.autocast is, whichever loop trains."""

from __future__ import annotations

import pickle
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from helpers.devices import needs_cuda
from joblib import Parallel, delayed
from sklearn.base import clone
from skorch.callbacks import Callback, EpochScoring
from torch import nn

from sk_warmstart import WarmStartClassifier, WarmStartRegressor
from sk_warmstart.training.mlp import _epoch as _closed_form_epoch

rng = np.random.default_rng(0)
X = rng.normal(size=(90, 4)).astype(np.float32)
y = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0.5)
weight = rng.random(90)


class Own(nn.Module):
    """Notes the precision that it computes in."""

    def __init__(self, n_features: int, n_outputs: int):
        super().__init__()
        self.inner, self.outer = nn.Linear(n_features, 6), nn.Linear(6, n_outputs)
        self.seen: set[tuple[bool, torch.dtype]] = set()

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        output = self.outer(torch.tanh(self.inner(X)))
        self.seen.add((self.training, output.dtype))
        return output


class Hears(Callback):
    """Wants skorch's loop."""

    def on_batch_end(self, net: Any, **kwargs: Any) -> None:
        pass


class Steps(WarmStartClassifier):
    """Has a step of its own."""

    def train_step_single(self, batch: Any, **fit_params: Any) -> Any:
        return super().train_step_single(batch, **fit_params)


def net(cls: Any = WarmStartClassifier, **params: Any) -> Any:
    given = {
        "max_epochs": 3,
        "batch_size": 16,
        "random_state": 0,
        "autocast": "bfloat16",
        "device": "cpu",
    } | params
    return cls(**given)


def by_hand(
    fitted: Any, start: nn.Module, criterion: nn.Module, y: torch.Tensor, weights: Any = None
) -> list[float]:
    """The same epochs, written out."""
    adam = torch.optim.AdamW(start.parameters(), lr=1e-3, fused=True)
    batches = fitted.get_iterator(fitted.get_dataset(X), training=True)
    batches.dataset.y = torch.arange(len(X))
    fitted.learned_.streams.__init__(fitted.learned_.seed)
    batches.generator = fitted.learned_.streams.order
    losses = []
    for _ in range(3):
        total = 0.0
        for rows, index in batches:
            adam.zero_grad()
            with torch.autocast("cpu", torch.bfloat16):
                output = start(rows).float()
                loss = criterion(output, y[index])
                if weights is not None:
                    loss = (loss * weights[index]).mean()
            loss.backward()
            adam.step()
            total += loss.item() * len(rows)
        losses.append(total / len(X))
    return losses


@pytest.mark.parametrize("module", [Own, "default"])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_a_loop_by_hand(module: Any, weighted: bool) -> None:
    params = {} if module == "default" else {"module": module}
    start = net(max_epochs=0, **params).fit(X, y).module_
    start.train()
    fitted = net(**params).fit(X, y, sample_weight=weight if weighted else None)
    weights = torch.from_numpy(weight).float() if weighted else None
    weights = weights / weights.mean() if weights is not None else None
    criterion = nn.CrossEntropyLoss(reduction="none" if weighted else "mean")
    assert by_hand(fitted, start, criterion, torch.from_numpy(y), weights) == pytest.approx(
        fitted.loss_curve_, rel=1e-6
    )
    for mine, theirs in zip(fitted.module_.parameters(), start.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)
        assert mine.dtype == torch.float32


def test_it_is_another_precision() -> None:
    full, half = net(autocast=None).fit(X, y), net().fit(X, y)
    assert full.loss_curve_ != half.loss_curve_
    np.testing.assert_allclose(full.loss_curve_, half.loss_curve_, rtol=0.02)


@pytest.mark.parametrize(
    "params",
    [
        {"callbacks": [("hears", Hears())]},
        {"callbacks": [("train_acc", EpochScoring("accuracy", on_train=True, name="train_acc"))]},
        {"cls": Steps},
    ],
)
@pytest.mark.parametrize("module", [Own, "default"])
def test_every_loop_does_the_same(params: dict[str, Any], module: Any) -> None:
    params = {**params} if module == "default" else {"module": module, **params}
    plain = {name: value for name, value in params.items() if name == "module"}
    one, other = net(**plain).fit(X, y), net(**params).fit(X, y)
    assert one.loss_curve_ == other.loss_curve_
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_predictions_are_made_in_full_precision() -> None:
    fitted = net(module=Own, early_stopping=True).fit(X, y)
    fitted.predict(X)
    fitted.score(X, y)
    assert fitted.module_.seen == {(True, torch.bfloat16), (False, torch.float32)}
    probabilities = fitted.predict_proba(X)
    assert probabilities.dtype == np.float32
    np.testing.assert_array_equal(clone(fitted).set_params(autocast=None).autocast, None)
    fitted.set_params(autocast=None)
    np.testing.assert_array_equal(fitted.predict_proba(X), probabilities)


def test_doubles_become_singles() -> None:
    fitted = net(module=Own).fit(X.astype(np.float64), y)
    assert (True, torch.bfloat16) in fitted.module_.seen
    with pytest.raises(ValueError, match="leaves float64 as it is"):
        net(dtype="float64").fit(X, y)


def test_a_regressor_too() -> None:
    one, other = (net(WarmStartRegressor, autocast=a).fit(X, X[:, 0]) for a in ("bfloat16", None))
    np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, rtol=0.02)
    assert one.loss_curve_ != other.loss_curve_


def test_the_closed_form_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(_closed_form_epoch.ClosedFormEpochs, "run", fail)
    net().fit(X, y)


def test_packs_leave_it_alone(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"), joblib.parallel_config(backend="packed", n_jobs=2):
        packed = Parallel()(delayed(lambda s: net(random_state=s).fit(X, y).loss_curve_)(s) for s in (0, 1))
    assert packed == [net(random_state=s).fit(X, y).loss_curve_ for s in (0, 1)]
    assert "autocast='bfloat16'" in caplog.text


@pytest.mark.parametrize(
    ("value", "says"),
    [("float16", "needs its gradients scaled"), ("half", "must be None or one of"), (True, "must be")],
)
def test_what_cannot_be_is_said_and_nothing_is_lost(value: Any, says: str) -> None:
    fitted = net(autocast=None, warm_start=True).fit(X, y)
    before = fitted.predict_proba(X)
    for call in (fitted.fit, fitted.partial_fit):
        fitted.set_params(autocast=value)
        with pytest.raises(ValueError, match=says):
            call(X, y)
        np.testing.assert_array_equal(fitted.predict_proba(X), before)


def test_it_goes_on_and_is_copied() -> None:
    fitted = net().partial_fit(X, y, classes=[0, 1, 2])
    other = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(
        fitted.partial_fit(X, y).predict_proba(X), other.partial_fit(X, y).predict_proba(X)
    )
    whole = net(max_epochs=2).fit(X, y)
    np.testing.assert_array_equal(whole.predict_proba(X), fitted.predict_proba(X))


class Scaler:
    """A GradScaler for the CPU, of a fixed scale, that tells what it was asked."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def scale(self, loss: torch.Tensor) -> torch.Tensor:
        self.said.append("scale")
        return loss * 1024

    def unscale_(self, optimizer: Any) -> None:
        self.said.append("unscale")
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad.div_(1024)

    def step(self, optimizer: Any) -> None:
        self.said.append("step")
        optimizer.step()

    def update(self) -> None:
        self.said.append("update")


@pytest.mark.parametrize("hears", [False, True])
def test_a_scaled_step(monkeypatch: pytest.MonkeyPatch, hears: bool) -> None:
    """Float16 with everything but the device: a stand-in scales, and what is said about the CPU is not."""
    from sk_warmstart.estimators import _mixin
    from sk_warmstart.estimators.run._run import Run

    scaler = Scaler()
    monkeypatch.setattr(Run, "loss_scaler", lambda self: scaler)
    monkeypatch.setattr(_mixin, "check_params", lambda params: None)
    callbacks: list[Any] = [("hears", Hears())] if hears else []
    fitted = net(module=Own, autocast="float16", callbacks=callbacks).fit(X, y)
    assert scaler.said == ["scale", "unscale", "step", "update"] * 18
    np.testing.assert_allclose(fitted.loss_curve_, net(module=Own, autocast=None).fit(X, y).loss_curve_, rtol=0.02)


@needs_cuda
@pytest.mark.parametrize("autocast", ["bfloat16", "float16"])
@pytest.mark.parametrize("module", [Own, "default"])
def test_on_a_device(autocast: str, module: Any) -> None:
    params = {"device": "cuda"} if module == "default" else {"device": "cuda", "module": module}
    one, other = (net(autocast=a, **params).fit(X, y) for a in (autocast, None))
    np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, rtol=0.02)
    assert one.loss_curve_ != other.loss_curve_
    pickle.loads(pickle.dumps(one)).partial_fit(X, y)
