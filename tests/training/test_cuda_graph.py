"""Recorded steps give what the same steps give one by one; the recorder is one for the CPU."""

from __future__ import annotations

import importlib.util
import logging
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.devices import needs_cuda
from skorch.callbacks import Callback, LRScheduler
from torch import nn

from sk_warmstart import WarmStartClassifier, WarmStartRegressor
from sk_warmstart.augment import ColumnSwap, GaussianNoise
from sk_warmstart.training.graphs import _chunk_graphs, _cuda_graph, _graphed_step
from sk_warmstart.training.mlp import _epoch as _closed_form_epoch

_spec = importlib.util.spec_from_file_location("recording", Path(__file__).with_name("recording.py"))
assert _spec is not None
assert _spec.loader is not None
recording = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(recording)

rng = np.random.default_rng(0)
X = rng.normal(size=(90, 4)).astype(np.float32)
y = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0.5)
weight = rng.random(90)


class Own(nn.Module):
    """A network that has no closed form."""

    def __init__(self, n_features: int, n_outputs: int, dropout: float = 0.0, norm: bool = False):
        super().__init__()
        self.inner, self.outer = nn.Linear(n_features, 6), nn.Linear(6, n_outputs)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.BatchNorm1d(6) if norm else nn.Identity()
        self.calls, self.slope = 0, 1.0

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.outer(self.dropout(self.norm(torch.tanh(self.slope * self.inner(X)))))


class Counts(Own):
    def forward(self, X: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return super().forward(X) * (1.0 if self.calls < 40 else 0.5)


class Draws(Own):
    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return super().forward(X) * random.uniform(0.9, 1.1)


class DrawsWithNumPy(Own):
    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return super().forward(X) * float(np.random.uniform(0.9, 1.1))  # noqa: NPY002


class Waits(Own):
    def forward(self, X: torch.Tensor) -> torch.Tensor:
        output = super().forward(X)
        return output * (0.5 if output.sum().item() > 0 else 1.0)


class Unused(Own):
    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.outer(torch.relu(self.inner(X)) if X.ndim > 2 else torch.zeros(len(X), 6) + X[:, :1])


class Pair(Own):
    """A network with an input of two parts."""

    def __init__(self, n_outputs: int):
        super().__init__(4, n_outputs)

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return super().forward(torch.cat([left, right], 1))


class Slopes(Callback):
    """Changes an attribute of the network between two epochs."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        net.module_.slope *= 0.9


class Peeks(Callback):
    """Keeps the gradients that an epoch leaves."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        kept = net.__dict__.setdefault("kept_", [])
        kept.append([None if p.grad is None else p.grad for p in net.module_.parameters()])


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Any:
    its = recording.Recorder()
    for module in (_graphed_step, _closed_form_epoch):
        monkeypatch.setattr(module, "recorder_for", lambda device: its if its.on else None)
    its.on = True
    return its


def fitted(recorder: Any, on: bool, cls: Any = WarmStartClassifier, target: Any = y, **params: Any) -> Any:
    given = {"max_epochs": 12, "batch_size": 16, "random_state": 0, "device": "cpu"} | params
    weights, given_rows = given.pop("weights", None), given.pop("rows", X)
    recorder.on = on
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    net = cls(callbacks=[*given.pop("callbacks", []), ("peeks", Peeks())], **given)
    return net.fit(given_rows, target, sample_weight=weights)


def same(a: Any, b: Any) -> None:
    assert a.loss_curve_ == b.loss_curve_
    one, other = a.module_.state_dict(), b.module_.state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    for p, q in zip(a.optimizer_.state.values(), b.optimizer_.state.values(), strict=True):
        assert all(torch.equal(torch.as_tensor(p[name]), torch.as_tensor(q[name])) for name in p)
    for gradients, others in zip(a.kept_, b.kept_, strict=True):
        for g, h in zip(gradients, others, strict=True):
            assert (g is None) == (h is None)
            assert g is None or torch.equal(g, h)
    assert torch.equal(a.learned_.streams.order.get_state(), b.learned_.streams.order.get_state())


PLAIN = [
    {"module": Own},
    {"module": Own, "module__dropout": 0.4},
    {"module": Own, "module__norm": True},
    {"module": Own, "weights": weight},
    {"module": Own, "batch_size": 15},  # every batch is whole
    {"module": Own, "iterator_train__drop_last": True},
    {"module": Own, "optimizer": torch.optim.SGD, "optimizer__momentum": 0.9},
    {"module": Own, "optimizer": torch.optim.SGD},
    {"module": Own, "early_stopping": True, "n_iter_no_change": 30},
    {"module": Pair, "rows": {"left": X[:, :1], "right": X[:, 1:]}, "weights": weight},
    {"module": Own, "rows": np.digitize(X, [-1, 0, 1]).astype(np.uint8)},
    {"module__norm": "layer"},
    {"module__hidden_layer_sizes": (5, 5)},
    {"module__hidden_layer_sizes": (5,), "weights": weight},
    {"module__hidden_layer_sizes": (5,), "batch_size": 15},
    {"module__hidden_layer_sizes": (5,), "optimizer": torch.optim.SGD, "optimizer__momentum": 0.9},
    {"module__hidden_layer_sizes": (5,), "module__dropout": 0.3},
    {"module": Own, "augment": GaussianNoise(0.3)},
    {"module__hidden_layer_sizes": (5,), "augment": ColumnSwap(0.3)},
]


@pytest.mark.parametrize("params", PLAIN)
def test_recorded_steps_equal_the_others(recorder: Any, params: dict[str, Any]) -> None:
    recorded, eager = fitted(recorder, True, **params), fitted(recorder, False, **params)
    same(recorded, eager)
    assert recorder.captured == 1
    assert recorder.replayed > 3


def test_a_regressor_is_recorded_too(recorder: Any) -> None:
    for params in ({"module": Own}, {"module__hidden_layer_sizes": (5,)}):
        given = {"cls": WarmStartRegressor, "target": X[:, :2].copy(), **params}
        same(fitted(recorder, True, **given), fitted(recorder, False, **given))
    assert recorder.captured == 2


def test_few_steps_are_not_worth_it(recorder: Any) -> None:
    fitted(recorder, True, module=Own, max_epochs=5)
    fitted(recorder, True, max_epochs=5)
    assert recorder.captured == recorder.warmed == 0


@pytest.mark.parametrize("params", [{"module": Own}, {"module__hidden_layer_sizes": (5,)}])
def test_a_schedule_is_recorded_anew(recorder: Any, params: dict[str, Any]) -> None:
    schedule = [("lr", LRScheduler("StepLR", step_size=10, gamma=0.5))]
    given = {"callbacks": schedule, "max_epochs": 30, **params}
    same(fitted(recorder, True, **given), fitted(recorder, False, **given))
    assert recorder.captured == 3
    every_epoch = [("lr", LRScheduler("StepLR", step_size=1, gamma=0.9))]
    recorder.captured = 0
    given["callbacks"] = every_epoch
    same(fitted(recorder, True, **given), fitted(recorder, False, **given))
    assert recorder.captured == 0  # five steps do not pay


def test_many_steps_with_one_rate_pay_in_each_epoch(recorder: Any) -> None:
    schedule = [("lr", LRScheduler("StepLR", step_size=1, gamma=0.9))]
    given = {"callbacks": schedule, "max_epochs": 3, "module": Own, "batch_size": 2}
    same(fitted(recorder, True, **given), fitted(recorder, False, **given))
    assert recorder.captured == 3


def test_an_attribute_that_changed_is_seen(recorder: Any) -> None:
    given = {"callbacks": [("slopes", Slopes())], "module": Own, "batch_size": 2, "max_epochs": 3}
    same(fitted(recorder, True, **given), fitted(recorder, False, **given))
    assert recorder.captured == 3


@pytest.mark.parametrize("module", [Counts, Draws, DrawsWithNumPy, Waits, Unused])
def test_what_python_does_is_not_frozen(recorder: Any, module: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "sk_warmstart.training.graphs._cuda_graph"):
        recorded = fitted(recorder, True, module=module)
    same(recorded, fitted(recorder, False, module=module))
    assert recorder.captured == 0
    assert "launched one by one" in caplog.text
    assert recorder.warmed == 1


@pytest.mark.parametrize("params", [{"module": Own, "module__dropout": 0.2}, {}])
def test_a_failed_recording_changes_nothing(
    recorder: Any, params: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    recorder.fails = True
    with caplog.at_level(logging.INFO, "sk_warmstart.training.graphs._cuda_graph"):
        recorded = fitted(recorder, True, **params)
    same(recorded, fitted(recorder, False, **params))
    assert (recorder.captured, recorder.replayed) == (1, 0)
    assert "not permitted" in caplog.text


def test_gradients_of_an_epoch_are_in_memory_of_their_own(recorder: Any) -> None:
    net = fitted(recorder, True, module=Own, batch_size=15)
    last, before = net.kept_[-1], net.kept_[-2]
    assert all(a.data_ptr() != b.data_ptr() and not torch.equal(a, b) for a, b in zip(last, before, strict=True))


def test_listeners_and_companions_are_not_recorded(recorder: Any) -> None:
    class Hears(Callback):
        def on_batch_end(self, net: Any, **kwargs: Any) -> None:
            pass

    fitted(recorder, True, module=Own, callbacks=[("hears", Hears())])
    fitted(recorder, True, module=Own, optimizer__fused=False)
    fitted(recorder, True, module=Own, autocast="bfloat16")
    assert recorder.captured == recorder.warmed == 0


def test_graphs_of_chunks_are_not_endless(recorder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_closed_form_epoch, "LONGEST", 4)
    same(fitted(recorder, True, max_epochs=20), fitted(recorder, False, max_epochs=20))
    assert recorder.captured == 2  # chunks of four batches, and the rest
    assert _chunk_graphs.LONGEST == 256


def test_only_cuda_has_a_recorder() -> None:
    assert _cuda_graph.recorder_for(torch.device("cpu")) is None


@needs_cuda
@pytest.mark.parametrize("params", [params for params in PLAIN if "weights" not in params])
def test_graphs_on_a_device(monkeypatch: pytest.MonkeyPatch, params: dict[str, Any]) -> None:
    params = {"batch_size": 16, "random_state": 0, "device": "cuda", "max_epochs": 12, **params}
    recorded = WarmStartClassifier(**params).fit(X, y)
    for module in (_graphed_step, _closed_form_epoch):
        monkeypatch.setattr(module, "recorder_for", lambda device: None)
    eager = WarmStartClassifier(**params).fit(X, y)
    np.testing.assert_allclose(recorded.loss_curve_, eager.loss_curve_, rtol=1e-5)
    np.testing.assert_allclose(recorded.predict_proba(X), eager.predict_proba(X), rtol=1e-4, atol=1e-5)


@needs_cuda
def test_a_step_that_waits_is_launched_as_it_is() -> None:
    params: dict[str, Any] = {"batch_size": 16, "random_state": 0, "device": "cuda", "module__dropout": 0.3}
    assert np.isfinite(WarmStartClassifier(Waits, **params).fit(X, y).loss_curve_).all()
