"""Container of a checkpoint: tensors and JSON in one safetensors file, every byte of it verified."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save as to_safetensors
from torch import Tensor

VERSION = 3  # since 2 a summary of columns is its bins and their edges alone, since 3 rows may have parts
_KEY = "sk_warmstart"
_BLANK = "0" * 64
LARGEST_HEADER = 32 * 2**20
_MOST_AXES = 64
_LARGEST_AXIS = 2**48
_DEEPEST = 64  # of lists and mappings in one another
_STALE = 3600.0  # seconds after which a half-written file belongs to a process that died
_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "C64": torch.complex64,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U64": torch.uint64,
    "U32": torch.uint32,
    "U16": torch.uint16,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


Entry = tuple[str, tuple[int, ...], int, int]  # kind, shape, first byte and the byte after the last


class CheckpointError(ValueError):
    """A checkpoint cannot be read or written; the message says why and what to do."""


def pack(tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> NDArray[np.uint8]:
    """Return the bytes of a file with these tensors and this JSON, and their digest in it."""
    odd = sorted({str(tensor.dtype) for tensor in tensors.values() if tensor.dtype not in _DTYPES.values()})
    if odd:
        raise CheckpointError(f"the state cannot be stored: it has tensors of {', '.join(odd)}")
    text = json.dumps({"version": VERSION, "digest": _BLANK, **meta}, allow_nan=False)
    try:
        _check_depth(meta)
        flat = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        raw = np.frombuffer(bytearray(to_safetensors(flat, {_KEY: text})), dtype=np.uint8)
        header = int.from_bytes(bytes(raw[:8]), "little")
        if header > LARGEST_HEADER:
            raise ValueError(f"its labels and names take {header} bytes, more than {LARGEST_HEADER}")
    except Exception as error:  # the library has exceptions of its own for what it cannot store
        raise CheckpointError(f"the state cannot be stored: {error}") from error
    at = _place_of_digest(raw)
    raw[at : at + len(_BLANK)] = np.frombuffer(_digest(raw, at).encode(), dtype=np.uint8)
    raw.flags.writeable = False
    return raw


def unpack(raw: NDArray[np.uint8], verify: bool = True) -> tuple[dict[str, Any], dict[str, Entry]]:
    """Return the JSON of a file, and what :func:`read_tensor` takes for each of its tensors."""
    if len(raw) < 8:
        raise CheckpointError(f"it has {len(raw)} bytes: it is empty or was cut off")
    size = int.from_bytes(bytes(raw[:8]), "little")
    if size > min(len(raw) - 8, LARGEST_HEADER):
        raise CheckpointError(_foreign(raw, size))
    try:
        header = _from_json(bytes(raw[8 : 8 + size]))
        inner = header.pop("__metadata__", {}).get(_KEY)
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise CheckpointError(_foreign(raw, size)) from None
    if inner is None:
        raise CheckpointError(
            "it is a safetensors file of another library: Pretrained(path) reads it, as weights of another module"
        )
    try:
        meta = _from_json(inner)
        _check_depth(meta)
        if verify:
            at = _place_of_digest(raw)
            if meta["digest"] != _digest(raw, at):
                raise CheckpointError("it is damaged: its content does not match its digest; use another copy")
        version = meta["version"]
        if type(version) is not int or version < 1:
            raise ValueError("no format")
        newer = version > VERSION
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError("it is damaged: its description cannot be read; use another copy") from None
    if newer:
        raise CheckpointError(
            f"it has format {meta['version']}, and this version of sk_warmstart reads up to {VERSION}: upgrade "
            "sk_warmstart"
        )
    entries = {name: _checked(name, entry, 8 + size, len(raw)) for name, entry in header.items()}
    end = 8 + size
    for first, last in sorted(entry[2:] for entry in entries.values()):
        if first != end:
            raise CheckpointError("it is damaged: its tensors overlap or have gaps between them; use another copy")
        end = last
    if end != len(raw):
        raise CheckpointError("it is damaged: bytes follow its last tensor; use another copy")
    return meta, entries


def is_own_header(text: bytes) -> bool:
    """Tell whether the header of a safetensors file is that of a checkpoint; a ValueError says that it is none."""
    return _KEY in _from_json(text).get("__metadata__", {})


def read_tensor(raw: NDArray[np.uint8], entry: Entry) -> Tensor:
    """Copy one tensor out of the bytes of a file."""
    dtype, shape, first, last = entry
    if first == last:
        return torch.empty(shape, dtype=_DTYPES[dtype])
    return torch.from_numpy(np.array(raw[first:last])).view(_DTYPES[dtype]).reshape(shape)


def write_file(path: str | os.PathLike, raw: NDArray[np.uint8]) -> None:
    """Write a file whole or not at all: a kill at any moment leaves the old file or the new one.

    A link is followed, and an older file's mode kept.
    """
    path = _as_path(path)
    if not path.name:
        raise CheckpointError(f"cannot write {path}: it is a folder, not a file")
    try:
        path = path.resolve() if path.is_symlink() else path
        partial = path.with_name(f"{_beginning(path)}.{secrets.token_hex(6)}.tmp")
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
    except (OSError, RuntimeError, ValueError) as error:  # links that go round, a name with a NUL
        raise CheckpointError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from error
    try:
        with open(partial, "xb") as file:  # this raises a ValueError for a NUL
            if mode is not None:
                os.chmod(partial, mode)
            file.write(raw.data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except (OSError, ValueError) as error:
        with contextlib.suppress(OSError, ValueError):
            partial.unlink()
        why = getattr(error, "strerror", None) or error
        raise CheckpointError(f"cannot write {path}: {why}") from error
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
    _sync_folder(path.parent)
    _sweep(path)


def read_file(path: str | os.PathLike) -> NDArray[np.uint8]:
    """Read a file, once its kind and its size are those of a checkpoint."""
    path = _as_path(path)
    try:
        with open(path, "rb", opener=_opened_at_once) as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise CheckpointError(f"cannot open {path}: it is no file")
            _check_size(path, file, about.st_size)
            raw = np.fromfile(file, dtype=np.uint8, count=about.st_size)
    except (OSError, MemoryError, ValueError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"cannot open {path}: {getattr(error, 'strerror', None) or error}") from error
    raw.flags.writeable = False
    return raw


def _as_path(path: Any) -> Path:
    if not isinstance(path, str | bytes | os.PathLike):
        raise TypeError(f"path must be the path of a file, got {type(path).__name__}")
    return Path(os.fsdecode(path))


def _opened_at_once(path: str, flags: int) -> int:
    """Open without waiting for somebody to write into a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_size(path: Path, file: Any, size: int) -> None:
    """Compare a file's size with what its header says of it, before all of it is read."""
    start = file.read(8)
    header = int.from_bytes(start, "little")
    if size > LARGEST_HEADER and not (len(start) == 8 and header <= min(size - 8, LARGEST_HEADER)):
        # A file of ours that is this long has a header that can be read.
        raise CheckpointError(
            f"{path} cannot be loaded: {_foreign(np.frombuffer(start, dtype=np.uint8), header, size)}"
        )
    if size > LARGEST_HEADER:
        try:
            found = _from_json(file.read(header))
            ends = [entry["data_offsets"][1] for name, entry in found.items() if name != "__metadata__"]
            expected = 8 + header + max(ends, default=0)
        except (ValueError, RecursionError, TypeError, KeyError, AttributeError, IndexError):
            expected = -1
        if expected != size:
            raise CheckpointError(f"{path} cannot be loaded: it is damaged: its header is that of another file")
    file.seek(0)


def _from_json(text: bytes | str) -> Any:
    """Read JSON in which no key occurs twice, and numbers are finite."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key occurs twice")
        return found

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is no number of JSON")

    return json.loads(text, object_pairs_hook=unique, parse_constant=refuse)


def _check_depth(value: Any) -> None:
    """Raise a ValueError where lists and mappings are deeper in one another than Python can walk through."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list | tuple)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
    raise ValueError(f"lists and mappings in one another are more than {_DEEPEST} deep")


def _place_of_digest(raw: NDArray[np.uint8]) -> int:
    head = bytes(raw[: 8 + int.from_bytes(bytes(raw[:8]), "little")])
    mark = rb"\"digest\": \""
    at = head.find(mark)
    if at < 0:
        raise CheckpointError("it is damaged: it has no digest; use another copy")
    return at + len(mark)


def _digest(raw: NDArray[np.uint8], at: int) -> str:
    """Digest of all bytes but its own."""
    sha = hashlib.blake2b(digest_size=32)
    sha.update(raw[:at].data)
    sha.update(_BLANK.encode())
    sha.update(raw[at + len(_BLANK) :].data)
    return sha.hexdigest()


def _checked(name: str, entry: Any, payload: int, end: int) -> Entry:
    try:
        dtype, shape = entry["dtype"], tuple(entry["shape"])
        whole = all(type(n) is int and 0 <= n <= _LARGEST_AXIS for n in (*shape, *entry["data_offsets"]))
        if not whole or len(shape) > _MOST_AXES or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise ValueError
        first, last = (payload + offset for offset in entry["data_offsets"])
        numbers = 1
        for n in shape:
            numbers *= n
        fits = payload <= first <= last <= end
        if fits and numbers * _DTYPES[dtype].itemsize == last - first:
            return dtype, shape, first, last
    except (KeyError, TypeError, ValueError, OverflowError):
        pass
    raise CheckpointError(
        f"it is damaged: the tensor {name[:80]!r} is not where the header says; use another copy"
    )


def _foreign(raw: NDArray[np.uint8], size: int, n_bytes: int | None = None) -> str:
    start, n_bytes = bytes(raw[:2]), len(raw) if n_bytes is None else n_bytes
    if start[:1] == b"\x80" or start == b"PK":
        return "it is a pickle or a torch.save file, which could run code when loaded, and is not read here"
    if size > n_bytes - 8:
        return f"its header claims {size} bytes of the file's {n_bytes}: it was cut off, or is no checkpoint"
    return "it is no checkpoint: its header is not a safetensors header, or is damaged"


def _sync_folder(folder: Path) -> None:
    # Without it a power failure could lose the new name; some systems cannot open folders.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _beginning(path: Path) -> str:
    """Return how the names of half-written files of a path begin, which the system does not find too long."""
    return f".{hashlib.blake2b(os.fsencode(path.name), digest_size=8).hexdigest()}"


def _sweep(path: Path) -> None:
    """Remove what processes that were killed while writing this file left behind."""
    with contextlib.suppress(OSError):
        now = path.stat().st_mtime  # by the clock of the file system, which need not be ours
        for left in path.parent.glob(f"{_beginning(path)}.*.tmp"):
            with contextlib.suppress(OSError):
                if now - left.stat().st_mtime > _STALE:
                    left.unlink()
