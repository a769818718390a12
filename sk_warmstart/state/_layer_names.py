"""Names of layers in lists of layers, matched by what the layers hold and not by their places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

Tree = dict[str, Any]  # parts of names, down to the tensors


def match_layers(old: Mapping[str, Tensor], new: Mapping[str, Tensor]) -> dict[str, str]:
    """Return the new name of each old tensor whose layer moved inside a list, such as an ``nn.Sequential``.

    A layer without weights that came or went moves the places of all after it. Where the places differ, layers
    are matched in their order by the names and axes of their tensors, if possible those of equal shapes.
    """
    names: dict[str, str] = {}
    _match(_tree(old), _tree(new), "", "", names)
    return {before: after for before, after in names.items() if before != after}


def _match(old: Tree, new: Tree, before: str, after: str, names: dict[str, str]) -> None:
    for there, here in _pairs(old, new):
        a, b = old[there], new[here]
        if isinstance(a, dict) and isinstance(b, dict):
            _match(a, b, f"{before}{there}.", f"{after}{here}.", names)
        elif not isinstance(a, dict) and not isinstance(b, dict):
            names[before + there] = after + here


def _pairs(old: Tree, new: Tree) -> list[tuple[str, str]]:
    places = [[key for key in tree if key.isdecimal()] for tree in (old, new)]
    if not all(places) or set(places[0]) == set(places[1]):
        return [(key, key) for key in old if key in new]
    named = [(key, key) for key in old if key in new and not key.isdecimal()]
    return named + _in_order(old, new, *places)


def _in_order(old: Tree, new: Tree, there: list[str], here: list[str]) -> list[tuple[str, str]]:
    """Match the most that can be matched without a change of order."""
    best = [[0.0] * (len(here) + 1) for _ in range(len(there) + 1)]
    for i in reversed(range(len(there))):
        for j in reversed(range(len(here))):
            worth = _likeness(old[there[i]], new[here[j]]) + (0.01 if there[i] == here[j] else 0.0)
            best[i][j] = max(best[i + 1][j], best[i][j + 1], (worth + best[i + 1][j + 1]) if worth >= 1 else 0.0)
    pairs, i, j = [], 0, 0
    while i < len(there) and j < len(here):
        worth = _likeness(old[there[i]], new[here[j]]) + (0.01 if there[i] == here[j] else 0.0)
        if worth >= 1 and best[i][j] == worth + best[i + 1][j + 1]:
            pairs.append((there[i], here[j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i][j + 1]:
            j += 1
        else:
            i += 1
    return pairs


def _likeness(a: Tree | Tensor, b: Tree | Tensor) -> int:
    """2 for layers of equal shapes, 1 for layers of one kind, 0 for others."""
    ours, theirs = _leaves(a), _leaves(b)
    if [(name, tensor.ndim) for name, tensor in ours] != [(name, tensor.ndim) for name, tensor in theirs]:
        return 0
    return 2 if all(x.shape == y.shape for (_, x), (_, y) in zip(ours, theirs, strict=True)) else 1


def _leaves(tree: Tree | Tensor, name: str = "") -> list[tuple[str, Tensor]]:
    if isinstance(tree, Tensor):
        return [(name, tree)]
    return [leaf for key, inner in tree.items() for leaf in _leaves(inner, key)]


def _tree(tensors: Mapping[str, Tensor]) -> Tree:
    root: Tree = {}
    for name, tensor in tensors.items():
        *parts, leaf = name.split(".")
        node = root
        for part in parts:
            node = node.setdefault(part, {})
        node[leaf] = tensor
    return root
