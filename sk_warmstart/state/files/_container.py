"""Container of a checkpoint: tensors and JSON in one safetensors file, every byte of it verified."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save as to_safetensors
from torch import Tensor

VERSION = 2  # since 2 a summary of columns is its bins and their edges alone
_KEY = "sk_warmstart"
_BLANK = "0" * 64
_LARGEST_HEADER = 100 * 2**20
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


class CheckpointError(ValueError):
    """A checkpoint cannot be read or written; the message says why and what to do."""


def pack(tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> NDArray[np.uint8]:
    """Return the bytes of a file with these tensors and this JSON, and their digest in it."""
    odd = sorted({str(tensor.dtype) for tensor in tensors.values() if tensor.dtype not in _DTYPES.values()})
    if odd:
        raise CheckpointError(f"the state cannot be stored: it has tensors of {', '.join(odd)}")
    text = json.dumps({"version": VERSION, "digest": _BLANK, **meta}, allow_nan=False)
    try:
        flat = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        raw = np.frombuffer(bytearray(to_safetensors(flat, {_KEY: text})), dtype=np.uint8)
    except Exception as error:  # the library has exceptions of its own for what it cannot store
        raise CheckpointError(f"the state cannot be stored: {error}") from error
    at = _place_of_digest(raw)
    raw[at : at + len(_BLANK)] = np.frombuffer(_digest(raw, at).encode(), dtype=np.uint8)
    raw.flags.writeable = False
    return raw


def unpack(raw: NDArray[np.uint8], verify: bool = True) -> tuple[dict[str, Any], dict[str, tuple]]:
    """Return the JSON of a file, and what :func:`read_tensor` takes for each of its tensors."""
    if len(raw) < 8:
        raise CheckpointError(f"it has {len(raw)} bytes: it is empty or was cut off")
    size = int.from_bytes(bytes(raw[:8]), "little")
    if size > min(len(raw) - 8, _LARGEST_HEADER):
        raise CheckpointError(_foreign(raw, size))
    try:
        header = json.loads(bytes(raw[8 : 8 + size]))
        inner = header.pop("__metadata__", {}).get(_KEY)
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise CheckpointError(_foreign(raw, size)) from None
    if inner is None:
        raise CheckpointError(
            "it is a safetensors file of another library: load its tensors into a module and pass that as template"
        )
    try:
        meta = json.loads(inner)
        if verify:
            at = _place_of_digest(raw)
            if meta["digest"] != _digest(raw, at):
                raise CheckpointError("it is damaged: its content does not match its digest; use another copy")
        newer = int(meta["version"]) > VERSION
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


def read_tensor(raw: NDArray[np.uint8], entry: tuple) -> Tensor:
    """Copy one tensor out of the bytes of a file."""
    dtype, shape, first, last = entry
    if first == last:
        return torch.empty(shape, dtype=_DTYPES[dtype])
    return torch.from_numpy(np.array(raw[first:last])).view(_DTYPES[dtype]).reshape(shape)


def write_file(path: str | os.PathLike, raw: NDArray[np.uint8]) -> None:
    """Write a file whole or not at all: a kill at any moment leaves the old file or the new one."""
    path = Path(path)
    if not path.name:
        raise CheckpointError(f"cannot write {path}: it is a folder, not a file")
    partial = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with open(partial, "xb") as file:
            file.write(raw.data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise CheckpointError(f"cannot write {path}: {error.strerror or error}") from error
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
    _sync_folder(path.parent)
    _sweep(path)


def read_file(path: str | os.PathLike) -> NDArray[np.uint8]:
    """Read a file."""
    try:
        raw = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise CheckpointError(f"cannot open {os.fspath(path)}: {error.strerror or error}") from error
    raw.flags.writeable = False
    return raw


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


def _checked(name: str, entry: Any, payload: int, end: int) -> tuple:
    try:
        dtype, shape = entry["dtype"], tuple(int(n) for n in entry["shape"])
        first, last = (payload + int(offset) for offset in entry["data_offsets"])
        numbers = 1
        for n in shape:
            numbers *= n
        fits = payload <= first <= last <= end and min(shape, default=0) >= 0
        if fits and numbers * _DTYPES[dtype].itemsize == last - first:
            return dtype, shape, first, last
    except (KeyError, TypeError, ValueError, OverflowError):
        pass
    raise CheckpointError(f"it is damaged: the tensor {name!r} is not where the header says; use another copy")


def _foreign(raw: NDArray[np.uint8], size: int) -> str:
    start = bytes(raw[:2])
    if start[:1] == b"\x80" or start == b"PK":
        return "it is a pickle or a torch.save file, which could run code when loaded, and is not read here"
    if size > len(raw) - 8:
        return f"its header claims {size} bytes of the file's {len(raw)}: it was cut off, or is no checkpoint"
    return "it is no checkpoint: its header is not a safetensors header, or is damaged"


def _sync_folder(folder: Path) -> None:
    # Without it a power failure could lose the new name; some systems cannot open folders.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _sweep(path: Path) -> None:
    """Remove what processes that were killed while writing this file left behind."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _STALE:
                left.unlink()
