"""Rows that are recognised: on which side of the split they are, and whether they were trained on before."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...state import LeakageWarning, RowMemory, RowSketch, leaked_share, row_ids, sample_ids, validation_mask
from ._table import is_array, validate_rows


@dataclass(frozen=True)
class Recognised:
    """The rows of one call.

    Parameters
    ----------
    n_rows : int or None
        How many there are; None where the input is no array.
    known_as : tuple of ndarray of uint64, shape (n_samples,)
        Their identities: by content, and by ``sample_id`` where it was given.
    valid : ndarray of bool, shape (n_samples,), or None, default=None
        Which of them validate; None if none do.
    """

    n_rows: int | None
    known_as: tuple[NDArray[np.uint64], ...]
    valid: NDArray[np.bool_] | None = None

    @property
    def train(self) -> NDArray[np.bool_] | slice:
        """Index of the rows that are trained on."""
        return slice(None) if self.valid is None else ~self.valid

    @property
    def n_train(self) -> int:
        """How many rows are trained on."""
        return (self.n_rows or 0) - (0 if self.valid is None else int(self.valid.sum()))

    def remember(self, memory: RowMemory) -> None:
        """Let a memory know which rows were trained on."""
        for ids in self.known_as:
            memory.add(ids[self.train])


def recognise(net: Any, X: Any, sample_id: ArrayLike | None = None, fraction: float | None = None) -> Recognised:
    """Recognise rows, and split them for validation so that a row never changes sides.

    Parameters
    ----------
    net : WarmStartMixin
        Whose columns they have, and whose memory says which of these identify a row.
    X : ndarray, sparse matrix, or anything else
        The rows.
    sample_id : array-like of shape (n_samples,), default=None
        Their identities.
    fraction : float, default=None
        Share of rows that validates, on average.

    Returns
    -------
    Recognised
        The rows.

    Raises
    ------
    ValueError
        If one side of the split is empty, or there are not as many identities as rows.
    """
    if not is_array(X) or X.dtype.kind not in "fiub":
        return Recognised(None, ())
    n_rows = X.shape[0]
    known_as: tuple[NDArray[np.uint64], ...] = (_content_ids(net, X),)
    if sample_id is not None:
        given = sample_ids(sample_id)
        if len(given) != n_rows:
            raise ValueError(f"sample_id has {len(given)} entries for {n_rows} rows")
        known_as = (*known_as, given)
    if fraction is None:
        return Recognised(n_rows, known_as)
    valid = validation_mask(known_as[-1], fraction)
    n_valid = int(valid.sum())
    if n_valid in (0, n_rows):
        raise ValueError(
            f"The {'validation' if n_valid == 0 else 'training'} set is too small. "
            f"early_stopping=True needs rows on both sides of the split, but with n_samples={n_rows} and "
            f"validation_fraction={fraction:g} there are {n_valid} to validate: give more rows, another "
            "validation_fraction, or X_val and y_val"
        )
    return Recognised(n_rows, known_as, valid)


def begin_memory(net: Any, donors: Sequence[RowMemory] | None, sticky_by_content: bool) -> RowMemory:
    """Return the memory of a fit, whose own rows are yet to come.

    Parameters
    ----------
    net : WarmStartMixin
        The net, with its data validated.
    donors : sequence of RowMemory or None
        The donors' memories, the first of which says what identifies a row; None for a cold start.
    sticky_by_content : bool
        Whether rows are held out by their content.

    Returns
    -------
    RowMemory
        The memory.
    """
    names = net.__dict__.get("column_names_")
    if donors is None:
        return RowMemory(columns=names)
    previous = donors[0]
    columns = previous.columns
    if columns is not None and names is not None and not set(columns) <= set(names):
        gone = [name for name in columns if name not in set(names)]
        columns = tuple(name for name in columns if name in set(names)) or names
        if sticky_by_content:
            warnings.warn(
                f"the columns {gone[:5]} are gone, and rows were recognised by them: rows that trained before may "
                "validate now. Pass sample_id to fit",
                LeakageWarning,
                stacklevel=4,
            )
    memory = previous.child(columns)
    for other in donors[1:]:
        memory.ancestors = memory.ancestors | other.own | other.ancestors
    return memory


def new_rows(net: Any, rows: Recognised) -> NDArray[np.bool_] | None:
    """Return which training rows no donor has seen; None where that is not known.

    Parameters
    ----------
    net : WarmStartMixin
        The net, whose memory knows the donors' rows.
    rows : Recognised
        The rows of the fit. One whose identity is beyond what a memory of bounded size can answer counts as seen.

    Returns
    -------
    ndarray of bool, or None
        One entry for each training row.
    """
    if not rows.known_as or not len(net.memory_.ancestors):
        return None
    known, answerable = net.memory_.ancestors.lookup(rows.known_as[-1][rows.train])
    return answerable & ~known


def warn_of_leak(net: Any, X: Any, sample_id: ArrayLike | None = None) -> None:
    """Warn if rows that are scored trained a donor and not the last fit.

    Parameters
    ----------
    net : WarmStartMixin
        A fitted net.
    X : array-like
        The rows, validated.
    sample_id : array-like of shape (n_samples,), default=None
        Their identities.

    Warns
    -----
    LeakageWarning
        Naming the share.
    """
    memory = net.__dict__.get("memory_")
    if memory is None or not len(memory.ancestors):
        return
    recognised = recognise(net, X, sample_id)
    if not recognised.known_as:
        return
    share, judged = leaked_share(recognised.known_as[-1], memory.ancestors, memory.own)
    if share > 0:
        known = "" if judged == recognised.n_rows else f" (judged by {judged} of them)"
        warnings.warn(
            f"{share:.1%} of the {recognised.n_rows} rows scored{known} trained the donor that this estimator "
            "started from, and not its last fit: they look held out and are not, so the score is too good. "
            "Score on rows that no donor has seen, or start from a donor that has not seen these. (Rows of equal "
            "content count as one; pass sample_id to tell them apart.)",
            LeakageWarning,
            stacklevel=3,
        )


def known_share(net: Any, X: Any, own: bool = True) -> float:
    """Tell how many rows a fitted net, or a donor of it, was trained on.

    Parameters
    ----------
    net : WarmStartMixin
        A fitted net.
    X : array-like
        The rows.
    own : bool, default=True
        Whether those of its last fit count.

    Returns
    -------
    float
        Their share, among the rows that a memory of bounded size can answer on; 0.0 where nothing is known.
    """
    memory = net.__dict__.get("memory_")
    recognised = recognise(net, validate_rows(net, X))
    if memory is None or not recognised.known_as:
        return 0.0
    known = memory.own | memory.ancestors if own else memory.ancestors
    return leaked_share(recognised.known_as[0], known, RowSketch())[0]


def _content_ids(net: Any, X: Any) -> NDArray[np.uint64]:
    names = net.__dict__.get("column_names_")
    memory = net.__dict__.get("memory_")
    identifying = None if memory is None else memory.columns
    if identifying is None or X.ndim != 2:
        # A lineage that began without names goes by position.
        return row_ids(X)
    if names is None:
        return row_ids(X, identifying if len(identifying) == X.shape[1] else None)
    chosen = set(identifying)
    if chosen >= set(names):
        return row_ids(X, names)
    places = [i for i, name in enumerate(names) if name in chosen]
    return row_ids(X[:, places], [names[i] for i in places])
