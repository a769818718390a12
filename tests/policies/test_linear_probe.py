"""LinearProbe: the head is scikit-learn's solution, whatever the shape of the head."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from torch import Tensor, nn

from sk_warmstart.modules import MLP
from sk_warmstart.policies import LinearProbe, PolicyContext
from sk_warmstart.state import NetState

ContextOf = Callable[..., PolicyContext]


def data(n: int = 60, n_classes: int = 3, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    X = torch.randn(n, 4, generator=g, dtype=torch.float64)
    scores = X @ torch.randn(4, n_classes, generator=g, dtype=torch.float64)
    y = (scores + torch.randn(n, n_classes, generator=g, dtype=torch.float64)).argmax(1)
    return X, y, torch.rand(n, generator=g, dtype=torch.float64) + 0.1


def network(n_outputs: int, seed: int = 0, bias: bool = True) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(4, 7), nn.ReLU(), nn.Linear(7, n_outputs, bias=bias)).double()
    with torch.no_grad():
        net[0].bias[2] = -100.0  # type: ignore[index] # a dead feature
    return net


def features(net: nn.Module, X: Tensor) -> NDArray:
    with torch.no_grad():
        return torch.relu(net[0](X)).numpy()  # type: ignore[index]


def probed(net: nn.Module, context: PolicyContext, **params: Any) -> tuple[NetState, NetState, NDArray]:
    previous = NetState.from_module(net)
    X = context.phase_data().rows.batch(slice(None))[0]
    start = LinearProbe(**params).start(previous, previous, context)
    start.load_into(net)
    with torch.no_grad():
        output = net.eval()(X).numpy()
    previous.load_into(net)
    return previous, start, output


def standardised(F: NDArray, w: NDArray) -> NDArray:
    mean = np.average(F, axis=0, weights=w)
    scale = np.sqrt(np.average((F - mean) ** 2, axis=0, weights=w))
    return (F - mean) / np.where(scale > 0, scale, 1)


@given(seed=st.integers(0, 30), C=st.sampled_from([1e-3, 0.1, 10.0]), n_classes=st.integers(2, 4))
def test_the_head_is_a_logistic_regression(context_of: ContextOf, seed: int, C: float, n_classes: int) -> None:
    X, y, w = data(n_classes=n_classes, seed=seed)
    w = w / w.mean()
    net = network(n_classes, seed)
    previous, start, output = probed(net, context_of(net, X, y, w), Cs=[C])
    Z = standardised(features(net, X), w.numpy())
    model = LogisticRegression(C=C, max_iter=5000).fit(Z, y, sample_weight=w.numpy())
    if len(np.unique(y)) == n_classes:
        proba = torch.from_numpy(output).softmax(1).numpy()
        np.testing.assert_allclose(proba, model.predict_proba(Z), atol=1e-8)
    for name in ("0.weight", "0.bias"):
        assert torch.equal(start[name], previous[name])
    assert not start["2.weight"][:, 2].any()  # a feature without a spread tells nothing


def test_two_classes_share_the_coefficients_and_one_logit_has_them_whole(context_of: ContextOf) -> None:
    X, y, _ = data(n_classes=2)

    def binary_loss(output: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(output[:, 0], y.double())

    two, one = network(2), network(1)
    _, pair, _ = probed(two, context_of(two, X, y), Cs=[0.5])
    assert torch.allclose(pair["2.weight"][0], -pair["2.weight"][1])
    _, single, logit = probed(one, context_of(one, X, y), Cs=[0.5])
    assert single["2.weight"].shape == (1, 7)
    model = LogisticRegression(C=0.5, max_iter=5000)
    Z = standardised(features(one, X), np.ones(60))
    np.testing.assert_allclose(logit[:, 0], model.fit(Z, y).decision_function(Z), atol=1e-8)
    assert float(binary_loss(torch.from_numpy(logit), y, None)) < np.log(2)


def test_absent_classes_are_improbable_on_every_row_and_learn_at_once(context_of: ContextOf) -> None:
    X, y, _ = data()
    codes = torch.tensor([1, 4, 0])[y]
    net = network(6)
    _, start, output = probed(net, context_of(net, X, codes), Cs=[1.0])
    proba = torch.from_numpy(output).softmax(1)
    assert float(proba[:, [2, 3, 5]].sum(1).max()) <= 1 / 61 + 1e-12
    assert not start["2.weight"][[2, 3, 5]].any()
    reference = LogisticRegression(max_iter=5000).fit(Z := standardised(features(net, X), np.ones(60)), y)
    among = proba[:, [1, 4, 0]] / proba[:, [1, 4, 0]].sum(1, keepdim=True)
    np.testing.assert_allclose(among, reference.predict_proba(Z), atol=1e-8)
    start.load_into(net)
    nn.functional.cross_entropy(net(X), torch.full((60,), 3)).backward()
    assert float(net[2].weight.grad[3].abs().max()) > 0  # type: ignore[index]


@pytest.mark.parametrize(("n_outputs", "code"), [(3, 1), (1, 1), (1, 0), (2, 0)])
def test_one_class_alone(context_of: ContextOf, n_outputs: int, code: int) -> None:
    X, _, _ = data(20)
    net = network(n_outputs)
    _, _, output = probed(net, context_of(net, X, torch.full((20,), code)), Cs=2)
    logits = torch.from_numpy(output)
    if n_outputs == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], 1)
    assert torch.allclose(logits.softmax(1)[:, code], torch.tensor(20 / 21, dtype=torch.float64))


def test_a_head_without_bias(context_of: ContextOf) -> None:
    X, y, _ = data()
    net = network(3, bias=False)
    _, start, output = probed(net, context_of(net, X, y), Cs=[1.0])
    assert list(start) == ["0.weight", "0.bias", "2.weight"]
    F = features(net, X)
    Z = F / np.where((s := np.sqrt((F**2).mean(0))) > 0, s, 1)
    model = LogisticRegression(fit_intercept=False, max_iter=5000).fit(Z, y)
    np.testing.assert_allclose(torch.from_numpy(output).softmax(1), model.predict_proba(Z), atol=1e-8)


@pytest.mark.parametrize("n_targets", [1, 3])
def test_numbers_are_fitted_by_ridge(context_of: ContextOf, n_targets: int) -> None:
    X, _, w = data()
    w = w / w.mean()
    y = X[:, :n_targets] ** 2 * 10 + 100
    net = network(n_targets)
    context = context_of(net, X, y, w)
    _, _, output = probed(net, context, Cs=[0.25])
    Z = standardised(features(net, X), w.numpy())
    expected = Ridge(alpha=2.0).fit(Z, y.numpy(), sample_weight=w.numpy()).predict(Z)
    np.testing.assert_allclose(output, expected.reshape(60, -1), rtol=1e-9)
    assert context.notes["probe"]["C"] == 0.25


def test_the_strength_is_chosen_on_validation_rows(context_of: ContextOf) -> None:
    X, y, _ = data(60)
    X_valid, y_valid, _ = data(400, seed=0)
    Cs = [1e-4, 1e-2, 1.0, 100.0]
    net = network(3)
    context = context_of(net, X, y, valid=(X_valid, y_valid))
    probed(net, context, Cs=Cs)
    F = features(net, X)
    mean, scale = F.mean(0), np.where(F.std(0) > 0, F.std(0), 1)
    losses, scores = [], []
    for C in Cs:
        model = LogisticRegression(C=C, max_iter=5000).fit((F - mean) / scale, y)
        Z = (features(net, X_valid) - mean) / scale
        losses.append(-np.log(model.predict_proba(Z)[np.arange(400), y_valid]).mean())
        scores.append(model.score(Z, y_valid))
    best = int(np.argmin(losses))
    note = context.notes["probe"]
    assert (note["C"], note["chosen_on"], note["n_rows"]) == (Cs[best], "validation rows", 60)
    assert note["score"] == pytest.approx(scores[best])


def test_without_validation_rows_folds_are_drawn_by_the_generator(context_of: ContextOf) -> None:
    X, _, _ = data()
    y = torch.randint(3, (60,), generator=torch.Generator().manual_seed(0))  # noise: only strong is right
    net = network(3)
    context = context_of(net, X, y)
    before = context.generator.get_state()
    probed(net, context)
    assert not torch.equal(before, context.generator.get_state())
    note = context.notes["probe"]
    assert note["chosen_on"] == "cross-validation"
    assert note["C"] <= 1e-2
    assert note["score"] < 0.6


def test_rare_classes_few_rows_and_no_weights(context_of: ContextOf) -> None:
    net = network(3)
    for n in (1, 2, 3):
        X, _, _ = data(n)
        _, start, _ = probed(net, context_of(net, X, torch.arange(n)), Cs=2)
        assert all(bool(torch.isfinite(tensor).all()) for tensor in start.values())
    X, y, _ = data(30)
    y[y == 2] = 0
    y[4] = 2
    probed(net, context_of(net, X, y))
    _, unweighted, _ = probed(net, context_of(net, X, y), Cs=[1.0])
    _, zeros, _ = probed(net, context_of(net, X, y, torch.zeros(30)), Cs=[1.0])
    assert torch.equal(unweighted["2.weight"], zeros["2.weight"])
    left_out = (torch.arange(30) < 20).double() * 2
    _, masked, _ = probed(net, context_of(net, X, y, left_out), Cs=[1.0])
    _, first, _ = probed(net, context_of(net, X[:20], y[:20]), Cs=[1.0])
    assert torch.allclose(masked["2.weight"], first["2.weight"])


def test_the_choice_looks_at_a_part_of_many_rows(context_of: ContextOf, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, _ = data(80)
    net = network(3)
    monkeypatch.setattr("sk_warmstart.policies.rules._probe._CHOICE_ROWS", 25)
    context = context_of(net, X, y)
    probed(net, context)
    assert 0.3 < context.notes["probe"]["score"] <= 1
    monkeypatch.undo()
    _, whole, _ = probed(net, context_of(net, X, y), Cs=[context.notes["probe"]["C"]])
    monkeypatch.setattr("sk_warmstart.policies.rules._probe._CHOICE_ROWS", 25)
    _, part, _ = probed(net, context_of(net, X, y))
    assert torch.allclose(whole["2.weight"], part["2.weight"])  # the head is fitted on all of them


@pytest.mark.parametrize(
    "last", [nn.Softmax(-1), nn.LogSoftmax(-1), nn.Identity()], ids=["softmax", "log_softmax", "logits"]
)
def test_a_softmax_after_the_head_is_understood(context_of: ContextOf, last: nn.Module) -> None:
    X, y, _ = data()
    net = nn.Sequential(*network(3), last)
    previous = NetState.from_module(net)
    start = LinearProbe(Cs=[1.0]).start(previous, previous, context_of(net, X, y))
    assert not torch.equal(start["2.weight"], previous["2.weight"])


def test_a_limit_on_iterations_is_not_hidden(context_of: ContextOf) -> None:
    X, y, _ = data()
    net = network(3)
    with pytest.warns(ConvergenceWarning):
        probed(net, context_of(net, X, y), Cs=[100.0], max_iter=1, cv=2)


class Sequence(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(2, 3)

    def forward(self, X: Tensor) -> Tensor:
        return self.head(X.reshape(len(X), 2, 2)).sum(1)


def tied() -> nn.Module:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    net[2].weight = net[0].weight
    return net


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (nn.Sequential(nn.Linear(4, 3), nn.ReLU()), "something else comes after it"),
        (nn.Sequential(nn.Flatten(), nn.Unflatten(1, (4, 1)), nn.Conv1d(4, 3, 1), nn.Flatten()), "'2' is Conv1d"),
        (nn.Flatten(), "whose last layer is linear"),
        (Sequence(), "something else comes after it"),
        (tied(), "cannot replace the weight of '2': 0.weight shares it"),
        (MLP(4, 2, ()), "one class a row, coded from 0 to 1 for 2 outputs"),
    ],
    ids=["relu", "conv", "none", "sequence", "tied", "classes"],
)
def test_heads_that_cannot_be_probed(context_of: ContextOf, net: nn.Module, words: str) -> None:
    X, y, _ = data()
    state = NetState.from_module(net)
    with pytest.raises(ValueError, match=words):
        LinearProbe().start(state, state, context_of(net, X.float(), y))


def test_targets_and_features_that_cannot_be_fitted(context_of: ContextOf) -> None:
    X, y, _ = data()
    net = network(3)
    state = NetState.from_module(net)
    with pytest.raises(ValueError, match="needs targets"):
        LinearProbe().start(state, state, context_of(net, X, None))
    with pytest.raises(ValueError, match="needs 3 target columns, one an output, got 2"):
        LinearProbe().start(state, state, context_of(net, X, X[:, :2]))
    with pytest.raises(ValueError, match="features that are not finite"):
        LinearProbe().start(state, state, context_of(net, X * float("inf"), y))
