"""The tensors of a network as a value: named, ordered, never aliasing a live module."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor, nn


class NetState(Mapping[str, Tensor]):
    """Parameters and buffers of a network, detached from it.

    A mapping from tensor name to tensor, in the module's order. Names of tied weights all appear and share
    one tensor.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        The tensors, by name. They are not copied.
    parameters : iterable of str
        Which names are parameters; the others are buffers.

    Examples
    --------
    >>> from torch import nn
    >>> from sk_warmstart.state import NetState
    >>> state = NetState.from_module(nn.Linear(2, 1))
    >>> list(state)
    ['weight', 'bias']
    >>> state.is_parameter("weight")
    True
    """

    def __init__(self, tensors: Mapping[str, Tensor], parameters: Iterator[str] | set[str] | frozenset[str]):
        self._tensors = dict(tensors)
        self._parameters = frozenset(parameters)

    @classmethod
    def from_module(cls, module: nn.Module) -> NetState:
        """Copy the parameters and persistent buffers of a module.

        Parameters
        ----------
        module : nn.Module
            The network to copy; it is not changed.

        Returns
        -------
        NetState
            A copy that later training of the module does not touch.
        """
        copies: dict[int, Tensor] = {}
        live = live_tensors(module)
        tensors = {}
        for name, tensor in live.items():
            if id(tensor) not in copies:
                copies[id(tensor)] = tensor.detach().clone()
            tensors[name] = copies[id(tensor)]
        parameters = {name for name, tensor in live.items() if isinstance(tensor, nn.Parameter)}
        return cls(tensors, parameters)

    def load_into(self, module: nn.Module) -> None:
        """Copy the tensors into a module of the same layout, in place.

        Parameters
        ----------
        module : nn.Module
            The network that receives the values. Its parameters stay the same objects, so an optimiser
            that holds them goes on working.
        """
        self.copy_to(live_tensors(module))

    def copy_to(self, tensors: Mapping[str, Tensor]) -> None:
        """Copy the tensors into others of the same names, in place.

        Parameters
        ----------
        tensors : mapping of str to Tensor
            Those that receive the values, as :func:`live_tensors` finds them in a module.
        """
        with torch.no_grad():
            for name, tensor in tensors.items():
                tensor.copy_(self._tensors[name])

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def __repr__(self) -> str:
        size = sum(tensor.numel() for tensor in self.unique().values())
        return f"NetState({len(self)} tensors, {size} numbers)"

    def is_parameter(self, name: str) -> bool:
        """Tell whether the name is a parameter; otherwise it is a buffer.

        Parameters
        ----------
        name : str
            Name of a tensor.

        Returns
        -------
        bool
            True for a parameter.
        """
        return name in self._parameters

    def unique(self) -> dict[str, Tensor]:
        """Return each tensor once, under the first of its names.

        Returns
        -------
        dict of str to Tensor
            The tensors by name; weights that are tied occur once.
        """
        seen: dict[int, str] = {}
        for name, tensor in self._tensors.items():
            seen.setdefault(id(tensor), name)
        return {name: self._tensors[name] for name in seen.values()}

    def map(self, function: Callable[[str, Tensor], Tensor]) -> NetState:
        """Make a new state by a rule that sees each tensor once, so that tied weights stay tied.

        Parameters
        ----------
        function : callable
            ``(name, tensor) -> tensor`` of the same shape. Dtype and device of the original are restored.

        Returns
        -------
        NetState
            The new state; this one is unchanged.
        """
        with torch.no_grad():
            new = {
                id(tensor): function(name, tensor).to(dtype=tensor.dtype, device=tensor.device)
                for name, tensor in self.unique().items()
            }
        return NetState({name: new[id(tensor)] for name, tensor in self._tensors.items()}, self._parameters)

    def copy(self) -> NetState:
        """Return an equal state with tensors of its own.

        Returns
        -------
        NetState
            The copy; tied weights stay tied.
        """
        return self.map(lambda _, tensor: tensor.clone())

    def digest(self) -> str:
        """Return an id of the content: equal states have equal ids on every machine.

        Returns
        -------
        str
            16 hexadecimal digits.
        """
        sha = hashlib.blake2b(digest_size=8)
        for name, tensor in self._tensors.items():
            sha.update(f"{name}{tensor.dtype}{tuple(tensor.shape)}".encode())
            # Bytes, not numbers: every dtype has them, NumPy lacks some (bfloat16).
            sha.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
        return sha.hexdigest()

    def distance(self, other: NetState) -> float:
        """Return the Euclidean distance of the parameters to those of another state.

        Parameters
        ----------
        other : NetState
            A state with the same parameters.

        Returns
        -------
        float
            The root of the summed squared differences, buffers left out.
        """
        total = 0.0
        for name, tensor in self.unique().items():
            if self.is_parameter(name):
                total += float((tensor.double() - other[name].to(tensor.device).double()).square().sum())
        return total**0.5

    def kept(self, previous: NetState, held: NetState | None = None) -> dict[str, float]:
        """Return how much of a previous state each parameter of this one still holds.

        Parameters
        ----------
        previous : NetState
            The state that this one was made from.
        held : NetState or None, default=None
            Which numbers of the previous state are a donor's (1) and which fill its gaps (0); None for all.

        Returns
        -------
        dict of str to float
            For each parameter the least-squares coefficient of this tensor on the previous one, clipped to
            [0, 1], times the share of its numbers that a donor held: 1 is unchanged, 0.4 is shrunk to 0.4, near 0
            is forgotten, and 0.3 is unchanged in 3 of 10 units of which the others are new.
        """
        shares = {}
        for name, tensor in self.unique().items():
            if not self.is_parameter(name):
                continue
            old, new, share = previous[name].double(), tensor.double(), 1.0
            if held is not None:
                mask = held[name] != 0
                old, new, share = old[mask], new[mask], float(mask.double().mean())
            if torch.equal(old, new):
                shares[name] = share
            else:
                power = float(old.square().sum())
                shares[name] = share * min(1.0, max(0.0, float((old * new).sum()) / power)) if power else 0.0
        return shares


def live_tensors(module: nn.Module) -> dict[str, Tensor]:
    """The module's own tensors by their names in its state_dict, tied ones under each of their names."""
    own: dict[str, Tensor] = dict(module.named_parameters(remove_duplicate=False))
    own.update(module.named_buffers(remove_duplicate=False))
    return {name: own[name] for name in module.state_dict() if name in own}
