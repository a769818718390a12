"""Rows in several arrays, as the user passed them in a dictionary or a tuple, checked part by part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.utils import check_array
from skorch.helper import SliceDataset, SliceDict

from ..._compat._sklearn import num_samples
from ...state import PartSchema, Schema

Columns = tuple[str, ...] | None
_KINDS = {"f": "float", "i": "integer", "u": "integer", "b": "bool"}


class RowParts:
    """Rows in several arrays of one length: NumPy's or SciPy's, by name, or by place in a tuple.

    Indexing takes rows, of all parts. ``columns`` are the names of those that were DataFrames.
    """

    ndim = 1

    def __init__(self, parts: Mapping[str, Any], named: bool, columns: Mapping[str, Columns] | None = None):
        self.parts, self.named, self.columns = dict(parts), named, dict(columns or {})

    @classmethod
    def of(cls, given: Any) -> RowParts:
        """Take a dictionary or tuple of checked arrays."""
        named = isinstance(given, Mapping)
        return cls(given if named else {str(place): part for place, part in enumerate(given)}, named)

    def __len__(self) -> int:
        return int(next(iter(self.parts.values())).shape[0])

    @property
    def shape(self) -> tuple[int]:
        """Number of rows."""
        return (len(self),)

    def __getitem__(self, index: Any) -> RowParts:
        return RowParts({name: part[index] for name, part in self.parts.items()}, self.named, self.columns)

    def given(self) -> Any:
        """Return the parts in the user's kind: a dictionary of skorch's that takes rows, or a tuple."""
        return SliceDict(**self.parts) if self.named else tuple(self.parts.values())


def as_given(X: Any) -> Any:
    """Return rows in the user's kind, for skorch and callbacks."""
    return X.given() if isinstance(X, RowParts) else X


def arrays_of(X: Any) -> Iterator[Any]:
    """Yield the arrays that rows consist of."""
    yield from X.parts.values() if isinstance(X, RowParts) else (X,)


def are_parts(X: Any) -> bool:
    """Tell whether X holds rows in several arrays: a dictionary, or a tuple or list of tables, on the CPU."""
    if issparse(X) or isinstance(X, SliceDataset):  # one of SciPy's formats is a Mapping
        return False
    listed = isinstance(X, list | tuple) and any(getattr(part, "ndim", 0) > 1 for part in X)
    if not (isinstance(X, Mapping) or listed):
        return False
    parts = X.values() if isinstance(X, Mapping) else X
    return not any(isinstance(part, torch.Tensor) and part.device.type != "cpu" for part in parts)


def n_samples(X: Any) -> int:
    """Return the number of rows of what the user passed."""
    if are_parts(X):
        X = next(iter(X.values() if isinstance(X, Mapping) else X), ())
    return num_samples(X)


def read_parts(X: Any) -> RowParts:
    """Check a dictionary or tuple of arrays, in scikit-learn's words where it has any."""
    named = isinstance(X, Mapping)
    given = dict(X.items()) if named else {str(place): part for place, part in enumerate(X)}
    if not given:
        raise ValueError("X is an empty dictionary: pass an array for each argument of the network")
    unnamed = [name for name in given if not isinstance(name, str) or name == "self"]
    if unnamed:
        raise ValueError(f"the parts of X go by the names of the network's arguments, got {unnamed[0]!r}")
    parts = {name: _checked(part, _named(name, named)) for name, part in given.items()}
    lengths = {name: int(part.shape[0]) for name, part in parts.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{_named(name, named)} has {n}" for name, n in lengths.items())
        raise ValueError(f"the parts of X must have one length, a row for each sample: {listed}")
    return RowParts(parts, named, {name: _columns(part) for name, part in given.items()})


def schemas_of(X: RowParts) -> tuple[PartSchema, ...]:
    """Describe each part."""
    return tuple(
        PartSchema(name, _kind(part), tuple(part.shape[1:]), X.columns.get(name)) for name, part in X.parts.items()
    )


def conforming(X: Any, schema: Schema, resizes: bool = False) -> Any:
    """Return rows whose parts are those of a schema, in its order; other parts are an error.

    ``resizes`` allows rows of other shapes.
    """
    parts, named = schema.parts, isinstance(X, RowParts) and X.named
    if parts is None:
        if isinstance(X, RowParts) and schema.n_features is not None:
            raise ValueError(f"X has the parts {_listed(X.parts)}, but the network was trained on one array")
        return X
    if not isinstance(X, RowParts) or named != schema.named:
        what = f"a {'dictionary' if named else 'tuple'}" if isinstance(X, RowParts) else "one array"
        kind = f"a dictionary of {_listed([part.name for part in parts])}"
        kind = kind if schema.named else f"a tuple of {len(parts)} arrays"
        raise ValueError(f"X is {what}, but the network was trained on {kind}: pass X in the same parts")
    names = [part.name for part in parts]
    missing, further = [n for n in names if n not in X.parts], [n for n in X.parts if n not in names]
    if missing or further:
        found = [f"lacks {_listed(missing)}"] * bool(missing) + [f"has {_listed(further)} too"] * bool(further)
        raise ValueError(
            f"X {' and '.join(found)}: pass the parts that the network was trained on, {_listed(names)}"
        )
    fitting = {part.name: _fitting(X.parts[part.name], part, named, resizes) for part in parts}
    return RowParts(fitting, named, {part.name: _in_order(X, part) for part in parts})


def example_of(schema: Schema, n_rows: int) -> RowParts | None:
    """Return rows of zeros in the parts of a schema; None where it has none."""
    if schema.parts is None:
        return None
    dtypes: Any = {"float": np.float32, "integer": np.int64, "bool": np.bool_, "bytes": np.uint8}
    zeros = {part.name: np.zeros((n_rows, *part.shape), dtypes[part.kind]) for part in schema.parts}
    return RowParts(zeros, schema.named)


def width_of(X: Any) -> int | None:
    """Return the number of columns of the only part, if it is a table."""
    part = next(arrays_of(X))
    return int(part.shape[1]) if len(list(arrays_of(X))) == 1 and part.ndim == 2 else None


def as_numpy(data: Any) -> Any:
    """Return a tensor on the CPU as an array, bfloat16, which NumPy lacks, as float32; anything else as it is.

    An array that hides some of its entries is refused: what it hides would be used.
    """
    if isinstance(data, np.ma.MaskedArray) and np.ma.is_masked(data):
        raise ValueError("an array holds masked values: fill them in (its method filled), or leave these rows out")
    if not isinstance(data, torch.Tensor) or data.device.type != "cpu":
        return data
    data = data.detach().resolve_neg()
    return (data.float() if data.dtype == torch.bfloat16 else data).numpy()


def _checked(part: Any, name: str) -> Any:
    part = as_numpy(part)
    listed = hasattr(part, "__len__") and getattr(part, "ndim", 1) > 0
    if not listed or (isinstance(part, Mapping | str) and not issparse(part)):
        raise ValueError(f"{name} of X must be an array with a row for each sample, got a {type(part).__name__}")
    if _holds_text(part):
        raise ValueError(f"{name} of X holds text: encode it (a tokenizer, OrdinalEncoder), or leave it out")
    try:
        array = check_array(
            part, accept_sparse="csr", dtype="numeric", allow_nd=True, ensure_2d=False, input_name=f"X, {name},"
        )
    except (ValueError, TypeError) as error:
        text = str(error)
        if "inhomogeneous" in text or "sequence" in text:
            raise ValueError(f"{name} of X has rows of different lengths: pad them to one length") from error
        if "convert" in text or "numeric" in text or "float()" in text:
            raise ValueError(f"{name} of X is not numeric: encode it, or leave it out ({error})") from error
        raise
    if array.dtype.kind not in _KINDS:
        raise ValueError(f"{name} of X holds {array.dtype}: make numbers of it, or leave it out")
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        if array.dtype.itemsize == 8 and array.max(initial=0) > np.iinfo(np.int64).max:
            raise ValueError(f"{name} of X holds whole numbers beyond 2**63 - 1: cast it to floats, or encode it")
        array = array.astype(np.int64)  # torch computes little with them
    return array if array.dtype.itemsize <= 8 else array.astype(np.float64)


def _holds_text(part: Any) -> bool:
    dtypes = [getattr(part, "dtype", None)] if not hasattr(part, "dtypes") else list(np.atleast_1d(part.dtypes))
    kinds = {getattr(dtype, "kind", "O") for dtype in dtypes}
    if issparse(part) or not kinds & set("OUS"):
        return False
    try:
        values = np.asarray(part)
    except ValueError:  # rows of different lengths
        return False
    return values.dtype.kind in "US" or any(isinstance(value, str | bytes) for value in values.ravel().tolist())


def _fitting(array: Any, part: PartSchema, named: bool, resizes: bool) -> Any:
    """Return a part as it was in the fit; another one is an error."""
    name, shape = _named(part.name, named), tuple(array.shape[1:])
    if shape != part.shape and not resizes:
        raise ValueError(
            f"{name} of X has rows of shape {shape}, but the network was trained on rows of shape {part.shape}: "
            "give it that shape (texts are padded to one length, and cut to it), or fit anew"
        )
    kind = _kind(array)
    if part.kind in ("integer", "bool") and kind == "float":
        raise ValueError(
            f"{name} of X holds decimals, and the network was trained on whole numbers there: cast it to integers"
        )
    if part.kind == "float" and kind != "float":
        return array.astype(np.float64)
    if part.kind == "bytes" and kind != "bytes" and array.ndim > 2:
        return array.astype(np.float32)
    return array


def _columns(part: Any) -> Columns:
    """Names of the columns of a DataFrame, if they are texts."""
    names = getattr(part, "columns", None)
    if names is None or getattr(part, "ndim", 2) != 2 or not all(isinstance(name, str) for name in names):
        return None
    return tuple(map(str, names)) or None


def _in_order(X: RowParts, part: PartSchema) -> Columns:
    """Return the names of the columns of a part, those of the fit where it has none now; others are an error."""
    columns = X.columns.get(part.name)
    if part.columns is None or tuple(X.parts[part.name].shape[1:]) != part.shape:
        return columns
    for now, before in zip(columns or (), part.columns, strict=False):
        if now != before:
            raise ValueError(
                f"{_named(part.name, X.named)} of X has the column {now!r} where {before!r} was when the network "
                "was trained: pass the same columns in the same order"
            )
    return part.columns


def _kind(array: Any) -> str:
    return "bytes" if array.dtype == np.uint8 else _KINDS[array.dtype.kind]


def _named(name: str, named: bool) -> str:
    return f"the part {name!r}" if named else f"part {name}"


def _listed(names: Any) -> str:
    return ", ".join(map(repr, names))
