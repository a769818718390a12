"""Linear probing: the head as a linear model of frozen features (LP-FT)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp
from torch import Tensor, nn

from ..._parameters import check_integer
from ...diagnostics.transfer._probe import Probe, Sample
from ...modules import call, first_output, n_rows
from ...modules._structure import tensor_name
from ...modules._tracing import Call, hooked
from ...state import NetState
from .._base import InitPolicy
from .._context import PolicyContext
from .._phase import PhaseData, RowSource
from .._registry import register

_ROWS_AT_ONCE = 1024
_CHOICE_ROWS = 20_000


@register("linear_probe")
class LinearProbe(InitPolicy):
    """Keep the body and replace the head by a linear model of its features (LP-FT) [1]_.

    The features are what the last layer is given, in evaluation mode. Classes are fitted by scikit-learn's
    ``LogisticRegression``, numbers by ``Ridge`` (with ``alpha = 1 / (2 C)``), with the weights of the rows, on
    standardised features; the solution is written in terms of the features as they are. Two classes with an
    output each get minus and plus half of the coefficients, and one logit gets them whole.

    The strength ``C`` is chosen on validation rows if there are any, otherwise by cross-validation inside the
    training rows (20,000 of them at most): by log loss, or R2. A class that has no rows gets no weights, and a
    bias with which its probability is at most ``1 / (n + 1)`` on each of the ``n`` training rows; it is
    learned as soon as it appears. Without a bias its logit is zero.

    What was chosen is in ``notes["probe"]``: ``C``, ``score`` (accuracy, or R2) on held-out rows of classes that
    were fitted, and where they came from. Where no rows can be held out, the strongest ``C`` is taken.

    Parameters
    ----------
    Cs : int or sequence of float, default=7
        Inverse strengths of regularisation to choose from, as ``LogisticRegression`` has them for all training
        rows; a number of them on a logarithmic grid from 1e-4 to 1e2.
    cv : int, default=5
        Number of folds where there are no validation rows, at least 2.
    max_iter : int, default=5000
        Limit of the solver's iterations; scikit-learn warns if it is reached.

    Raises
    ------
    ValueError
        If a parameter is out of range, structure or rows are not known, the last layer is not linear, shares
        its weight or is not what the network puts out, or the targets do not fit it.

    References
    ----------
    .. [1] Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution",
       ICLR 2022, arXiv:2202.10054.

    Examples
    --------
    >>> from sk_warmstart import WarmStartClassifier
    >>> from sk_warmstart.policies import LinearProbe
    >>> estimator = WarmStartClassifier(warm_start=True, init_policy=LinearProbe(Cs=[0.1, 1]))
    """

    def __init__(self, Cs: int | Sequence[float] = 7, cv: int = 5, max_iter: int = 5000):
        self.Cs = Cs
        self.cv = cv
        self.max_iter = max_iter

    def start(self, previous: NetState, fresh: NetState, context: PolicyContext) -> NetState:
        """Fit the head; see :meth:`InitPolicy.start`."""
        Cs, folds, max_iter = (
            self._strengths(),
            check_integer("cv of LinearProbe", self.cv, 2),
            check_integer("max_iter of LinearProbe", self.max_iter),
        )
        name, head = _head(previous, context)
        data, network = context.phase_data(), context.network(previous)
        if data.without_targets:
            raise ValueError(
                "LinearProbe fits a head to targets, and this network learns without any: use another init_policy"
            )
        if data.predict is not None:
            raise ValueError(
                "LinearProbe fits numbers that the network puts out, and here predictions are made of them by a "
                "nonlinearity (predict_nonlinearity, or that of the criterion): use another init_policy"
            )
        train = _sample(network, name, head, data, data.rows)
        has_valid = data.valid is not None and len(data.valid) > 0
        valid = _sample(network, name, head, data, data.valid) if has_valid else None  # type: ignore[arg-type]
        probe = Probe(data.classifies, head.bias is not None, max_iter)
        C, score = _choose(probe, train, valid, Cs, folds, context.generator)
        weight, bias = _solution(probe, train, C, head.out_features)
        context.notes["probe"] = {
            "C": C,
            "score": score,
            "chosen_on": "cross-validation" if valid is None else "validation rows",
            "n_rows": len(train.features),
        }
        solution = {tensor_name(name, "weight"): weight, tensor_name(name, "bias"): bias}

        def rule(name: str, tensor: Tensor) -> Tensor:
            return torch.from_numpy(solution[name]) if name in solution else tensor.clone()

        return previous.map(rule)

    def _strengths(self) -> list[float]:
        Cs = (
            np.logspace(-4, 2, check_integer("Cs of LinearProbe", self.Cs))
            if np.ndim(self.Cs) == 0
            else np.asarray(self.Cs)
        )
        try:
            Cs = Cs.astype(float)
        except (TypeError, ValueError):
            Cs = np.empty(0)
        if Cs.ndim != 1 or not len(Cs) or not bool(((Cs > 0) & np.isfinite(Cs)).all()):
            raise ValueError(f"Cs of LinearProbe must be a number of values or positive numbers, got {self.Cs!r}")
        # Of equally good ones the first is taken: the strongest.
        return sorted(float(C) for C in Cs)


def _head(previous: NetState, context: PolicyContext) -> tuple[str, nn.Linear]:
    layers = context.layers()
    name, head = layers[-1] if layers else ("", nn.Identity())
    weight = tensor_name(name, "weight")
    if not isinstance(head, nn.Linear) or weight not in previous:
        raise ValueError(
            f"LinearProbe needs a network whose last layer is linear, but {name!r} is {type(head).__name__}"
        )
    shared = [other for other, tensor in previous.items() if tensor is previous[weight] and other != weight]
    if shared:
        raise ValueError(
            f"LinearProbe cannot replace the weight of {name!r}: {', '.join(shared)} shares it, so its features "
            "would change with it"
        )
    return name, head


def _sample(network: nn.Module, name: str, head: nn.Linear, data: PhaseData, rows: RowSource) -> Sample:
    """What the head is given for each row, its targets and weights; rows without weight left out."""
    features: list[Tensor] = []
    targets: list[Tensor] = []
    weights: list[Tensor] = []
    with torch.no_grad():
        for X, y, weight in data.batches(_ROWS_AT_ONCE, rows):
            if y is None:
                raise ValueError("LinearProbe fits a linear model: it needs targets")
            given, logits, output = _called(network, name, X)
            _check_output(name, given, logits, output, data.classifies)
            features.append(given.cpu().double())
            targets.append(y.cpu())
            weights.append((torch.ones(n_rows(X)) if weight is None else weight).cpu().double())
    F, w = torch.cat(features).numpy(), torch.cat(weights).numpy()
    if not np.isfinite(F).all():
        raise ValueError("LinearProbe cannot start from features that are not finite. Start cold")
    check: Callable[[Tensor, int], NDArray] = _codes if data.classifies else _numbers
    y_all = check(torch.cat(targets), head.out_features)
    if not (w > 0).any():
        w = np.ones(len(w))
    used = w > 0
    return Sample(F[used], y_all[used], w[used] / w[used].mean())


def _choose(
    probe: Probe,
    train: Sample,
    valid: Sample | None,
    Cs: Sequence[float],
    folds: int,
    generator: torch.Generator,
) -> tuple[float, float]:
    """Choose an inverse strength by rows that were not fitted; return it and its score on them."""
    n = len(train.features)
    order = torch.randperm(n, generator=generator).numpy()[:_CHOICE_ROWS]
    if valid is not None:
        used = train if n <= _CHOICE_ROWS else _take(train, order)
        held = _take(valid, np.isin(valid.targets, used.targets)) if probe.classifies else valid
        n_used, n_held = len(used.features), len(held.features)
        sample = Sample(*(np.concatenate(parts) for parts in zip(used, held, strict=True)))
        splits = [(np.arange(n_used), np.arange(n_used, n_used + n_held))] if n_held else []
    else:
        if probe.classifies:
            # A row that is alone in its class cannot be fitted and held out; the others are dealt class by class.
            codes, counts = np.unique(train.targets, return_counts=True)
            order = order[np.isin(train.targets[order], codes[counts > 1])]
            order = order[np.argsort(train.targets[order], kind="stable")]
        sample = _take(train, order)
        # R2 needs two rows in a fold.
        n_folds = min(folds, len(order) if probe.classifies else len(order) // 2)
        dealt = np.arange(len(order)) % max(n_folds, 1)
        splits = [(np.flatnonzero(dealt != k), np.flatnonzero(dealt == k)) for k in range(n_folds)]
        n_used = len(order) * (n_folds - 1) // max(n_folds, 1)
    if n_used < 2 or not splits or (probe.classifies and len(np.unique(sample.targets)) < 2):
        return Cs[0], math.nan  # nothing to choose by: the strongest
    # The penalty is to weigh as much against the mean loss as it is going to on all rows.
    best, score = probe.search(sample, [C * n / n_used for C in Cs], splits)
    return Cs[best], score


def _take(sample: Sample, index: NDArray) -> Sample:
    return Sample(*(values[index] for values in sample))


def _solution(probe: Probe, sample: Sample, C: float, n_outputs: int) -> tuple[NDArray, NDArray]:
    """Return the weight and the bias of the head."""
    if not probe.classifies:
        return probe.weights(sample, C)
    n, d = sample.features.shape
    n_classes = max(2, n_outputs)
    present = np.unique(sample.targets)
    weight, bias = np.zeros((n_classes, d)), np.zeros(n_classes)
    if len(present) > 1:
        coef, intercept = probe.weights(sample, C)
        if len(present) == 2:
            coef, intercept = np.vstack([-coef, coef]) / 2, np.concatenate([-intercept, intercept]) / 2
        weight[present], bias[present] = coef, intercept
    absent = np.setdiff1d(np.arange(n_classes), present)
    if probe.fit_intercept and len(absent):
        # No more than one row's worth of probability for all of them, on any row.
        evidence = logsumexp(sample.features @ weight[present].T + bias[present], axis=1)
        bias[absent] = evidence.min() - np.log(n * len(absent))
    if n_outputs == 1:
        weight, bias = weight[1:] - weight[:1], bias[1:] - bias[:1]
    return weight, bias


def _called(network: nn.Module, name: str, X: Any) -> tuple[Tensor, Tensor, Tensor]:
    seen: list[tuple[Tensor, Tensor]] = []

    def note(call: Call) -> None:
        seen.append((call.given.clone(), call.result.clone()))

    with hooked(network, {name}, after=note):
        output = first_output(call(network, X))
    if len(seen) != 1:
        raise ValueError(
            f"LinearProbe needs a network that calls its last layer {name!r} once, not {len(seen)} times"
        )
    return *seen[0], output


def _check_output(name: str, given: Tensor, logits: Tensor, output: Tensor, classifies: bool) -> None:
    allowed: list[Callable[[Tensor], Tensor]] = [lambda z: z]
    if classifies:
        allowed += [lambda z: z.softmax(-1), lambda z: z.log_softmax(-1), torch.sigmoid]

    def equals(expected: Tensor) -> bool:
        return expected.numel() == output.numel() and torch.allclose(
            expected.flatten(), output.flatten(), rtol=1e-3, atol=1e-5, equal_nan=True
        )

    if given.ndim != 2 or not any(equals(function(logits)) for function in allowed):
        raise ValueError(
            f"LinearProbe needs a network that puts out what its last layer {name!r} computes from a table of "
            f"features{' (or its softmax or sigmoid)' if classifies else ''}: something else comes after it"
        )


def _codes(y: Tensor, n_outputs: int) -> NDArray:
    codes = y.reshape(len(y), -1).numpy()
    n_classes = max(2, n_outputs)
    fine = codes.shape[1] == 1 and bool((codes == codes.astype(np.int64)).all())
    if not fine or codes.min() < 0 or codes.max() >= n_classes:
        raise ValueError(
            f"LinearProbe needs one class a row, coded from 0 to {n_classes - 1} for {n_outputs} "
            f"output{'s' if n_outputs > 1 else ''}"
        )
    return codes[:, 0].astype(np.int64)


def _numbers(y: Tensor, n_outputs: int) -> NDArray:
    numbers = y.reshape(len(y), -1).double().numpy()
    if numbers.shape[1] != n_outputs:
        raise ValueError(f"LinearProbe needs {n_outputs} target columns, one an output, got {numbers.shape[1]}")
    return numbers
