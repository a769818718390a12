"""Donor: the state of a fitted network, and all that a next one takes from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ._alignment import Remap, align, match_names, unmatched
from ._names import NameRule
from ._net_state import NetState
from ._optimizer_state import OptimizerState
from ._schema import Schema
from .rows._feature_summary import FeatureSummary
from .rows._row_memory import RowMemory
from .rows._standardizer import Reparametrisation, Standardizer

_LINEAR = {"exp_avg", "momentum_buffer", "grad_avg", "prev"}
_SQUARED = {"exp_avg_sq", "max_exp_avg_sq", "square_avg", "sum"}
_FROM_ZERO = _LINEAR | _SQUARED | {"exp_inf", "acc_delta"}  # what an optimiser that has seen nothing yet holds


@dataclass(frozen=True)
class Lineage:
    """Where a state comes from.

    Parameters
    ----------
    generation : int, default=0
        How many warm starts lie behind it; 0 after a cold start.
    parent : str or None, default=None
        Id of the donor.
    policy : str, default="Cold"
        The rule of its start.
    params : mapping, default={}
        The rule's parameters.
    rows : int, default=0
        Rows that its last fit trained on.
    rows_seen : int, default=0
        Rows of all fits of the lineage, a row counted once a fit.
    epochs : int, default=0
        Epochs of the last fit.
    seed : int or None, default=None
        Seed of the last fit.
    scores : mapping, default={}
        ``start_loss``, ``start_score``, ``train_loss``, ``valid_score``: those that were measured.
    scoring : str or None, default=None
        The scorer that made ``valid_score``; None for the estimator's own score.
    scored_on : str or None, default=None
        Digest of the validation rows and their targets: scores of the same ones can be compared.

    Examples
    --------
    >>> from sk_warmstart.state import Lineage
    >>> Lineage(generation=2, policy="ShrinkPerturb", params={"shrink": 0.4}).generation
    2
    """

    generation: int = 0
    parent: str | None = None
    policy: str = "Cold"
    params: Mapping[str, Any] = field(default_factory=dict)
    rows: int = 0
    rows_seen: int = 0
    epochs: int = 0
    seed: int | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    scoring: str | None = None
    scored_on: str | None = None


@dataclass(frozen=True)
class Donor:
    """What a fitted network hands on.

    Parameters
    ----------
    state : NetState
        Parameters and buffers.
    schema : Schema
        What its inputs and outputs stand for.
    origin : NetState or None, default=None
        The weights that its lineage first started from.
    optimizer : OptimizerState or None, default=None
        The optimiser as the last fit left it.
    scaler : Standardizer or None, default=None
        Statistics that its inputs are standardised by.
    lineage : Lineage
        Where it comes from.
    memory : RowMemory
        Which rows it has seen.
    features : FeatureSummary or None, default=None
        How the columns of its last fit were spread.
    streams : mapping from str to Tensor, default={}
        Where its random numbers stood.
    schedule : mapping from str to dict, default={}
        Where its learning-rate schedules stood, by the name of the callback.
    description : mapping, default={}
        The module in words: its class, its parameters, its layers.
    saved_id : str or None, default=None
        The id of the file that it comes from.
    by_name : NameRule or None, default=None
        Of a donor of another module, how its names become those of the network; None for the same module.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_warmstart import WarmStartClassifier
    >>> from sk_warmstart.state import donor_of
    >>> donor = donor_of(WarmStartClassifier(max_epochs=1, random_state=0).fit(*load_iris(return_X_y=True)))
    >>> donor.lineage.policy, donor.lineage.rows, donor.schema.n_features
    ('Cold', 150, 4)
    """

    state: NetState
    schema: Schema = field(default_factory=Schema)
    origin: NetState | None = None
    optimizer: OptimizerState | None = None
    scaler: Standardizer | None = None
    lineage: Lineage = field(default_factory=Lineage)
    memory: RowMemory = field(default_factory=RowMemory)
    features: FeatureSummary | None = None
    streams: Mapping[str, Tensor] = field(default_factory=dict)
    schedule: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    description: Mapping[str, Any] = field(default_factory=dict)
    saved_id: str | None = None
    by_name: NameRule | None = None

    @property
    def id(self) -> str:
        """Name of this state: 16 hexadecimal digits, equal on every machine; of a file the one that it has.

        They cover weights, lineage, labels, columns, scaler and optimiser: what predictions and further training
        depend on.
        """
        if self.saved_id is not None:
            return self.saved_id
        line, schema = self.lineage, self.schema
        story = [self.state.digest(), line.generation, line.parent, line.policy, line.rows, line.rows_seen]
        names: list[Any] = [schema.n_features, schema.columns, schema.targets, _labels_as_text(schema.classes)]
        if schema.parts is not None:
            names.append([[part.name, part.kind, part.shape] for part in schema.parts])
            names += [[part.name, part.columns] for part in schema.parts if part.columns is not None]
        sha = hashlib.blake2b(json.dumps([*story, line.epochs, *names]).encode(), digest_size=8)
        if self.scaler is not None:
            sha.update(repr((float(self.scaler.count), bool(self.scaler.centred))).encode())
            sha.update(np.concatenate([self.scaler.mean, self.scaler.m2]).astype("<f8").tobytes())
        if self.optimizer is not None:
            sha.update(self.optimizer.digest().encode())
        return sha.hexdigest()

    def renamed(self, names: Mapping[str, str]) -> Donor:
        """Return it with other names of tensors, optimiser included.

        Parameters
        ----------
        names : mapping from str to str
            The new names of those that have one.

        Returns
        -------
        Donor
            With the same tensors.
        """
        if not names:
            return self
        optimizer = self.optimizer
        if optimizer is not None:
            moments = {names.get(name, name): entry for name, entry in optimizer.moments.items()}
            optimizer = replace(optimizer, moments=moments)
        state, origin = (None if state is None else _renamed(state, names) for state in (self.state, self.origin))
        assert state is not None
        return replace(self, state=state, origin=origin, optimizer=optimizer)

    def as_body(self, rule: NameRule) -> Donor:
        """Return it for another module, without what its own outputs and training are alone.

        Parameters
        ----------
        rule : NameRule
            How its names become those of the other module.

        Returns
        -------
        Donor
            With its tensors, columns, standardisation, rows and lineage.
        """
        schema = replace(self.schema, classes=None, targets=None)
        return replace(
            self,
            schema=schema,
            optimizer=None,
            streams={},
            schedule={},
            description={},
            saved_id=self.id,
            by_name=rule,
        )

    def matched(self, layout: NetState, place: str = "") -> Donor:
        """Return what a donor of another module has for a network, under the names of the network.

        Parameters
        ----------
        layout : NetState
            The new network, as it was drawn.
        place : str, default=""
            How the names of the module that takes the rows begin in it.

        Returns
        -------
        Donor
            With tensors that have the names, and not all of them the shapes, of the network's.

        Raises
        ------
        ValueError
            If the rule of names does not suit the donor, or whole numbers stand where the network has others.
        """
        assert self.by_name is not None
        chosen = match_names(self.state, layout, self.by_name, place)
        parameters = {name for name in chosen if layout.is_parameter(name)}
        state, origin = (
            None if each is None else NetState({name: each[old] for name, old in chosen.items()}, parameters)
            for each in (self.state, self.origin)
        )
        assert state is not None
        return replace(self, state=state, origin=origin)

    def held_in(self, layout: NetState, remaps: Mapping[str, list[Remap]]) -> NetState | None:
        """Tell which numbers of a new network :meth:`adapted` takes from this donor.

        Parameters
        ----------
        layout : NetState
            The new network, as it was drawn.
        remaps : mapping from str to list of Remap
            How the entries of some tensors move.

        Returns
        -------
        NetState or None
            1 for a number of the donor's, 0 for a new one; None if all are the donor's.
        """
        if not remaps and not unmatched(self.state, layout):
            return None
        ours = self.state.map(lambda _, tensor: torch.ones_like(tensor))
        return align(ours, layout.map(lambda _, tensor: torch.zeros_like(tensor)), remaps, "fresh")

    def adapted(
        self,
        layout: NetState,
        remaps: Mapping[str, list[Remap]],
        reparametrisation: Reparametrisation | None = None,
        missing: str = "raise",
    ) -> Donor:
        """Bring weights, origin and optimiser into the layout of a new network.

        Parameters
        ----------
        layout : NetState
            The new network, as it was drawn.
        remaps : mapping from str to list of Remap
            How the entries of some tensors move.
        reparametrisation : Reparametrisation or None, default=None
            How the first layer changes because the statistics of its inputs did; after the move.
        missing : {"raise", "fresh"}, default="raise"
            What to do with tensors that do not fit.

        Returns
        -------
        Donor
            In the new layout.
        """
        states = [
            None if state is None else _reparametrised(align(state, layout, remaps, missing), reparametrisation)
            for state in (self.state, self.origin)
        ]
        optimizer = self.optimizer
        if optimizer is not None:
            if remaps or unmatched(self.state, layout):
                optimizer = _move(optimizer, layout, remaps)
            optimizer = _follow(optimizer, reparametrisation)
        assert states[0] is not None
        return replace(self, state=states[0], origin=states[1], optimizer=optimizer, saved_id=None)


def _renamed(state: NetState, names: Mapping[str, str]) -> NetState:
    parameters = {names.get(name, name) for name in state if state.is_parameter(name)}
    return NetState({names.get(name, name): tensor for name, tensor in state.items()}, parameters)


def _labels_as_text(labels: NDArray | None) -> list[str] | None:
    return None if labels is None else [labels.dtype.str, *map(repr, labels.tolist())]


def _reparametrised(state: NetState, change: Reparametrisation | None) -> NetState:
    if change is None:
        return state
    weight, bias = change.state(state[change.weight], None if change.bias is None else state[change.bias])
    new = {change.weight: weight, **({} if change.bias is None or bias is None else {change.bias: bias})}
    return state.map(lambda name, tensor: new.get(name, tensor))


def _move(optimizer: OptimizerState, layout: NetState, remaps: Mapping[str, list[Remap]]) -> OptimizerState:
    def rule(name: str, key: str, moment: Tensor) -> Tensor | None:
        for remap in remaps.get(name, ()):
            if len(remap.mapping.added) and key not in _FROM_ZERO:
                return None
            if moment.ndim <= remap.axis or moment.shape[remap.axis] != remap.mapping.n_old:
                return None
            moment = remap.apply(moment)
        return moment if name in layout and moment.shape == layout[name].shape else None

    return optimizer.map(rule)


def _follow(optimizer: OptimizerState, change: Reparametrisation | None) -> OptimizerState:
    """Moments are of the gradient, which changes with the coordinates that it is taken in."""
    if change is None:
        return optimizer
    biases = {} if change.bias is None else optimizer.moments.get(change.bias, {})

    def rule(name: str, key: str, moment: Tensor) -> Tensor | None:
        if name != change.weight:
            return moment
        if key in _LINEAR:
            return change.linear_moment(moment, biases.get(key)).to(moment)
        if key in _SQUARED:
            return change.squared_moment(moment, biases.get(key)).to(moment)
        return None

    return optimizer.map(rule)
