"""Adaptation of a donor's tensors to classes, columns and statistics that changed since."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import Bunch
from torch import nn

from ...modules import MLP, End, MaskedAutoencoder, find_input, find_output
from ...state import Donor, NetState, Schema
from ...state._alignment import Remap
from ...state._layer_names import match_layers
from ...state._loading import what_was_loaded
from ...state._schema import Reindex, map_columns, map_labels, map_names
from ...state.rows._standardizer import Reparametrisation, Standardizer


@dataclass(frozen=True)
class Adapted:
    """A donor in the layout of a new network.

    ``change`` holds the names that came and went (``classes_added``, ``columns_added``, ``columns_dropped``;
    positions where there are no names), ``layers_fresh``, and of a donor of another module what was ``loaded``,
    ``missing`` and ``left_over``; ``scaler`` is the donor's where rounding alone differs from the new one;
    ``held`` tells which numbers are the donor's, None if all are.
    """

    donor: Donor
    change: Bunch
    scaler: Standardizer | None
    held: NetState | None


def adapt(
    donor: Donor,
    schema: Schema,
    scaler: Standardizer | None,
    network: nn.Module,
    module: nn.Module,
    probe: Any,
    adapts: bool,
    new_head: int | None = None,
) -> Adapted:
    """Bring a donor into the layout of a new network: classes by label, columns by name, the first layer by scale.

    ``network`` is all that is learned, ``module`` the part that takes the rows. ``new_head`` is the number of
    outputs where those of the donor mean something else.
    """
    layout = NetState.from_module(network)
    source, place = donor, place_of(module, network)
    by_name = donor.by_name is not None
    donor = donor.matched(layout, place) if by_name else at_its_layers(donor, layout, module, adapts)
    columns, outputs = _mappings(donor.schema, schema, adapts)
    if new_head is not None:
        outputs = Reindex(np.full(new_head, -1, dtype=np.int64), new_head)
    ends = _Ends(module, place, probe)
    remaps: dict[str, list[Remap]] = {}
    if columns is not None and not columns.is_identity:
        end = ends.input()
        for name, axis in end.axes.items():
            remaps.setdefault(name, []).append(Remap(axis, columns, fresh=name != f"{end.layer}.weight"))
        for name, remap in _column_outputs(module, place, columns).items():
            remaps.setdefault(name, []).append(remap)
    if outputs is not None and not outputs.is_identity:
        for name, axis in ends.output(len(outputs.source)).axes.items():
            remaps.setdefault(name, []).append(Remap(axis, outputs, fresh=True))
    if columns is None or columns.is_identity:
        scaler = _settled(donor.scaler, scaler)
    held = donor.held_in(layout, remaps)
    loaded = what_was_loaded(source, layout, held, place)
    change = reparametrisation(donor.scaler, scaler, columns, ends, network)
    if change is not None and held is not None and by_name and not bool(held[change.weight].any()):
        change = None  # a fresh layer reads the rows as they are now
    adapted = donor.adapted(layout, remaps, change, "fresh" if adapts or by_name else "raise")
    report = _report(donor.schema, schema, columns, None if new_head is not None else outputs)
    return Adapted(adapted, Bunch(**report, layers_fresh=_without_donor(held), **loaded), scaler, held)


def _column_outputs(module: nn.Module, place: str, columns: Reindex) -> dict[str, Remap]:
    """Return how the layer moves that puts out something for each column, which a module names."""
    layer = getattr(module, "column_output", None)
    if not isinstance(layer, str):
        return {}
    tensors = dict(module.get_submodule(layer).named_parameters())
    n_blocks = len(next(iter(tensors.values()))) // len(columns.source)
    blocks = [np.where(columns.source < 0, -1, columns.source + i * columns.n_old) for i in range(n_blocks)]
    remap = Remap(0, Reindex(np.concatenate(blocks), n_blocks * columns.n_old), fresh=True)
    return {f"{place}{layer}.{name}": remap for name in tensors}


def place_of(module: nn.Module, network: nn.Module) -> str:
    """Return how the names of the module that takes the rows begin in all that is learned."""
    return "" if network is getattr(module, "_orig_mod", module) else "module."


def at_its_layers(donor: Donor, layout: NetState, module: nn.Module, adapts: bool) -> Donor:
    """Rename a donor's tensors where layers without weights moved the places of those with some.

    Of the default network such a layer is dropout; of another one it may change what is computed.
    """
    if list(donor.state) == list(layout) or not (adapts or isinstance(module, MLP | MaskedAutoencoder)):
        return donor
    return donor.renamed(match_layers(donor.state, layout))


def _without_donor(held: NetState | None) -> list[str]:
    """The layers of which the donor has nothing for a whole parameter."""
    if held is None:
        return []
    fresh = [name for name in held.unique() if held.is_parameter(name) and not bool(held[name].any())]
    return list(dict.fromkeys(name.rpartition(".")[0] or name for name in fresh))


def reparametrisation(
    old: Standardizer | None,
    new: Standardizer | None,
    columns: Reindex | None,
    ends: _Ends,
    network: nn.Module,
) -> Reparametrisation | None:
    """Return how the first layer changes when the statistics of its inputs do; None if nothing moved."""
    if old is None and new is None:
        return None
    width = len((new or old).mean)  # type: ignore[union-attr]
    after = Standardizer.identity(width) if new is None else new
    before = old or Standardizer.identity(width if columns is None else columns.n_old)
    if columns is not None:
        before = before.take(columns, after)
    if before.is_still(after):
        return None
    end = ends.input()
    if not end.plain:
        raise ValueError(
            f"standardize=True moves the inputs, and the first weight layer ({end.layer}) does not read them "
            "directly, so it cannot make up for it: let a linear layer come first, or start cold"
        )
    bias = end.layer + ".bias"
    return Reparametrisation(
        end.layer + ".weight", bias if bias in dict(network.named_parameters()) else None, before, after
    )


def _settled(old: Standardizer | None, new: Standardizer | None) -> Standardizer | None:
    """The same rows in another order have the same statistics: rounding shall not move predictions."""
    still = old is not None and new is not None and old.count == new.count and old.is_still(new)
    return old if still else new


class _Ends:
    """The two ends of a net's network, found when they are asked for."""

    def __init__(self, module: nn.Module, place: str, probe: Any):
        self._module = getattr(module, "_orig_mod", module)
        self._prefix = place
        self._probe = probe

    def input(self) -> End:
        return self._named(find_input(self._module, self._rows()))

    def output(self, n_outputs: int) -> End:
        return self._named(find_output(self._module, self._rows(), n_outputs))

    def _rows(self) -> Any:
        if self._probe is None:
            raise ValueError(
                "schema='adapt' needs X as an array, a DataFrame or a dictionary of arrays, to find the layers "
                "that read columns and write classes"
            )
        return self._probe

    def _named(self, end: End) -> End:
        axes = {self._prefix + name: axis for name, axis in end.axes.items()}
        return End(self._prefix + end.layer, axes, end.plain)


def _mappings(old: Schema, new: Schema, adapts: bool) -> tuple[Reindex | None, Reindex | None]:
    columns = map_columns(old, new) if adapts else None
    outputs = None
    if old.classes is not None and new.classes is not None and len(old.classes):
        outputs = map_labels(old.classes, new.classes)
    elif old.targets is not None and new.targets is not None:
        outputs = map_names(old.targets, new.targets, "targets")
    if not adapts and outputs is not None and (len(outputs.added) or len(outputs.dropped)):
        raise ValueError(
            "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
            f"Previously got {old.classes if old.targets is None else list(old.targets)}, now there are "
            f"{new.classes if new.targets is None else list(new.targets)}. schema='adapt' takes new ones in"
        )
    return columns, outputs


def _report(old: Schema, new: Schema, columns: Reindex | None, outputs: Reindex | None) -> Bunch:
    labels = new.classes if new.classes is not None else new.targets
    return Bunch(
        classes_added=[] if outputs is None or labels is None else _at(labels, outputs.added),
        columns_added=[] if columns is None else _at(new.columns, columns.added),
        columns_dropped=[] if columns is None else _at(old.columns, columns.dropped),
    )


def _at(names: Any, places: np.ndarray) -> list[Any]:
    """The names at these places, numbers and text as Python's own; the places themselves where there are none."""
    found = places if names is None else [names[place] for place in places]
    return [each.item() if isinstance(each, np.number | np.bool_ | np.str_) else each for each in found]
