"""Files that the command writes: tried before the work, and written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from ..comparison.report._write import check_report_path


def check_outputs(
    reports: Sequence[str], save: str | None, inputs: Sequence[str], replaceable: str | None
) -> None:
    """Say what cannot be written before hours of work, not after.

    An output must not be one of the inputs; the saved estimator may replace ``replaceable``, the model in use.
    """
    outputs = [("report", name) for name in reports] + ([] if save is None else [("estimator", save)])
    seen: set[Path] = set()
    for kind, name in outputs:
        try:
            path = Path(name).absolute()
            if path.is_dir() or not path.parent.is_dir():
                raise ValueError(f"the {kind} needs a file name in a folder that exists, got {name}")
            if kind == "report":
                check_report_path(path)
                if path.suffix.lower() in (".html", ".htm"):
                    _need("report", "matplotlib", "jinja2")
            elif path.suffix.lower() == ".safetensors":
                raise ValueError(
                    f"{name} would hold the network alone, and not the steps that read and scale the columns: "
                    "save "
                    "the whole model with joblib, as in --save model.joblib"
                )
            path = path.resolve()
        except OSError as error:
            raise ValueError(f"cannot write the {kind} {name}: {error.strerror or error}") from None
        taken = [*inputs, *([replaceable] if kind == "report" and replaceable is not None else [])]
        for other in taken:
            if _is_same(path, other):
                raise ValueError(f"the {kind} {name} would replace {other}, which is read: give it another name")
        if path in seen:
            raise ValueError(f"{name} is named twice: give each output a name of its own")
        seen.add(path)
        _try(kind, name, path)


def write_whole(name: str, write: Callable[[Path], object]) -> None:
    """Have a file written beside the one named, and put it in its place: a kill leaves the old one or the new one.

    A link is followed, an older file's mode kept, and what is no ordinary file (a pipe) written to as it is.
    """
    path = Path(name).absolute().resolve()
    if path.exists() and not path.is_file():
        write(path)
        return
    partial = _beside(path)
    try:
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
        write(partial)
        if mode is not None:
            partial.chmod(mode)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    """Return the name of a new file of the same kind in the same folder."""
    return path.with_name(f".{secrets.token_hex(8)}{path.suffix[-20:]}")


def _is_same(path: Path, other: str) -> bool:
    """Tell whether two names are of one file."""
    try:
        return path == Path(other).resolve() or os.path.samefile(path, other)
    except OSError:
        return False


def _try(kind: str, name: str, path: Path) -> None:
    """Raise a ValueError where a file cannot be written."""
    try:
        if path.exists():
            if not os.access(path, os.W_OK):
                raise PermissionError(0, "it may not be written to")
            if not path.is_file():
                return
            with path.open("ab"):
                pass
        partial = _beside(path)
        with partial.open("xb"):
            pass
        partial.unlink()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ValueError(f"cannot write the {kind} {name}: {why}") from None


def _need(extra: str, *modules: str) -> None:
    """Say what to install, if something is missing."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise ImportError(f"{' and '.join(missing)} not installed: pip install 'sk-warmstart[{extra}]'")
