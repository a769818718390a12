"""Cases of bad input: the call, and the error that it must raise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Call = Callable[[Any], Any]
_SHORT = 60


@dataclass(frozen=True)
class Case:
    """A bad input.

    Parameters
    ----------
    what : str
        The input in words, for the table.
    call : callable
        Hands it to a subject.
    error : type, default=ValueError
        The error that must come; None where the input is odd, but must work.
    words : str, default=""
        A piece of its message: the name of the parameter or column, and what to do.
    """

    what: str
    call: Call
    error: type[Exception] | None = ValueError
    words: str = ""


@dataclass(frozen=True)
class Group:
    """Cases for the same subjects.

    Parameters
    ----------
    title : str
        The heading in the table.
    subjects : mapping of str to callable
        Makers of what the input is handed to, by name; each call makes one of its own.
    cases : sequence of Case
        The cases.
    """

    title: str
    subjects: Mapping[str, Callable[[], Any]]
    cases: Sequence[Case]


def result_of(call: Call, subject: Any) -> tuple[str, str]:
    """Return class and message of the error of a call; of what works, the word ``works`` and nothing."""
    try:
        call(subject)
    except Exception as error:
        return type(error).__name__, in_one_line(error)
    return "works", ""


def in_one_line(error: BaseException) -> str:
    """Return the message of an error without line breaks."""
    return " ".join(str(error).split())


def literal_of(value: Any) -> str:
    """Return a value as a reader would write it, equal on every machine."""
    if isinstance(value, type) or hasattr(value, "__code__"):
        return str(value.__name__)
    if isinstance(value, list | tuple):
        inner = ", ".join(map(literal_of, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' if len(value) == 1 else ''})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal_of(key)}: {literal_of(each)}" for key, each in value.items()) + "}"
    text = repr(value)
    return (
        text if len(text) <= _SHORT and " at 0x" not in text and "\n" not in text else f"{type(value).__name__}()"
    )
