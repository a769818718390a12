"""What the columns of X and y are called, and whether they are the ones that are known."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...state import Schema
from ._pipeline_names import names_from_pipeline

_A_FEW = 5
_LEARNED = ("n_features_in_", "feature_names_in_", "column_names_", "target_names_")


def check_input(X: Any) -> None:
    """Refuse what scikit-learn's validation takes for something else, or has no clear words for.

    Parameters
    ----------
    X : array-like or sparse matrix
        What the user passed.

    Raises
    ------
    ValueError
        If it is None, or two of its columns have one name.
    """
    if X is None:
        raise ValueError("X is None: pass the rows, as an array, a sparse matrix or a DataFrame")
    columns = getattr(X, "columns", None)
    if columns is None or getattr(columns, "is_unique", False):
        return
    names = list(columns)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"X has more than one column named {', '.join(map(repr, twice[:_A_FEW]))}: rename them")


@contextlib.contextmanager
def naming(other: str, X: Any = None) -> Iterator[None]:
    """Let an error about text say where the text is.

    Parameters
    ----------
    other : str
        What it is in, if not in X.
    X : array-like, default=None
        Rows whose columns to look through.

    Yields
    ------
    None
        While the block validates.

    Raises
    ------
    ValueError
        What the block raised, in more words.
    """
    try:
        yield
    except ValueError as error:
        if not str(error).startswith("could not convert"):
            raise
        column = _column_of_text(X)
        where = other if column is None else f"column {column!r} of X"
        where = "X" if isinstance(X, str | bytes) else where
        raise ValueError(f"{where} holds what is no number: encode it, or leave it out ({error})") from error


def _column_of_text(X: Any) -> Any:
    """The name, or the place, of the first column that is no numbers."""
    framed = hasattr(X, "columns")
    if not framed and np.ndim(X) != 2:
        return None
    table: Any = X if framed else np.asarray(X)
    for column in table.columns if framed else range(table.shape[1]):
        try:
            np.asarray(table[column] if framed else table[:, column]).astype(float)
        except (TypeError, ValueError):
            return column
    return None


def forget_columns(net: Any) -> None:
    """Forget the columns of an earlier fit.

    Parameters
    ----------
    net : WarmStartMixin
        The net.
    """
    for name in _LEARNED:
        net.__dict__.pop(name, None)


def expect_columns(net: Any, schema: Schema) -> None:
    """Let scikit-learn's validation compare the columns with known ones.

    Parameters
    ----------
    net : WarmStartMixin
        The net.
    schema : Schema
        What is known.
    """
    if schema.n_features is not None:
        net.n_features_in_ = schema.n_features
    if schema.columns is not None and schema.framed:
        net.feature_names_in_ = np.array(schema.columns, dtype=object)


def learn_columns(net: Any, X: Any, y: Any, known: Schema | None) -> None:
    """Learn what the columns are called: from a DataFrame, or from the Pipeline around the net.

    Parameters
    ----------
    net : WarmStartMixin
        The net, with X and y validated.
    X, y : array-like
        As the user passed them.
    known : Schema or None
        What they were before, if anything.

    Raises
    ------
    ValueError
        With ``schema="strict"``, if the names are not those that are known.
    """
    framed = net.__dict__.get("feature_names_in_")
    names = names_from_pipeline(net) if framed is None else tuple(map(str, framed))
    width = net.__dict__.get("n_features_in_")
    if names is not None and len(names) != width:
        names = None
    if known is not None and known.columns is not None:
        if names is None and known.n_features == width:
            names = known.columns
        elif names is not None and names != known.columns and net.schema == "strict":
            raise ValueError(_differing(known.columns, names))
    net.column_names_ = names
    targets = getattr(y, "columns", None)
    named = targets is not None and getattr(y, "ndim", 2) == 2
    net.target_names_ = tuple(map(str, targets)) if named else None  # type: ignore[arg-type]


def _differing(old: tuple[str, ...], new: tuple[str, ...]) -> str:
    unseen = sorted(set(new) - set(old))
    missing = sorted(set(old) - set(new))
    lines = ["The feature names should match those that were passed during fit."]
    if unseen:
        lines += ["Feature names unseen at fit time:", *(f"- {name}" for name in unseen[:5])]
    if missing:
        lines += ["Feature names seen at fit time, yet now missing:", *(f"- {name}" for name in missing[:5])]
    if not unseen and not missing:
        lines.append("Feature names must be in the same order as they were in fit.")
    return "\n".join([*lines, "schema='adapt' lets a warm start follow the names."])
