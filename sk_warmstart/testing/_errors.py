"""Errors of an estimator under check: refusals that are allowed, and violations."""

from __future__ import annotations

import contextlib
import unittest
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def refusal_fails(what: str) -> Iterator[None]:
    """Turn an error into a violation that says where it came from."""
    try:
        yield
    except (AssertionError, unittest.SkipTest):
        raise
    except Exception as error:
        raise AssertionError(f"{what} raised {summarize_error(error)}") from error


def raises_value_error(block: Callable[[], Any], what: str) -> bool:
    """Tell whether the block refuses with a ValueError; another error does not say what is wrong."""
    try:
        block()
    except ValueError as error:
        if not str(error).strip():
            raise AssertionError(f"{what} raised a ValueError without a message") from error
        return True
    except Exception as error:
        raise AssertionError(
            f"{what} raised {summarize_error(error)}, and no ValueError that says what is wrong"
        ) from error
    return False


def summarize_error(error: BaseException) -> str:
    """Return the class of an error and the first line of its message."""
    return f"{type(error).__name__}: {first_line(str(error))}"


def first_line(message: str) -> str:
    """Return the first line of a message that may be empty."""
    return next(iter(message.strip().splitlines()), "")
