"""A table in a file, with its cells as they are written there."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
from pandas.api import types

from ..._warning import warn_caller
from .._text import printable
from ._columns import check_names

_SEPARATORS = (",", ";", "\t", "|")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHUNK = 2**20
_LINES = 200  # that show what separates the cells
_SEP_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # which Excel writes and reads


@dataclass(frozen=True)
class FileFormat:
    """What the user says of how a CSV is written."""

    sep: str | None = None
    encoding: str | None = None


def read_file(path: Path, written: FileFormat) -> tuple[pd.DataFrame, str]:
    """Read a file, or say in one line why it cannot be read; also return what separates its cells."""
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    name = path.name.lower()
    if not name.endswith((".parquet", ".pq", ".csv", ".csv.gz")):
        raise ValueError(f"{path} is neither .csv, .csv.gz nor .parquet: save the table as one of them")
    sep = ","
    try:
        if name.endswith((".parquet", ".pq")):
            frame = _plain_columns(pd.read_parquet(path))
        else:
            frame, sep = _read_csv(path, written)
    except (
        OSError,
        EOFError,
        zlib.error,
        ValueError,
        LookupError,
        ImportError,
        csv.Error,
        RecursionError,
    ) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"{path} cannot be read as a table: {printable(reason)}") from None
    if not len(frame.columns):
        raise ValueError(f"{path} is empty")
    if not len(frame):
        raise ValueError(f"{path} has no rows")
    try:
        names = [str(column).strip() for column in frame]
        check_names(names)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return frame.set_axis(names, axis=1).reset_index(drop=True), sep


def _read_csv(path: Path, written: FileFormat) -> tuple[pd.DataFrame, str]:
    """Read a CSV, all cells as text; an empty one is missing."""
    encoding = codecs.lookup(written.encoding).name if written.encoding else _find_encoding(path)
    with _open_text(path, encoding) as file:
        head = [line for line, _ in zip(file, range(_LINES), strict=False)]
    skip = 0
    given = _SEP_LINE.fullmatch(head[0]) if head else None
    if given is not None:
        skip, head = 1, head[1:]
    if not any(line.strip() for line in head):
        return pd.DataFrame(), ","
    sep = written.sep or (given[1] if given is not None else _find_separator(head))
    with _open_text(path, encoding) as file:
        names = _check_records(file, sep, skip)
    frame = pd.read_csv(
        path,
        sep=sep,
        encoding=encoding,
        skiprows=skip,
        dtype=str,
        keep_default_na=False,
        na_values=[""],
        skipinitialspace=True,
        index_col=False,
        engine="c" if len(sep) == 1 else "python",
    )
    if len(frame.columns) == len(names):  # pandas calls two columns of one name a and a.1
        frame.columns = pd.Index(
            [name or old for name, old in zip(names, frame.columns, strict=True)], dtype=object
        )
    return frame, sep


def _open_text(path: Path, encoding: str) -> IO[str]:
    """Open a CSV, packed or not."""
    return io.TextIOWrapper(_open(path), encoding=encoding, newline="")


def _open(path: Path) -> IO[bytes]:
    """Open a file of bytes, packed or not."""
    return gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb")  # type: ignore[return-value]


def _chunks(path: Path) -> Iterator[bytes]:
    """Return the bytes of a file, part by part."""
    with _open(path) as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _find_encoding(path: Path) -> str:
    """Return the encoding that the bytes of a file show, or say that none is certain."""
    start = next(_chunks(path), b"")
    for bom, encoding in _BOMS:
        if start.startswith(bom):
            return encoding
    if start.startswith(b"\x1f\x8b"):
        raise ValueError("it is packed with gzip: give it a name that ends in .csv.gz")
    if b"\0" in start:
        for encoding, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
            if zeros.count(0) > 0.6 * len(zeros) and _decodes(path, encoding):
                return encoding
        raise ValueError("it holds bytes of zero, as no text does (or say --encoding)")
    if _decodes(path, "utf-8"):
        return "utf-8"
    if _decodes(path, "cp1252"):
        warn_caller(
            f"{path} is not in UTF-8: its letters are read as Windows's (cp1252; --encoding says otherwise)"
        )
        return "cp1252"
    raise ValueError("its letters are neither UTF-8, UTF-16 nor cp1252: say --encoding")


def _decodes(path: Path, encoding: str) -> bool:
    """Tell whether all bytes of a file are letters of an encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for chunk in _chunks(path):
            text = decoder.decode(chunk)
            if encoding == "cp1252" and any(letter in text for letter in "\x01\x02\x03\x04\x05\x06\x7f"):
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _find_separator(head: list[str]) -> str:
    """Return the one separator that gives all lines as many cells, or the header most."""
    even, most = [], {}
    for sep in _SEPARATORS:
        try:
            sizes = [len(cells) for cells in csv.reader(head, delimiter=sep, skipinitialspace=True) if cells]
        except csv.Error:
            continue
        sizes = sizes if len(head) < _LINES else sizes[:-1]  # the last one may be cut
        most[sep] = sizes[0] if sizes else 1
        if sizes and sizes[0] > 1 and len(set(sizes)) == 1:
            even.append(sep)
    if len(even) == 1:
        return even[0]
    if len(even) > 1:
        shown = " or ".join("a tab" if sep == "\t" else f"{sep!r}" for sep in even)
        raise ValueError(f"its cells may be separated by {shown}: say --sep")
    return max(_SEPARATORS, key=lambda sep: (most.get(sep, 0), sep == ","))


def _check_records(file: IO[str], sep: str, skip: int) -> list[str]:
    """Return the names of the columns; a row with more or fewer cells is a ValueError."""
    if len(sep) != 1:
        raise ValueError(f"--sep takes one character (or tab), got {sep!r}")
    for _ in range(skip):
        next(file)
    records = csv.reader(file, delimiter=sep, skipinitialspace=True, strict=True)
    names: list[str] | None = None
    for number, cells in enumerate((cells for cells in records if cells and cells != [""]), start=0):
        if names is None:
            names = [name.strip() for name in cells]
        elif len(cells) != len(names):
            shown = printable(sep.join(cells)[:60])
            raise ValueError(
                f"row {number} has {len(cells)} {'cell' if len(cells) == 1 else 'cells'} ({shown!r}), and the "
                "header "
                f"{len(names)} (cells are separated by {sep!r}; --sep says otherwise)"
            )
    return names or []


def _plain_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn decimals into floats and coded text into text, and refuse what is no cell of a table."""
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    columns = {}
    for place, name in enumerate(frame.columns):
        column: Any = frame.iloc[:, place]
        if isinstance(column.dtype, pd.CategoricalDtype) and not types.is_numeric_dtype(column.cat.categories):
            column = column.astype(object)
        if isinstance(column.dtype, pd.CategoricalDtype):
            columns[place] = column
            continue
        if column.dtype == object:
            values = column.dropna()
            for kind, what in ((bytes, "bytes"), (dict, "dictionaries"), ((list, np.ndarray, tuple), "lists")):
                if values.map(lambda value, kind=kind: isinstance(value, kind)).any():
                    raise ValueError(f"the column {str(name)!r} holds {what}: leave it out of the file")
            if len(values) and values.map(lambda value: isinstance(value, Decimal)).all():
                column = column.map(lambda value: np.nan if value is None else float(value)).astype(np.float64)
        elif str(column.dtype).startswith("decimal"):
            column = column.astype(np.float64)
        columns[place] = column
    return pd.DataFrame(columns).set_axis(frame.columns, axis=1)
