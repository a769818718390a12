"""Identity of rows: their side of the split, and whether a donor was trained on them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..._warning import warn_caller
from ...state import LeakageWarning, row_ids, sample_ids
from ...state.rows._identity import validation_place
from ...state.rows._row_memory import RowMemory
from .._protocol import WarmStartNet
from ._datasets import is_indexed
from ._parts import RowParts, arrays_of
from ._table import is_array, validate_rows

Names = tuple[str, ...] | None
_FEWEST = 3  # rows of which some validate
_SHOWN: set[tuple[str | None, str]] = set()  # donors, and what was said of their rows
_MOST_SHOWN = 10_000
_MANY = 20  # of fewer rows that validate, half or twice as many may be chance


@dataclass(frozen=True)
class Recognised:
    """The rows of one call by their identities: content, and ``sample_id`` where it was given.

    ``n_rows`` is None where the input is no array, and no dataset with a length; ``valid`` is the mask of the rows
    that validate.
    """

    n_rows: int | None
    ids: tuple[NDArray[np.uint64], ...]
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
        """Add the rows that were trained on to a memory."""
        for ids in self.ids:
            memory.add(ids[self.train])


def recognise(
    X: Any,
    columns: Names,
    identifying: Names,
    sample_id: ArrayLike | None = None,
    fraction: float | None = None,
    memory: RowMemory | None = None,
) -> Recognised:
    """Recognise rows by the columns that identify them, and split them so that a row never changes sides.

    Rows that trained before, by the memory of a lineage, do not validate.
    """
    if is_indexed(X):
        return _recognise_places(len(X), sample_id, fraction, memory)
    if not is_array(X) or any(array.dtype.kind not in "fiub" for array in arrays_of(X)):
        return Recognised(None, ())
    n_rows = X.shape[0]
    ids: tuple[NDArray[np.uint64], ...] = (_content_ids(X, columns, identifying),)
    if sample_id is not None:
        given = sample_ids(sample_id)
        if len(given) != n_rows:
            raise ValueError(f"sample_id has {len(given)} entries for {n_rows} rows")
        ids = (*ids, given)
    if fraction is None:
        return Recognised(n_rows, ids)
    trained = np.zeros(n_rows, dtype=np.bool_) if memory is None else memory.before(ids[-1])[0]
    return Recognised(n_rows, ids, _validating(ids[-1], fraction, trained))


def _recognise_places(
    n_rows: int, sample_id: ArrayLike | None, fraction: float | None, memory: RowMemory | None
) -> Recognised:
    """Recognise the rows of a dataset by the identities given, or by their places.

    Places are not remembered: other rows of another dataset have the same.
    """
    ids = sample_ids(np.arange(n_rows) if sample_id is None else sample_id)
    if len(ids) != n_rows:
        raise ValueError(f"sample_id has {len(ids)} entries for {n_rows} rows")
    kept = () if sample_id is None else (ids,)
    if fraction is None:
        return Recognised(n_rows, kept)
    knows = memory is not None and sample_id is not None
    trained = memory.before(ids)[0] if memory is not None and knows else np.zeros(n_rows, dtype=np.bool_)
    return Recognised(n_rows, kept, _validating(ids, fraction, trained))


def _validating(ids: NDArray[np.uint64], fraction: float, trained: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which rows validate: by their identity, but none that trained before where others are left."""
    if len(ids) < _FEWEST:
        raise ValueError(
            f"The validation set is too small. early_stopping=True needs at least {_FEWEST} rows, got "
            f"n_samples={len(ids)}: give more rows, or X_val and y_val"
        )
    place = validation_place(ids)
    valid = place < fraction
    if not valid.any():  # by chance, or with few distinct rows: the ones that come nearest
        nearest = np.where(trained & ~trained.all(), np.inf, place)
        valid = nearest == nearest.min(initial=np.inf)
    elif valid.all():
        valid = place < place.max()
    n_rows, n_valid = len(ids), int(valid.sum())
    if n_valid in (0, n_rows):
        raise ValueError(
            "The validation set is too small. early_stopping=True needs rows on both sides of the split, and rows "
            f"of equal content are on one side, but with n_samples={n_rows} all are equal: pass sample_id to tell "
            "them apart, or X_val and y_val"
        )
    share = n_valid / n_rows
    fair = fraction / 2 <= share <= min(2 * fraction, (1 + fraction) / 2)
    if not fair and fraction * n_rows >= _MANY and 2 * len(np.unique(ids)) <= n_rows:
        warn_caller(
            f"{share:.0%} of the {n_rows} rows validate, not {fraction:.0%} (validation_fraction): rows of equal "
            "content are on one side, and a few contents make up most rows. Pass sample_id to tell rows apart"
        )
    clean = valid & ~trained
    if clean.sum() == n_valid or clean.sum() >= min(fraction * n_rows / 2, _MANY):
        return clean
    warn_caller(
        f"{(valid & trained).sum() / n_valid:.0%} of the {n_valid} rows that validate trained the network before: "
        "the score of early stopping is too good, and says little about other rows. Pass X_val and y_val that no "
        "fit has seen, or start cold (init_policy='cold')",
        LeakageWarning,
    )
    return valid


def begin_memory(columns: Names, donors: Sequence[RowMemory], sticky_by_content: bool) -> RowMemory:
    """Return the memory of a fit, whose own rows are yet to come; the first donor says what identifies a row."""
    if not donors:
        return RowMemory(columns=columns)
    identifying = donors[0].columns
    if identifying is not None and columns is not None and not set(identifying) <= set(columns):
        gone = [name for name in identifying if name not in set(columns)]
        identifying = tuple(name for name in identifying if name in set(columns)) or columns
        if sticky_by_content:
            warn_caller(
                f"the columns {gone[:5]} are gone, and rows were recognised by them: rows that trained before may "
                "validate now. Pass sample_id to fit (in a Pipeline by the step's name, net__sample_id)",
                LeakageWarning,
            )
    return donors[0].child(identifying, donors[1:])


def new_rows(memory: RowMemory, rows: Recognised) -> NDArray[np.bool_] | None:
    """Return which training rows no donor has seen; None where a memory of bounded size cannot tell."""
    if not rows.ids or not memory.has_ancestors:
        return None
    seen, answerable = memory.before(rows.ids[-1][rows.train])
    return answerable & ~seen


def warn_where_leaking(net: WarmStartNet, X: Any, sample_id: ArrayLike | None = None) -> None:
    """Warn with the share of rows to be scored that trained a donor of a net and not its last fit."""
    memory = net._current.memory
    if not memory.has_ancestors:
        return
    rows = recognise(validate_rows(net, X), net._current.schema.columns, memory.columns, sample_id)
    if not rows.ids:
        return
    share, judged = memory.leaked_share(rows.ids[-1])
    if share > 0:
        basis = "" if judged == rows.n_rows else f" (judged by {judged} of them)"
        _warn_once(
            net._current.lineage.parent,
            f"{share:.1%} of the {rows.n_rows} rows scored{basis} trained the donor that this estimator "
            "started from, and not its last fit: they look held out and are not, so the score is too good. "
            "Score on rows that no donor has seen, or start from a donor that has not seen these. (Rows of equal "
            "content count as one; pass sample_id to tell them apart, in a Pipeline by the step's name, as "
            "net__sample_id.)",
        )


def _warn_once(donor: str | None, text: str) -> None:
    """Warn of a leak; the same of the same donor once, as Python would if searches did not reset its memory.

    Where all such warnings, none or errors were asked for, that holds.
    """
    if _is_shown_by_default(text):
        if (donor, text) in _SHOWN:
            return
        if len(_SHOWN) >= _MOST_SHOWN:
            _SHOWN.clear()
        _SHOWN.add((donor, text))
    warn_caller(text, LeakageWarning)


def _is_shown_by_default(text: str) -> bool:
    for action, message, category, module, line in warnings.filters:
        anywhere = issubclass(LeakageWarning, category) and module is None and not line
        if anywhere and (message is None or re.match(message, text)):
            return action in ("default", "module", "once")
    return True


def known_share(net: WarmStartNet, X: Any) -> float:
    """Return the share of rows that a fitted net or its donors trained on."""
    memory = net._current.memory
    rows = recognise(validate_rows(net, X), net._current.schema.columns, memory.columns)
    if not rows.ids:
        return 0.0
    return memory.share_of(rows.ids[0])


def _content_ids(X: Any, columns: Names, identifying: Names) -> NDArray[np.uint64]:
    if isinstance(X, RowParts):
        return row_ids(X.parts)
    if identifying is None or X.ndim != 2:
        # A lineage that began without names goes by position.
        return row_ids(X)
    if columns is None:
        return row_ids(X, identifying if len(identifying) == X.shape[1] else None)
    chosen = set(identifying)
    if chosen >= set(columns):
        return row_ids(X, columns)
    places = [i for i, name in enumerate(columns) if name in chosen]
    return row_ids(X[:, places], [columns[i] for i in places])
