"""Signature of a net's constructor, with what it takes by ``**kwargs``."""

from __future__ import annotations

import functools
import inspect
from inspect import Parameter, Signature
from types import FunctionType
from typing import Any

_BY_NAME = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


def sign_constructor(cls: type) -> None:
    """Let a class's constructor name the parameters that it hands on, with the defaults that they have there.

    scikit-learn's texts and diagrams read there which parameters differ from their defaults.
    """
    constructor = cls.__init__  # type: ignore[misc]
    if not isinstance(constructor, FunctionType):
        return
    signature = _whole_signature(cls)
    if "__init__" not in vars(cls):
        if signature == inspect.signature(constructor):
            return
        constructor = _wrapped(constructor)  # it is a base's, which stands before other classes elsewhere
        cls.__init__ = constructor  # type: ignore[misc]
    constructor.__signature__ = signature


def _whole_signature(cls: type) -> Signature:
    """Return a constructor's own parameters, and those by name of the constructors that it hands them on to."""
    constructors = (vars(each).get("__init__") for each in cls.__mro__)
    own, *bases = (inspect.signature(each) for each in constructors if isinstance(each, FunctionType))
    named, last = dict(own.parameters), own
    for base in bases:
        if not _takes_more(last):
            break
        for each in base.parameters.values():
            if each.kind in _BY_NAME:
                named.setdefault(each.name, each.replace(kind=Parameter.KEYWORD_ONLY))
        last = base
    return own.replace(parameters=sorted(named.values(), key=lambda each: each.kind))


def _takes_more(signature: Signature) -> bool:
    return any(each.kind is Parameter.VAR_KEYWORD for each in signature.parameters.values())


def _wrapped(constructor: FunctionType) -> Any:
    @functools.wraps(constructor)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        constructor(self, *args, **kwargs)

    return __init__
