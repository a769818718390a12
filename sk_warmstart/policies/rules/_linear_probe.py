"""Fit the head first, on what the rest of the network already sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..._parameters import check_integer
from ...modules import first_output
from ...modules._structure import tensor_name
from ...modules._tracing import Call, hooked
from ...state import NetState
from .._base import InitPolicy
from .._context import PolicyContext
from .._phase import PhaseData, RowSource
from .._registry import register
from ._probe import Fit, Sample, choose, fit_classes, fit_numbers

_ROWS_AT_ONCE = 1024


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

    What was chosen is in ``notes["probe"]``: ``C``, ``score`` (accuracy, or R2) on held-out rows, and where
    they came from.

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
        train = _sample(network, name, head, data, data.rows)
        has_valid = data.valid is not None and len(data.valid) > 0
        valid = _sample(network, name, head, data, data.valid) if has_valid else None  # type: ignore[arg-type]
        fit: Fit = fit_classes if data.classifies else fit_numbers
        biased = head.bias is not None
        choice = choose(fit, train, valid, Cs, folds, context.generator, biased=biased, max_iter=max_iter)
        weight, bias = fit(train, choice.C, biased, max_iter)
        context.notes["probe"] = {
            "C": choice.C,
            "score": choice.score,
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
            weights.append((torch.ones(len(X)) if weight is None else weight).cpu().double())
    F, w = torch.cat(features).numpy(), torch.cat(weights).numpy()
    if not np.isfinite(F).all():
        raise ValueError("LinearProbe cannot start from features that are not finite. Start cold")
    check: Callable[[Tensor, int], NDArray] = _codes if data.classifies else _numbers
    y_all = check(torch.cat(targets), head.out_features)
    if not (w > 0).any():
        w = np.ones(len(w))
    used = w > 0
    return Sample(F[used], y_all[used], w[used] / w[used].mean(), head.out_features)


def _called(network: nn.Module, name: str, X: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    seen: list[tuple[Tensor, Tensor]] = []

    def note(call: Call) -> None:
        seen.append((call.given.clone(), call.result.clone()))

    with hooked(network, {name}, after=note):
        output = first_output(network(X))
    if len(seen) != 1:
        raise ValueError(
            f"LinearProbe needs a network that calls its last layer {name!r} once, not {len(seen)} times"
        )
    return *seen[0], output


def _check_output(name: str, given: Tensor, logits: Tensor, output: Tensor, classifies: bool) -> None:
    known: list[Callable[[Tensor], Tensor]] = [lambda z: z]
    if classifies:
        known += [lambda z: z.softmax(-1), lambda z: z.log_softmax(-1), torch.sigmoid]

    def equals(expected: Tensor) -> bool:
        return expected.numel() == output.numel() and torch.allclose(
            expected.flatten(), output.flatten(), rtol=1e-3, atol=1e-5, equal_nan=True
        )

    if given.ndim != 2 or not any(equals(function(logits)) for function in known):
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
