"""Weights in files of other libraries: safetensors, and torch's with nothing but tensors in it."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from ._container import LARGEST_HEADER, CheckpointError, is_own_header

# Under these keys training scripts keep the state dict of the network.
NESTED = ("state_dict", "model_state_dict", "model", "module", "network", "net", "weights")
ENDINGS_OF_TORCH = (".pt", ".pth", ".bin")
ENDINGS_OF_INDEX = (".safetensors.index.json", ".bin.index.json")
_SAFETENSORS = ".safetensors"
_OF_TORCH = "pytorch_model.bin"


def weights_file(path: str | os.PathLike) -> Path:
    """Return the file of weights that a path means: itself, or in a folder the only one; check that it is one."""
    path = Path(os.path.abspath(os.fsdecode(path)))
    if path.is_dir():
        path = _only_file(path)
    try:
        kind = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot open {path}: {getattr(error, 'strerror', None) or error}") from None
    if not stat.S_ISREG(kind):
        raise CheckpointError(f"cannot open {path}: it is no file")
    if path.name.endswith(ENDINGS_OF_INDEX):
        raise CheckpointError(_split(f"that {path} lists"))
    if path.suffix not in (_SAFETENSORS, *ENDINGS_OF_TORCH):
        raise CheckpointError(
            f"{path} must end in .safetensors, .pt, .pth or .bin, which says how it is to be read"
        )
    return path


def is_of_another_library(path: str | os.PathLike) -> bool | None:
    """Tell whether the header of a safetensors file is another library's; None where none can be read."""
    try:
        path = Path(os.fsdecode(path))
        if path.suffix != _SAFETENSORS or not stat.S_ISREG(path.stat().st_mode):
            return None
        with open(path, "rb") as file:
            size = int.from_bytes(file.read(8), "little")
            return None if size > LARGEST_HEADER else not is_own_header(file.read(size))
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file by name; no code in it is run."""
    return _read_safetensors(path) if path.suffix == _SAFETENSORS else _read_torch(path)


def tensors_in(found: Any, what: str) -> dict[str, Tensor]:
    """Return the tensors of a state dict by name, also of one inside of what a training script saves."""
    if not isinstance(found, Mapping):
        raise CheckpointError(f"{what} holds a {type(found).__name__} and no state dict (names and tensors)")
    nested = next((found[key] for key in NESTED if isinstance(found.get(key), Mapping)), None)
    if nested is not None and _tensors(nested):
        return tensors_in(nested, what)
    tensors = _tensors(found)
    if not tensors:
        keys = ", ".join(map(repr, list(found)[:5])) or "nothing"
        raise CheckpointError(
            f"{what} holds no state dict (names and tensors), but {keys}: pass the state dict alone"
        )
    for name, tensor in tensors.items():
        _check(name, tensor, what)
    return {name: tensor.detach() for name, tensor in tensors.items()}


def _tensors(found: Mapping[Any, Any]) -> dict[str, Tensor]:
    return {name: value for name, value in found.items() if isinstance(name, str) and isinstance(value, Tensor)}


def _check(name: str, tensor: Tensor, what: str) -> None:
    odd = (
        "has no data: it lies on torch's meta device"
        if tensor.is_meta
        else "has no shape yet: call the module on a few rows first"
        if torch.nn.parameter.is_lazy(tensor)
        else "is sparse: make it dense first"
        if tensor.layout != torch.strided
        else "is quantised: dequantise it first"
        if tensor.is_quantized
        else ""
    )
    if odd:
        raise CheckpointError(f"the tensor {name!r} of {what} {odd}")


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except Exception as error:  # the library raises what torch does for a dtype that is not known here
        raise CheckpointError(
            f"{path} cannot be loaded: it is cut off, damaged or no safetensors file ({_line(error)})"
        ) from None


def _read_torch(path: Path) -> dict[str, Tensor]:
    with open(path, "rb") as file:
        mapped = file.read(2) == b"PK"  # files of before torch 1.6 cannot be mapped
    try:
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # whatever a damaged or hostile file leads to
        raise CheckpointError(
            f"{path} cannot be loaded: it is cut off or damaged, or holds more than tensors and plain values, and "
            "that could run code, so it is not read. Where it comes from, save the tensors alone: "
            f"torch.save(module.state_dict(), path), or better a safetensors file ({_line(error)})"
        ) from None
    return tensors_in(found, str(path))


def _only_file(folder: Path) -> Path:
    if any(file.name.endswith(ENDINGS_OF_INDEX) for file in folder.iterdir()):
        raise CheckpointError(_split(f"in {folder}"))
    files = sorted(folder.glob(f"*{_SAFETENSORS}"))
    if not files and (folder / _OF_TORCH).is_file():
        files = [folder / _OF_TORCH]
    if len(files) != 1:
        found = ", ".join(file.name for file in files[:5]) or "none"
        raise CheckpointError(
            f"{folder} is a folder, which must hold one .safetensors file, or {_OF_TORCH}, and holds {found}: "
            "pass the path of the file"
        )
    return files[0]


def _split(which: str) -> str:
    return (
        f"the weights {which} are split over several files: load the model with its library, and pass the module"
    )


def _line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:160].rstrip(".") if lines else type(error).__name__
