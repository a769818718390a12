"""Interrupts (Ctrl-C) at any moment of fit and partial_fit."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from helpers import Sine, net
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback, EarlyStopping
from skorch.dataset import ValidSplit
from skorch.history import History

from sk_warmstart import Checkpoint
from sk_warmstart.estimators.input._identity import known_share

X, Y = load_iris(return_X_y=True)
ORDER = np.random.default_rng(0).permutation(len(X))
X, Y = X[ORDER], Y[ORDER]
MODULES: list[dict[str, Any]] = [{}, {"module": Sine}]


@contextlib.contextmanager
def interrupted_at(lines: list[int]) -> Iterator[None]:
    """Raise KeyboardInterrupt before these lines of the library, counted as they are executed."""
    left, count = sorted(lines, reverse=True), 0

    def local(frame: Any, event: str, arg: Any) -> Any:
        nonlocal count
        if event == "line":
            count += 1
            if left and count >= left[-1]:
                left.pop()
                raise KeyboardInterrupt
        return local

    def trace(frame: Any, event: str, arg: Any) -> Any:
        name = frame.f_globals.get("__name__", "")
        return local if name.startswith(("sk_warmstart.", "skorch.", "torch.autograd.grad_mode")) else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


@given(
    module=st.sampled_from(MODULES),
    at=st.integers(1, 4000),
    gap=st.one_of(st.none(), st.integers(1, 60)),
    method=st.sampled_from(["fit", "partial_fit"]),
)
@settings(max_examples=60, deadline=None)
def test_whatever_the_moment_the_estimator_is_whole(module: Any, at: int, gap: int | None, method: str) -> None:
    subject = net(warm_start=True, max_epochs=2, batch_size=64, **module).fit(X[:100], Y[:100], None)
    before = {name: tensor.clone() for name, tensor in subject.module_.state_dict().items()}
    known, done = known_share(subject, X[100:]), True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with interrupted_at([at] if gap is None else [at, at + gap]):
                getattr(subject, method)(X[90:], Y[90:])
        except KeyboardInterrupt:
            done = False
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
    subject.predict(X)
    if not done:
        same = all(torch.equal(tensor, before[name]) for name, tensor in subject.module_.state_dict().items())
        # Nothing was learned, or, in the last lines of the call, all; and the memory says which.
        assert same == (known_share(subject, X[100:]) == known)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        subject.fit(X, Y)
        subject.partial_fit(X, Y)
    assert all("epoch" in row for row in subject.history)
    Checkpoint.from_estimator(subject)


def test_a_row_of_the_history_without_its_number() -> None:
    subject = net(warm_start=True).fit(X, Y)
    real, calls = History.new_epoch, []

    def new_epoch(self: History) -> None:
        real(self)
        calls.append(0)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with mock.patch.object(History, "new_epoch", new_epoch), pytest.warns(ConvergenceWarning, match="interrupted"):
        subject.fit(X, Y)
    assert subject.n_iter_ == len(subject.loss_curve_) == 1
    subject.fit(X, Y)
    assert [row["epoch"] for row in subject.history] == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_an_interrupted_fit_says_so() -> None:
    real, calls = torch.nn.CrossEntropyLoss.forward, []

    def forward(self: Any, *args: Any) -> Any:
        calls.append(0)
        if len(calls) == 15:
            raise KeyboardInterrupt
        return real(self, *args)

    subject = net(max_epochs=5, module=Sine)
    with (
        mock.patch.object(torch.nn.CrossEntropyLoss, "forward", forward),
        pytest.warns(ConvergenceWarning, match=r"interrupted .* after 1 whole epochs"),
    ):
        subject.fit(X, Y)
    assert subject.n_iter_ == len(subject.loss_curve_) == 1


def test_fits_without_recorded_gradients_and_under_inference_mode() -> None:
    for params in MODULES:
        plain = net(**params).fit(X, Y)
        for mode in (torch.no_grad, torch.inference_mode):
            with mode():
                fitted = net(**params).fit(X, Y)
                fitted.partial_fit(X, Y)
                assert torch.is_inference_mode_enabled() == (mode is torch.inference_mode)
                assert not torch.is_grad_enabled()
            np.testing.assert_array_equal(fitted.predict_proba(X), plain.partial_fit(X, Y).predict_proba(X))
            plain = net(**params).fit(X, Y)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_an_epoch_that_a_callback_ends_counts(method: str) -> None:
    class Stop(Callback):
        def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
            if len(net.history) == 3:
                raise KeyboardInterrupt

    subject = net(max_epochs=9, callbacks=[Stop()]).fit(X, Y)
    assert subject.n_iter_ == len(subject.loss_curve_) == len(subject.history) == 3
    assert Checkpoint.from_estimator(subject).lineage["epochs"] == 3
    if method == "partial_fit":
        subject.partial_fit(X, Y)
        assert subject.n_iter_ == 1


def test_early_stopping_of_skorch() -> None:
    stopped = net(
        max_epochs=300, lr=0.05, train_split=ValidSplit(5, stratified=True), callbacks=[EarlyStopping(patience=3)]
    ).fit(X, Y)
    assert stopped.n_iter_ == len(stopped.history) == len(stopped.loss_curve_) < 300
