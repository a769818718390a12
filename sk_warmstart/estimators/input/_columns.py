"""Names of the columns of X and y, and their comparison with those of earlier rows."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..._compat._sklearn import safe_indexing
from ...state import Schema
from .._protocol import WarmStartNet
from ._parts import RowParts, schemas_of
from ._pipeline_names import names_from_pipeline

_A_FEW = 5
_TIMES = ("m", "M")
_TIMES_OF_POLARS = ("Date", "Time", "Duration")
_OF_THE_DONOR = "schema='adapt' lets a warm start follow the names of columns that come and go"
_AS_NUMBERS = "make numbers of them (days since a first one, month, hour), or leave them out"
_OTHER_WIDTH = "is expecting"
_LEARNED = ("n_features_in_", "feature_names_in_")


def as_frame(X: Any) -> Any:
    """Return a table of pyarrow's as a DataFrame; anything else as it is."""
    is_arrow = type(X).__module__.partition(".")[0] == "pyarrow" and hasattr(X, "to_pandas")
    return X.to_pandas() if is_arrow else X


def check_input(X: Any) -> None:
    """Refuse None, columns of one name, and dates, for which scikit-learn's validation has no clear words."""
    if X is None:
        raise ValueError("X is None: pass the rows, as an array, a sparse matrix or a DataFrame")
    columns = getattr(X, "columns", None)
    if getattr(getattr(X, "dtype", None), "kind", "") in _TIMES:
        raise ValueError(f"X holds dates: {_AS_NUMBERS}")
    if columns is None:
        return
    for name, dtype in zip(columns, getattr(X, "dtypes", ()), strict=False):
        if getattr(dtype, "kind", "") in _TIMES or str(dtype).startswith(_TIMES_OF_POLARS):
            raise ValueError(f"column {name!r} of X holds dates: {_AS_NUMBERS}")
    if getattr(columns, "is_unique", False):
        return
    names = list(columns)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"X has more than one column named {', '.join(map(repr, twice[:_A_FEW]))}: rename them")


@contextlib.contextmanager
def naming(other: str, X: Any = None, warm: bool = False) -> Iterator[None]:
    """Let an error about text name the column of X that holds it, or else what it is in.

    One about the number of columns says what a warm start can do about it.
    """
    try:
        yield
    except ValueError as error:
        if warm and _OTHER_WIDTH in str(error):
            raise ValueError(f"{str(error).rstrip('.')}. {_OF_THE_DONOR}") from error
        if not str(error).startswith("could not convert"):
            raise
        column = _column_of_text(X)
        where = other if column is None else f"column {column!r} of X"
        where = "X" if isinstance(X, str | bytes) else where
        raise ValueError(
            f"{where} is not numeric: encode it (for example OneHotEncoder) or drop it ({error})"
        ) from error


def _column_of_text(X: Any) -> Any:
    """The name, or the place, of the first column that is not numeric."""
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


def other_width(net: WarmStartNet, expected: int | None) -> ValueError:
    """Return scikit-learn's error about another number of columns than before."""
    return ValueError(
        f"X has {net.n_features_in_} features, but {type(net).__name__} {_OTHER_WIDTH} {expected} features as "
        f"input. {_OF_THE_DONOR}"
    )


def forget_columns(net: WarmStartNet) -> None:
    """Forget the columns of an earlier fit."""
    for name in _LEARNED:
        vars(net).pop(name, None)


def expect_columns(net: WarmStartNet, schema: Schema) -> None:
    """Let scikit-learn's validation compare the columns with those of a schema."""
    if schema.n_features is not None:
        net.n_features_in_ = schema.n_features
    if schema.columns is not None and schema.framed:
        net.feature_names_in_ = np.array(schema.columns, dtype=object)


def learn_schema(net: WarmStartNet, rows: Any, y: Any, before: Schema | None) -> Schema:
    """Return the schema of validated rows and y, with names from a DataFrame or from the Pipeline around the net.

    With ``schema="strict"`` names that differ from those before are an error.
    """
    frame = vars(net).get("feature_names_in_")
    names = names_from_pipeline(net) if frame is None else tuple(map(str, frame))
    width = vars(net).get("n_features_in_")
    if names is not None and len(names) != width:
        names = None
    if before is not None and before.columns is not None:
        if names is None and before.n_features == width:
            names = before.columns
        elif names is not None and names != before.columns and net.schema == "strict":
            raise ValueError(_difference(before.columns, names))
    targets = getattr(y, "columns", None)
    named = targets is not None and getattr(y, "ndim", 2) == 2
    return Schema(
        n_features=width,
        columns=names,
        classes=vars(net).get("classes_inferred_"),
        targets=tuple(map(str, targets)) if named else None,  # type: ignore[arg-type]
        framed=frame is not None,
        parts=schemas_of(rows) if isinstance(rows, RowParts) else None,
        named=not isinstance(rows, RowParts) or rows.named,
    )


def targets_in_order(y: Any, schema: Schema) -> Any:
    """Return the target columns of a DataFrame in the order of the network's outputs, which have their names."""
    y = as_frame(y)
    wanted = list(schema.targets or ())
    if len(wanted) < 2 or getattr(y, "columns", None) is None or getattr(y, "ndim", 2) != 2:
        return y  # one column is the target, whatever its name
    names = list(map(str, y.columns))
    if names == wanted:
        return y
    if sorted(names) != sorted(wanted) or len(set(wanted)) < len(wanted):
        raise ValueError(f"y_val has the columns {names}, but y has {wanted}: give both the same")
    return safe_indexing(y, list(map(names.index, wanted)), axis=1)


def _difference(old: tuple[str, ...], new: tuple[str, ...]) -> str:
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
