"""Context of a policy: network, rows, race, donors, random numbers, notes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from ..modules import repeatable
from ..modules._selection import layer_names
from ..modules._structure import normalisation_tensors
from ..state import FeatureSummary, Lineage, NetState
from ._phase import PhaseData
from ._race import Race


@dataclass(frozen=True)
class DonorContext:
    """Facts on a donor in addition to its state: lineage, changes of the schema, spread of the columns.

    Parameters
    ----------
    lineage : Lineage
        Where the donor comes from.
    classes_added, columns_added, columns_dropped : sequence
        How the schema changed.
    features : FeatureSummary or None, default=None
        How the columns were spread in the donor's last fit.
    rows : callable, default=None
        Gives rows as they are spread now, as the user passed them, shape (n_samples, n_features), or None.

    Examples
    --------
    >>> from sk_warmstart.policies import DonorContext
    >>> DonorContext(classes_added=["z"]).classes_added
    ['z']
    """

    lineage: Lineage = field(default_factory=Lineage)
    classes_added: Sequence[Any] = ()
    columns_added: Sequence[Any] = ()
    columns_dropped: Sequence[Any] = ()
    features: FeatureSummary | None = None
    rows: Callable[[], Any] | None = None


@dataclass
class PolicyContext:
    """Everything that a policy may use in addition to the previous and the fresh state.

    Parameters
    ----------
    generator : torch.Generator
        Source of a policy's random numbers, on the CPU; independent of the draw of the original weights.
    module : nn.Module, default=None
        The network, for its structure only.
    original : NetState, default=None
        The weights that this lineage first started from.
    data : PhaseData, default=None
        The rows of the phase; None where they are not known as tensors.
    race : callable, default=None
        ``race(starts)`` lets starts, by name, train side by side: its ``run(names, n_epochs)`` trains some of them
        further and returns by name their ``scores`` and ``losses`` on each validation row. None where the rows are
        not known as tensors.
    sources : sequence of NetState, default=()
        The states of the donors that the policy brings, in the order of :meth:`InitPolicy.donors` and in the
        layout of the network. Where the estimator has no donor, the previous state is the first of them.
    donor : DonorContext, default=None
        Facts on the donor in addition to its state; None where there are none.
    notes : dict, default={}
        What a policy reports about the start that it made; becomes a part of ``start_``.

    Examples
    --------
    >>> import torch
    >>> from sk_warmstart.modules import MLP
    >>> from sk_warmstart.policies import PolicyContext
    >>> context = PolicyContext(torch.Generator().manual_seed(0), module=MLP(4, 3, hidden_layer_sizes=(8,)))
    >>> [name for name, _ in context.layers()]
    ['hidden.0', 'output']
    """

    generator: torch.Generator = field(default_factory=torch.Generator)
    module: nn.Module | None = None
    original: NetState | None = None
    data: PhaseData | None = None
    race: Callable[[Mapping[str, NetState]], Race] | None = None
    sources: Sequence[NetState] = ()
    donor: DonorContext | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    def structure(self) -> nn.Module:
        """Return the network, to look at and not to call.

        Returns
        -------
        nn.Module
            The network, in no particular state.

        Raises
        ------
        ValueError
            If the structure is not known.
        """
        if self.module is None:
            raise ValueError("this policy needs the network's structure: pass PolicyContext(module=...)")
        return self.module

    def network(self, state: NetState) -> nn.Module:
        """Return a copy of the network with a state in it, in evaluation mode.

        Parameters
        ----------
        state : NetState
            The state.

        Returns
        -------
        nn.Module
            A network that may be called and differentiated.

        Raises
        ------
        ValueError
            If the structure is not known.
        """
        network = copy.deepcopy(self.structure())
        state.load_into(network)
        draws = self.data is not None and self.data.without_targets
        return repeatable(network.eval()) if draws else network.eval()

    def child(self) -> PolicyContext:
        """Return a context for a policy inside another one, with its own notes and random numbers.

        Returns
        -------
        PolicyContext
            The context.
        """
        seed = int(torch.randint(2**62, (), generator=self.generator))
        return replace(self, notes={}, generator=torch.Generator().manual_seed(seed))

    def phase_data(self) -> PhaseData:
        """Return the rows of the phase.

        Returns
        -------
        PhaseData
            The rows.

        Raises
        ------
        ValueError
            If they are not known.
        """
        if self.data is None:
            raise ValueError(
                "this policy looks at the rows of the phase: it needs X whose rows can be found again (arrays, a "
                "sparse matrix, a DataFrame, a dictionary or tuple of arrays, a Dataset with a length), targets, "
                "and fit rather than partial_fit"
            )
        return self.data

    def layers(self) -> list[tuple[str, nn.Module]]:
        """Return the layers that hold weights of their own, normalisation left out, from bottom to top.

        Returns
        -------
        list of (str, nn.Module)
            Name and layer; the last one is the head.

        Raises
        ------
        ValueError
            If the structure is not known.
        """
        network = self.structure()
        return [(name, network.get_submodule(name)) for name in layer_names(network)]

    def normalisation_tensors(self) -> set[str]:
        """Return the names of the tensors that belong to normalisation layers.

        Returns
        -------
        set of str
            Names of parameters and buffers.
        """
        return set() if self.module is None else normalisation_tensors(self.module)
