"""States between states: WiSE-FT and model soups."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from ._alignment import align
from ._donor import Donor, Lineage
from ._loading import what_was_loaded
from ._net_state import NetState
from ._pretrained import Pretrained
from .files._checkpoint import Checkpoint
from .rows._row_memory import RowMemory

State = TypeVar("State", NetState, Checkpoint, Pretrained)


def interpolate(a: State | Pretrained, b: State | Pretrained, alpha: float = 0.5) -> State:
    """Return the state between two: ``(1 - alpha) * a + alpha * b``, which is WiSE-FT [1]_.

    There ``a`` is the donor and ``b`` what was fine-tuned from it. Parameters and floating buffers are
    interpolated, running statistics among them; integers are taken from ``b``, or from ``a`` where ``alpha`` is
    below 0.5. A checkpoint's optimiser is not handed on: its moments are of neither.

    Parameters
    ----------
    a, b : NetState, Checkpoint or Pretrained
        States of one network, both of the same kind. For weights between them to be any good, one must have
        been trained from the other, or both from the same. A :class:`Pretrained` also goes with one of another
        kind: it is matched by name and shape, and what it lacks, such as the head, is taken from the other.
    alpha : float, default=0.5
        From 0, which is ``a``, to 1, which is ``b``.

    Returns
    -------
    NetState, Checkpoint or Pretrained
        Of the same kind; a checkpoint or a Pretrained can be given as ``warm_start_from``. The lineage of a
        checkpoint names both.

    Raises
    ------
    ValueError
        If alpha is out of its range, or the two differ in tensors, classes, columns or standardisation.
    TypeError
        If they are no states.

    References
    ----------
    .. [1] Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022.

    Examples
    --------
    >>> from torch import nn
    >>> from sk_warmstart.state import NetState, interpolate
    >>> a, b = (NetState.from_module(nn.Linear(2, 1)) for _ in range(2))
    >>> bool(interpolate(a, b, 0.0)["weight"].equal(a["weight"]))
    True
    """
    if isinstance(alpha, bool) or not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be a number from 0 to 1, got {alpha!r}")
    return _mixed(_of_one_kind(a, b), [1.0 - float(alpha), float(alpha)])


def soup(states: Sequence[State], how: str = "uniform", score: Callable[[State], float] | None = None) -> State:
    """Return the mean of several states: a model soup [1]_.

    Only states that share a start can be expected to have a good mean: fits from one donor, not cold fits.
    Integers are taken from the last state. Running statistics are averaged too, and are not those that the mean
    of the weights would collect: networks with BatchNorm want a short fit afterwards.

    Parameters
    ----------
    states : sequence of NetState, Checkpoint or Pretrained
        States of one network, all of the same kind.
    how : {"uniform", "greedy"}, default="uniform"
        The mean of all; or, from the best on, of those that do not lower the score of the mean.
    score : callable, default=None
        ``score(state) -> float``, greater is better, on rows that no state was trained on; for ``"greedy"``.

    Returns
    -------
    NetState, Checkpoint or Pretrained
        Of the same kind; a checkpoint or a Pretrained can be given as ``warm_start_from``. The lineage of a
        checkpoint names those that are in.

    Raises
    ------
    ValueError
        If there are no states, they do not fit together, or ``how`` and ``score`` do not.
    TypeError
        If they are no states.

    References
    ----------
    .. [1] Wortsman et al., Model soups: averaging weights of multiple fine-tuned models improves accuracy
       without increasing inference time, ICML 2022.

    Examples
    --------
    >>> from torch import nn
    >>> from sk_warmstart.state import NetState, soup
    >>> states = [NetState.from_module(nn.Linear(2, 1)) for _ in range(3)]
    >>> soup(states, how="greedy", score=lambda state: -float(state["bias"].square())).is_parameter("bias")
    True
    """
    states = list(states)
    if not states:
        raise ValueError("soup needs at least one state")
    if how == "uniform":
        if score is not None:
            raise ValueError("score is for how='greedy': the uniform soup asks for none")
        return _mean(states)
    if how != "greedy":
        raise ValueError(f"how must be 'uniform' or 'greedy', got {how!r}")
    if score is None:
        raise ValueError("how='greedy' needs score, a callable that takes a state: greater is better")
    _check_alike(states)
    scores = [_number(score(state)) for state in states]
    order = sorted(range(len(states)), key=lambda i: -scores[i])
    chosen: list[int] = order[:1]
    best: float = scores[order[0]]
    for i in order[1:]:
        # The published code asks for a gain; the published algorithm, and this one, only for no loss.
        tried = _number(score(_mean([states[j] for j in [*chosen, i]])))
        if tried >= best:
            chosen, best = [*chosen, i], tried
    return _mean([states[j] for j in chosen])


def _mean(states: list[State]) -> State:
    return _mixed(states, [1 / len(states)] * len(states))


def _mixed(states: list[State], weights: list[float]) -> State:
    _check_alike(states)
    mixed: Any
    if isinstance(states[0], Checkpoint):
        mixed = Checkpoint.from_donor(
            _mixed_donor([s.donor() for s in states if isinstance(s, Checkpoint)], weights)
        )
    elif isinstance(states[0], Pretrained):
        mixed = Pretrained(_mixed_state([_tensors(s) for s in states], weights))
    else:
        mixed = _mixed_state([s for s in states if isinstance(s, NetState)], weights)
    return mixed


def _of_one_kind(a: Any, b: Any) -> list[Any]:
    """Bring a Pretrained into the layout of the other state, whose tensors fill its gaps."""
    mine, theirs = isinstance(a, Pretrained), isinstance(b, Pretrained)
    if mine == theirs or not isinstance(b if mine else a, NetState | Checkpoint):
        return [a, b]
    return [_like(a, b), b] if mine else [a, _like(b, a)]


def _like(pretrained: Pretrained, other: NetState | Checkpoint) -> Any:
    donor, layout = pretrained.donor(), _tensors(other)
    matched = donor.matched(layout)
    what_was_loaded(donor, layout, matched.held_in(layout, {}))
    state = align(matched.state, layout, missing="fresh")
    if isinstance(other, NetState):
        return state
    whole = other.donor()
    blank = donor.lineage.policy == "Pretrained"  # its rows are not known
    memory = RowMemory(columns=whole.memory.columns) if blank else donor.memory
    changes: dict[str, Any] = {"state": state, "memory": memory, "lineage": donor.lineage}
    return Checkpoint.from_donor(replace(whole, **changes, origin=None, saved_id=pretrained.id))


def _mixed_state(states: list[NetState], weights: list[float]) -> NetState:
    # Where nothing is to be added, not even rounding is: the ends are the states themselves.
    parts = [(state, weight) for state, weight in zip(states, weights, strict=True) if weight]
    heaviest = max(reversed(parts), key=lambda part: part[1])[0]

    def rule(name: str, tensor: Tensor) -> Tensor:
        if len(parts) == 1 or not (tensor.is_floating_point() or tensor.is_complex()):
            return heaviest[name].clone()
        wide = torch.promote_types(tensor.dtype, torch.float64)
        total = torch.zeros_like(tensor, dtype=wide)
        for state, weight in parts:
            total += weight * state[name].to(device=tensor.device, dtype=wide)
        return total

    return states[0].map(rule)


def _mixed_donor(donors: list[Donor], weights: list[float]) -> Donor:
    last, lines = donors[-1], [donor.lineage for donor in donors]
    origins = [donor.origin for donor in donors]
    shared = all(o is not None and origins[0] is not None and _equal(o, origins[0]) for o in origins)
    params: dict[str, Any] = {"of": [donor.id for donor in donors], "weights": list(weights)}
    return replace(
        last,
        state=_mixed_state([donor.state for donor in donors], weights),
        origin=last.origin if shared else None,
        optimizer=None,
        memory=RowMemory.of_all([donor.memory for donor in donors]),
        lineage=Lineage(
            generation=max(line.generation for line in lines),
            parent=last.id,
            policy="mixture",
            params=params,
            rows=max(line.rows for line in lines),
            rows_seen=max(line.rows_seen for line in lines),
        ),
        streams={},
        schedule={},
        saved_id=None,
    )


def _check_alike(states: Sequence[Any]) -> None:
    kinds = {type(state) for state in states}
    if len(kinds) != 1 or not issubclass(next(iter(kinds)), NetState | Checkpoint | Pretrained):
        names = sorted(kind.__name__ for kind in kinds)
        raise TypeError(
            "states must be all NetState or all Checkpoint (see its from_estimator) or all Pretrained, got "
            f"{names}"
        )
    first = states[0]
    for other in states[1:]:
        if isinstance(first, Checkpoint):
            _check_meaning(first.donor(), other.donor())
        _check_layout(_tensors(first), _tensors(other))


def _tensors(state: Any) -> NetState:
    return state.state if isinstance(state, Checkpoint | Pretrained) else state


def _check_layout(a: NetState, b: NetState) -> None:
    lacking = [*(set(a) ^ set(b))]
    if lacking:
        raise ValueError(f"the states are not of one network: only one of them has {sorted(lacking)[:4]}")
    for name, tensor in a.items():
        ours, theirs = (tuple(tensor.shape), tensor.dtype), (tuple(b[name].shape), b[name].dtype)
        if ours != theirs:
            raise ValueError(f"the states are not of one network: {name!r} is {ours} here and {theirs} there")
    if list(a.unique()) != [name for name in a if name in b.unique()]:
        raise ValueError("the states are not of one network: other tensors are tied")


def _check_meaning(a: Donor, b: Donor) -> None:
    hint = "bring one into the other's layout first: fit from it with schema='adapt' and max_epochs=0"
    for what, one, other in (
        ("classes", a.schema.classes, b.schema.classes),
        ("columns", a.schema.columns, b.schema.columns),
        ("targets", a.schema.targets, b.schema.targets),
        ("columns that identify a row", a.memory.columns, b.memory.columns),
    ):
        if not np.array_equal(np.asarray(one), np.asarray(other)):
            raise ValueError(f"the checkpoints differ in their {what}; {hint}")
    if (a.scaler is None) != (b.scaler is None) or not (
        a.scaler is None or (b.scaler is not None and b.scaler.is_still(a.scaler))
    ):
        raise ValueError(
            "the checkpoints standardise their inputs by different statistics, so their first layers do not mean "
            "the same; fit from one with standardize=True and max_epochs=0 on the rows of the other first"
        )


def _equal(a: NetState, b: NetState) -> bool:
    return set(a) == set(b) and all(torch.equal(tensor, b[name]) for name, tensor in a.items())


def _number(score: Any) -> float:
    value = float(score)
    if math.isnan(value):
        raise ValueError("score returned nan")
    return value
