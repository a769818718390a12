"""Donors of another module: when a donor is one, and what became of its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ...state import Donor, NetState
from ...state._names import NameRule, propose, some

_LEAST = 0.5  # share of the network's numbers
_BODY = "body"


def as_other_module(donor: Donor, module_class: str | None) -> Donor:
    """Return a donor as one of another module, if it is, and its description says what others take of it."""
    description = donor.description
    rule = description.get(_BODY)
    if donor.by_name is not None or not isinstance(rule, Mapping) or description.get("class") == module_class:
        return donor
    return donor.as_body(NameRule(rule.get("prefix"), rule.get("rename") or {}))


def class_of(network: nn.Module) -> str:
    """Return the name of a network's class, as a donor's description has it."""
    return f"{type(network).__module__}.{type(network).__qualname__}"


def what_was_loaded(donor: Donor, layout: NetState, held: NetState | None, place: str = "") -> dict[str, Any]:
    """Return the shares of ``loaded``, ``missing`` and ``left_over`` tensors by name; None if names are its own.

    Whole numbers, such as positions and counters, are loaded where they are there, and not counted.
    """
    if donor.by_name is None:
        return {"loaded": None, "missing": None, "left_over": None}
    counted = {name: tensor for name, tensor in layout.unique().items() if tensor.is_floating_point()}
    total = max(1, sum(tensor.numel() for tensor in counted.values()))
    loaded, missing = {}, {}
    for name, tensor in counted.items():
        n = tensor.numel() if held is None else int(held[name].sum())
        if n:
            loaded[name] = n / total
        if n < tensor.numel():
            missing[name] = (tensor.numel() - n) / total
    left_over = _left_over(donor, layout, held, place)
    if total and sum(loaded.values()) < _LEAST:
        raise ValueError(_too_little(donor, counted, sum(loaded.values()), list(missing), list(left_over), place))
    return {"loaded": loaded, "missing": missing, "left_over": left_over}


def _left_over(donor: Donor, layout: NetState, held: NetState | None, place: str) -> dict[str, float]:
    """The tensors of a donor that no tensor of the network took, with their share of its numbers."""
    assert donor.by_name is not None
    first_names = {id(tensor): name for name, tensor in layout.unique().items()}
    taken: dict[str, Tensor] = {}
    targets = donor.by_name.targets(donor.state)
    for name, target in targets.items():
        tensor = layout.get(place + target) if target is not None else None
        if tensor is not None and (held is None or bool(held[first_names[id(tensor)]].any())):
            taken[name] = donor.state[name]
    used = {id(tensor) for tensor in taken.values()}
    total = max(1, sum(tensor.numel() for tensor in donor.state.unique().values()))
    return {
        name: tensor.numel() / total
        for name, tensor in donor.state.items()
        if name not in taken and id(tensor) not in used
    }


def _too_little(
    donor: Donor, counted: Mapping[str, Tensor], share: float, missing: list[str], left_over: list[str], place: str
) -> str:
    wanted = {name.removeprefix(place): tensor for name, tensor in counted.items()}
    same = [
        f"{name} is {tuple(wanted[name].shape)} in the network and {tuple(donor.state[old].shape)} in the donor"
        for old in donor.state
        if donor.by_name is not None and (name := donor.by_name(old)) in wanted
        if wanted[name].shape != donor.state[old].shape
    ]
    best = propose(donor.state, wanted)
    if best is not None and best[1] > share:
        hint = f"Pretrained(..., {best[0]!r}) would match {best[1]:.0%}"
    else:
        hint = "it seems to be a network of another kind; no prefix matches more"
    shapes = f" Of the same name, but not of the same shape: {some(same, 3)}." if same else ""
    return (
        f"the donor's tensors have names and shapes of {share:.0%} of the network's numbers, and at least "
        f"{_LEAST:.0%} are needed. The network lacks {some([name.removeprefix(place) for name in missing])}. Left "
        f"over in the donor: {some(left_over) or 'nothing'}.{shapes} {hint}"
    )
