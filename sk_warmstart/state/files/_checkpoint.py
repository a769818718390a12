"""Checkpoint of a fitted network: one immutable value, and one file without pickle."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..._parameters import check_flag
from ..._warning import warn_caller
from .._donor import Donor, Lineage
from .._net_state import NetState
from .._optimizer_state import OptimizerState
from .._schema import PartSchema, Schema
from .._sources import donor_of, fitted_steps_before
from ..rows._feature_summary import FeatureSummary
from ..rows._row_memory import KeyedRows, RowMemory
from ..rows._row_sketch import RowSketch
from ..rows._standardizer import Standardizer
from ._container import CheckpointError, pack, read_file, read_tensor, unpack, write_file
from ._description import describe
from ._encoding import decode_labels
from ._structure import check_structure

_Estimator = TypeVar("_Estimator")


class Checkpoint:
    """What a fitted estimator knows: immutable, without pickle, in one file.

    It holds weights, buffers, optimiser, learning-rate schedule, classes, columns, random numbers, a bounded
    sketch of the rows that trained it, a summary of each column, and its lineage. ``clone`` and ``deepcopy``
    return the same object, so it can be a parameter: ``warm_start_from=checkpoint``. joblib hands its bytes to
    workers by memory map.

    Make one with :meth:`from_estimator` or :meth:`load`. From the hashes of rows, those who have the file can tell
    whether a row that they guess was trained on: treat it as confidential where the rows are, or save it with
    ``rows=False``.

    Parameters
    ----------
    raw : ndarray of uint8, shape (n_bytes,)
        The bytes of the file.

    Attributes
    ----------
    id : str
        16 hexadecimal digits of weights, optimiser, labels, columns, scaler and lineage.
    parent : str or None
        Id of the donor of its last start.
    lineage : dict
        ``generation``, ``parent``, ``policy``, ``params``, ``rows``, ``rows_seen``, ``epochs``, ``seed``,
        ``scores``, ``scoring``, ``scored_on``.
    classes : ndarray or None
        The labels.
    n_features : int or None
        Number of input columns.
    feature_names : tuple of str or None
        Their names.
    dtype : str
        Of the weights.
    module : dict
        The module in words: ``class``, ``params``, ``layers``. Nothing of it is run.
    created : str
        When, in ISO format, UTC.
    versions : dict
        Of Python and the libraries.
    keeps_rows : bool
        Whether hashes of the rows that trained it are in it; see :meth:`save`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_warmstart import Checkpoint, WarmStartClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> checkpoint = Checkpoint.from_estimator(WarmStartClassifier(max_epochs=5, random_state=0).fit(X, y))
    >>> WarmStartClassifier(warm_start_from=checkpoint, max_epochs=0).fit(X, y).start_.donor_id == checkpoint.id
    True
    """

    def __init__(self, raw: NDArray[np.uint8]):
        self._raw = raw
        self._meta, self._entries = unpack(raw, verify=False)

    @classmethod
    def from_estimator(cls, estimator: Any) -> Self:
        """Take what a fitted estimator knows.

        Parameters
        ----------
        estimator : estimator
            A ``WarmStartClassifier`` or ``WarmStartRegressor`` (or another estimator with a torch network in
            ``module_``), a Pipeline that ends in one, or a search over one.

            Of a Pipeline the last step only is taken, and a warning names the fitted steps before it that are not.

        Returns
        -------
        Checkpoint
            The checkpoint; later training of the estimator does not touch it.

        Raises
        ------
        ValueError
            If the estimator is not fitted.
        TypeError
            If there is no torch network in it.
        CheckpointError
            If it holds what cannot be stored without pickle.

        Warns
        -----
        UserWarning
            If steps before the network have learned something (a scaler, an encoder): without them, or with
            others, the network predicts otherwise. Keep the fitted Pipeline beside the checkpoint, or let the
            network scale, with ``standardize=True``. For ``pipeline[-1]`` nothing is said.
        """
        donor = donor_of(estimator)
        left = fitted_steps_before(estimator)
        if left:
            warn_caller(
                f"a checkpoint keeps the network, not the steps before it ({', '.join(left)}): keep the fitted "
                "Pipeline beside it (joblib, skops), and give it to to_estimator; or let the network scale, with "
                "standardize=True in place of a scaler"
            )
        return cls.from_donor(donor)

    @classmethod
    def from_donor(cls, donor: Donor, *, keeps_rows: bool = True) -> Self:
        """Freeze a donor.

        Parameters
        ----------
        donor : Donor
            What a network hands on.
        keeps_rows : bool, default=True
            Whether it remembers the rows that trained it.

        Returns
        -------
        Checkpoint
            The checkpoint.

        Raises
        ------
        CheckpointError
            If the donor holds what cannot be stored without pickle.
        """
        try:
            meta, tensors = describe(donor, keeps_rows)
        except TypeError as error:
            raise CheckpointError(str(error)) from error
        return cls(pack(tensors, meta))

    @classmethod
    def load(cls, path: str | os.PathLike) -> Self:
        """Read a checkpoint and verify every byte of it.

        Parameters
        ----------
        path : str or PathLike
            The file.

        Returns
        -------
        Checkpoint
            The checkpoint.

        Raises
        ------
        CheckpointError
            If the file cannot be opened, was cut off or changed, or is none of ours. Nothing in it is run.
        """
        raw = read_file(path)
        try:
            meta, entries = unpack(raw)
            check_structure(meta, entries, lambda name: read_tensor(raw, entries[name]))
            return cls(raw)
        except CheckpointError as error:
            raise CheckpointError(f"{os.fspath(path)} cannot be loaded: {error}") from None

    def save(self, path: str | os.PathLike, *, rows: bool = True) -> None:
        """Write the checkpoint to a file, whole or not at all.

        Parameters
        ----------
        path : str or PathLike
            The file; ``.safetensors`` is the usual ending. An older file is replaced in one step, and
            its mode kept; a link is followed.
        rows : bool, default=True
            Whether to write what is remembered of rows: hashes of those that trained, and deciles of each column.
            Without them no row can be found in the file, and what starts from it can neither warn of rows that
            trained before, nor tell new rows from old ones, nor measure drift. The means and spreads of
            ``standardize=True`` stay: predictions need them.

        Raises
        ------
        CheckpointError
            If it cannot be written.
        """
        check_flag("rows", rows)
        write_file(path, self._raw if rows else self._without_rows()._raw)

    def _without_rows(self) -> Checkpoint:
        """Return it without what is remembered of single rows."""
        donor = self.donor()
        line = replace(donor.lineage, scored_on=None)
        bare = replace(donor, lineage=line, memory=RowMemory(columns=donor.memory.columns), features=None)
        return type(self).from_donor(bare, keeps_rows=False)

    def to_estimator(self, estimator: _Estimator) -> _Estimator:
        """Return a fitted copy of an estimator that predicts as the one saved; no data are needed.

        Weights, optimiser, schedules and random numbers are those of the file, so that ``partial_fit`` continues
        from there. The file names the module and never runs it: the estimator has to bring it.

        Parameters
        ----------
        estimator : estimator
            An unfitted ``WarmStartClassifier`` or ``WarmStartRegressor`` with the module of the one saved, or a
            Pipeline that ends in one and whose other steps are fitted. It is not changed.

        Returns
        -------
        estimator
            The fitted copy.

        Raises
        ------
        TypeError
            If the estimator is of another kind.
        ValueError
            If its network is not the one saved, or a step of the Pipeline is not fitted.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sk_warmstart import Checkpoint, WarmStartClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> net = WarmStartClassifier(max_epochs=5, random_state=0).fit(X, y)
        >>> copy = Checkpoint.from_estimator(net).to_estimator(WarmStartClassifier())
        >>> bool((copy.predict_proba(X) == net.predict_proba(X)).all())
        True
        """
        if isinstance(estimator, Pipeline):
            return self._to_pipeline(estimator)
        make = None if isinstance(estimator, type) else getattr(estimator, "_from_donor", None)
        if make is None:
            what = f"the class {estimator.__name__}" if isinstance(estimator, type) else type(estimator).__name__
            raise TypeError(
                f"estimator must be a WarmStartClassifier, a WarmStartRegressor, another net with WarmStartMixin, "
                f"or a Pipeline that ends in one, but is {what}: pass an unfitted one with the saved module"
            )
        return make(self.donor())

    def _to_pipeline(self, pipeline: Any) -> Any:
        """Fill in the last step of a Pipeline whose other steps are fitted."""
        *before, (name, last) = pipeline.steps
        for each, step in before:
            if step is None or isinstance(step, str):
                continue
            try:
                check_is_fitted(step)
            except NotFittedError:
                raise ValueError(
                    f"step {each!r} of the Pipeline is not fitted, and a checkpoint holds its last step only: fit "
                    "it, load it from where you keep it, or pass the last step alone and transform rows yourself"
                ) from None
        fitted = copy.copy(pipeline)
        fitted.steps = [*copy.deepcopy(before), (name, self.to_estimator(last))]
        return fitted

    @property
    def id(self) -> str:
        return str(self._meta["id"])

    @property
    def parent(self) -> str | None:
        return self._meta["lineage"]["parent"]

    @property
    def lineage(self) -> dict[str, Any]:
        return copy.deepcopy(self._meta["lineage"])

    @property
    def classes(self) -> NDArray | None:
        return decode_labels(self._meta["schema"]["classes"])

    @property
    def n_features(self) -> int | None:
        return self._meta["schema"]["n_features"]

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        return _tuple(self._meta["schema"]["columns"])

    @property
    def dtype(self) -> str:
        return str(self._meta["dtype"])

    @property
    def module(self) -> dict[str, Any]:
        return copy.deepcopy(self._meta["module"])

    @property
    def created(self) -> str:
        return str(self._meta["created"])

    @property
    def versions(self) -> dict[str, str]:
        return dict(self._meta["versions"])

    @property
    def keeps_rows(self) -> bool:
        return bool(self._meta["memory"].get("kept", True))

    @property
    def state(self) -> NetState:
        """Weights and buffers, as copies."""
        return self._state("state")

    @property
    def nbytes(self) -> int:
        """Size of the file in bytes."""
        return int(self._raw.nbytes)

    def donor(self) -> Donor:
        """Return everything as a donor, with tensors of its own.

        Returns
        -------
        Donor
            What a new network can start from.
        """
        meta = copy.deepcopy(self._meta)
        schema = meta["schema"]
        optimizer = meta["optimizer"]
        scaler = meta["scaler"]
        memory = meta["memory"]
        return Donor(
            state=self._state("state"),
            schema=self._schema(schema),
            origin=self._state("origin") if meta["has_origin"] else None,
            optimizer=None
            if optimizer is None
            else OptimizerState(
                optimizer["kind"],
                {
                    name: {
                        key: self._tensor(f"moments/{i}/{key}") if kind == "tensor" else value
                        for key, (kind, value) in entry.items()
                    }
                    for i, (name, entry) in enumerate(optimizer["moments"])
                },
                tuple(_lists_to_tuples(group) for group in optimizer["groups"]),
            ),
            scaler=None
            if scaler is None
            else Standardizer(
                scaler["count"], self._array("scaler/mean"), self._array("scaler/m2"), scaler["centred"]
            ),
            lineage=Lineage(**meta["lineage"]),
            memory=self._memory(memory),
            features=FeatureSummary(self._array("features/edges"), self._array("features/bins"))
            if meta["has_features"]
            else None,
            streams={name.removeprefix("streams/"): self._tensor(name) for name in self._names("streams/")},
            schedule=meta["schedule"],
            description=meta["module"],
            saved_id=self.id,
        )

    def _schema(self, schema: Mapping[str, Any]) -> Schema:
        parts = schema.get("parts")
        return Schema(
            self.n_features,
            self.feature_names,
            self.classes,
            _tuple(schema["targets"]),
            schema["framed"],
            None if parts is None else tuple(PartSchema(*part[:2], *map(tuple, part[2:])) for part in parts),
            schema.get("named", True),
        )

    def _state(self, which: str) -> NetState:
        names, parameters = self._meta["tensors"]["names"], self._meta["tensors"]["parameters"]
        unique = {first: self._tensor(f"{which}/{first}") for first in dict.fromkeys(names.values())}
        return NetState({name: unique[first] for name, first in names.items()}, set(parameters))

    def _memory(self, memory: Mapping[str, Any]) -> RowMemory:
        columns, keys = _tuple(memory["columns"]), memory.get("keys")
        if keys is None:  # as before rows had a key
            return RowMemory(KeyedRows(None, *self._sketches("memory", memory)), columns)
        first, *others = (
            KeyedRows(None if key is None else bytes.fromhex(key), *self._sketches(f"memory/{i}", sizes))
            for i, (key, sizes) in enumerate(zip(keys, memory["sizes"], strict=True))
        )
        return RowMemory(first, columns, others)

    def _sketches(self, place: str, sizes: Mapping[str, int]) -> list[RowSketch]:
        return [
            RowSketch.from_array(self._array(f"{place}/{which}").view(np.uint64), sizes[which])
            for which in ("own", "ancestors")
        ]

    def _names(self, prefix: str) -> list[str]:
        return [name for name in self._entries if name.startswith(prefix)]

    def _array(self, name: str) -> NDArray:
        return self._tensor(name).numpy()

    def _tensor(self, name: str) -> Tensor:
        return read_tensor(self._raw, self._entries[name])

    def __sklearn_clone__(self) -> Self:
        return self

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return type(self), (self._raw,)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__ or not name.startswith("_"):
            raise AttributeError("a Checkpoint is immutable: fit an estimator from it and take a new one")
        super().__setattr__(name, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Checkpoint) and self._meta["digest"] == other._meta["digest"]

    def __hash__(self) -> int:
        return hash(self._meta["digest"])

    def __repr__(self) -> str:
        line = self._meta["lineage"]
        outputs = "" if self.classes is None else f", {len(self.classes)} classes"
        inputs = "" if self.n_features is None else f", {self.n_features} features"
        return (
            f"Checkpoint({self.id}: {self.module.get('class', 'network')}{inputs}{outputs}, {line['rows']} rows)"
        )


def _lists_to_tuples(group: dict[str, Any]) -> dict[str, Any]:
    """Give an optimiser back the tuples that JSON stored as lists."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in group.items()}


def _tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)
