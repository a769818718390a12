"""The user's code and files that a comparison rests on, beyond what its pickle says."""

from __future__ import annotations

import hashlib
import inspect
import io
import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from skorch.callbacks import Callback

# Their versions are compared, and what they hold is not looked into.
_LIBRARIES = {"joblib", "numpy", "pandas", "scipy", "sk_warmstart", "sklearn", "skorch", "torch"}
_BY_VERSION = _LIBRARIES | ({*sys.stdlib_module_names} - {"__main__"})
_LONGEST_PATH = 4096
_PLAIN = (bool, int, float, complex, str, bytes, tuple, type(None))


def sources_of(*parts: Any) -> dict[str, str]:
    """Return a digest of each class and function of the user's in the parts, and of each file that they name."""
    found = _Found()
    for part in parts:
        found.dump(part)
    digests = {
        f"the code of {each.__module__}.{each.__qualname__}": _digest(_code_of(each).encode())
        for each in _with_all_used(found.code)
    }
    for path in sorted(found.files - found.written):
        with open(path, "rb") as file:
            digests[f"the file {path}"] = hashlib.file_digest(file, "blake2b").hexdigest()[:32]
    return digests


class _Found(pickle.Pickler):
    """Walks through objects as pickle does, and notes code and names of files on the way."""

    def __init__(self) -> None:
        super().__init__(_Nowhere())
        self.code: list[Any] = []
        self.files: set[str] = set()
        self.written: set[str] = set()

    def persistent_id(self, value: Any) -> None:
        """Note a value; None has it pickled as ever."""
        if isinstance(value, type | FunctionType):
            self.code.append(value)
        elif isinstance(value, Callback):  # its names are of files that it writes
            self.written |= {each for each in vars(value).values() if isinstance(each, str)}
        elif isinstance(value, str | Path) and _is_file(str(value)):
            self.files.add(str(value))


def _is_file(name: str) -> bool:
    return len(name) < _LONGEST_PATH and "\0" not in name and os.path.isfile(name)


class _Nowhere(io.RawIOBase):
    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return len(data)


def _is_the_users(value: Any) -> bool:
    module = getattr(value, "__module__", None)
    return isinstance(module, str) and module.partition(".")[0] not in _BY_VERSION


def _with_all_used(code: list[Any]) -> list[Any]:
    """Return the user's classes and functions among these, and those that they use, in turn."""
    left, used = [each for each in code if _is_the_users(each)], dict[int, Any]()
    while left:
        value = inspect.unwrap(left.pop())
        if id(value) not in used and isinstance(value, type | FunctionType):
            used[id(value)] = value
            left += [each for each in _uses(value) if _is_the_users(each)]
    return [each for each in used.values() if "<locals>" not in each.__qualname__]


def _uses(value: Any) -> Iterator[Any]:
    """Yield classes and functions that one of them names."""
    if isinstance(value, type):
        yield from value.__bases__
        for function in _functions_in(value):
            yield from _uses(function)
        return
    for name in _names_in(value.__code__):
        known = value.__globals__.get(name)
        if isinstance(known, ModuleType) and known.__name__.partition(".")[0] not in _BY_VERSION:
            inside = (vars(known).get(each) for each in _names_in(value.__code__))
            yield from (each for each in inside if isinstance(each, type | FunctionType))
        elif isinstance(known, type | FunctionType):
            yield known


def _functions_in(cls: type) -> Iterator[FunctionType]:
    for member in vars(cls).values():
        each = getattr(member, "fget", None) or getattr(member, "__func__", member)
        each = inspect.unwrap(each) if callable(each) else each
        if isinstance(each, FunctionType):
            yield each


def _names_in(code: CodeType) -> set[str]:
    """Return the names that code looks up, that within it too."""
    inner = (_names_in(each) for each in code.co_consts if isinstance(each, CodeType))
    return set(code.co_names).union(*inner)


def _code_of(value: Any) -> str:
    """Return the source, or where there is none the bytecode, with the plain values of the module it reads."""
    functions = list(_functions_in(value)) if isinstance(value, type) else [value]
    try:
        text = inspect.getsource(value)
    except (OSError, TypeError):  # typed in by hand
        text = "".join(map(_bytecode, functions))
    read = {
        name: function.__globals__[name]
        for function in functions
        for name in _names_in(function.__code__)
        if name in function.__globals__
        and isinstance(function.__globals__[name], _PLAIN)
        and not name.startswith("__")
    }
    return text + repr(sorted((name, repr(constant)) for name, constant in read.items()))


def _bytecode(function: FunctionType) -> str:
    code = function.__code__
    constants = [each.co_code if isinstance(each, CodeType) else each for each in code.co_consts]
    return repr((code.co_code, constants, code.co_names, function.__defaults__))


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
