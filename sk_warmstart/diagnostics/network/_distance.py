"""Distance of two states, in all and by layer."""

from __future__ import annotations

from ..._parameters import check_option
from ...state import NetState

_SCALES = ("absolute", "relative", "rms")


def distance(a: NetState, b: NetState, *, scale: str = "absolute") -> float:
    """Return the distance of the parameters of two states, buffers left out.

    Parameters
    ----------
    a, b : NetState
        States with the same parameters. Tied weights count once.
    scale : {"absolute", "relative", "rms"}, default="absolute"
        The Euclidean distance itself; divided by the norm of ``b`` (the size of an update, where ``b`` is what it
        began from); or divided by the root of the number of parameters, which compares networks of unequal size.

    Returns
    -------
    float
        The distance, at least 0. Relative to a ``b`` of zeros it is infinite, or 0 where ``a`` is zero too.

    Raises
    ------
    ValueError
        If the parameters of the states differ in name or shape, or ``scale`` is unknown.

    Examples
    --------
    >>> import torch
    >>> from sk_warmstart.diagnostics import distance
    >>> from sk_warmstart.state import NetState
    >>> a = NetState({"weight": torch.tensor([3.0, 4.0])}, {"weight"})
    >>> b = NetState({"weight": torch.tensor([0.0, 8.0])}, {"weight"})
    >>> distance(a, b), distance(a, b, scale="relative")
    (5.0, 0.625)
    """
    parts = _parts(a, b, scale)
    return _scaled([part for layer in parts.values() for part in layer], scale)


def layer_distances(a: NetState, b: NetState, *, scale: str = "absolute") -> dict[str, float]:
    """Return the distance of two states layer by layer.

    Parameters
    ----------
    a, b : NetState
        States with the same parameters. Tied weights count in the first layer that has them.
    scale : {"absolute", "relative", "rms"}, default="absolute"
        As for :func:`distance`, with the norm and the number of parameters of the layer.

    Returns
    -------
    dict of str to float
        By the name of the layer, the part of the parameter's name before the last dot.

    Raises
    ------
    ValueError
        If the parameters of the states differ in name or shape, or ``scale`` is unknown.

    Examples
    --------
    >>> import torch
    >>> from sk_warmstart.diagnostics import layer_distances
    >>> from sk_warmstart.state import NetState
    >>> a = NetState({"in.weight": torch.ones(4), "out.weight": torch.ones(1)}, {"in.weight", "out.weight"})
    >>> layer_distances(a, a.map(lambda name, tensor: 3 * tensor))
    {'in': 4.0, 'out': 2.0}
    """
    return {layer: _scaled(parts, scale) for layer, parts in _parts(a, b, scale).items()}


_Part = tuple[float, float, int]  # squared distance, squared norm of b, entries


def _parts(a: NetState, b: NetState, scale: str) -> dict[str, list[_Part]]:
    """Return squared distance, squared norm of b and size of each parameter, by layer."""
    check_option("scale", scale, _SCALES)
    mine, theirs = ({name for name in state if state.is_parameter(name)} for state in (a, b))
    if mine != theirs:
        raise ValueError(f"a and b must have the same parameters, but {sorted(mine ^ theirs)} are in one only")
    parts: dict[str, list[_Part]] = {}
    for name, tensor in a.unique().items():
        if not a.is_parameter(name):
            continue
        other = b[name].to(tensor.device).double()
        if other.shape != tensor.shape:
            raise ValueError(
                f"{name!r} has shape {tuple(tensor.shape)} in a and {tuple(other.shape)} in b: align them first"
            )
        squares = (float((tensor.double() - other).square().sum()), float(other.square().sum()), tensor.numel())
        parts.setdefault(name.rpartition(".")[0], []).append(squares)
    return parts


def _scaled(parts: list[_Part], scale: str) -> float:
    """Return the distance of these parts together, on the given scale."""
    moved = sum(part[0] for part in parts) ** 0.5
    if scale == "absolute" or not moved:
        return moved
    size = sum(part[1] for part in parts) if scale == "relative" else sum(part[2] for part in parts)
    return moved / size**0.5 if size else float("inf")
