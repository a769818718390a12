"""What a network took from a donor of another module, by name and share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ._alignment import match_names
from ._donor import Donor
from ._names import propose, some
from ._net_state import NetState

_LEAST = 0.5  # share of the network's numbers


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
        n = tensor.numel() if held is None else int(held[name].count_nonzero())
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
    chosen = match_names(donor.state, layout, donor.by_name, place)
    chosen = {new: old for new, old in chosen.items() if held is None or bool(held[new].any())}
    ties = {id(layout[new]): donor.state[old] for new, old in chosen.items()}
    taken = {id(donor.state[old]) for old in chosen.values()}
    for old, tensor in donor.state.items():  # another name of tied weights, with the same numbers
        new = place + str(donor.by_name(old))
        tied = ties.get(id(layout[new])) if new in layout else None
        if tied is not None and torch.equal(tied, tensor):
            taken.add(id(tensor))
    total = max(1, sum(tensor.numel() for tensor in donor.state.unique().values()))
    left = {name: tensor for name, tensor in donor.state.items() if id(tensor) not in taken}
    return {name: tensor.numel() / total for name, tensor in left.items()}


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
