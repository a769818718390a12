"""The checks of one estimator, one by one or as a table."""

from __future__ import annotations

import inspect
import unittest
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd
from sklearn.base import is_classifier, is_regressor

from . import _checks_copies, _checks_honesty, _checks_refit, _checks_schema, _checks_start
from ._errors import first_line, told
from ._subjects import quiet

_LAWS = {  # all checks, in the order in which they run
    **_checks_start.LAWS,
    **_checks_schema.LAWS,
    **_checks_honesty.LAWS,
    **_checks_refit.LAWS,
    **_checks_copies.LAWS,
}


class _ExpectedFailure(unittest.SkipTest):
    """A check failed, as was said before."""


class _Check:
    """One check of one estimator; see :func:`check_warm_start`."""

    def __init__(self, function: Callable[[Any], None], estimator: Any, reason: str | None):
        self.name = self.__name__ = function.__name__
        self.__doc__ = function.__doc__
        self.law: int | None = _LAWS[function]
        self.summary = inspect.cleandoc(function.__doc__ or "").splitlines()[0]
        self.estimator = estimator
        self.reason = reason
        self._function = function

    def __repr__(self) -> str:
        return f"{self.name}({type(self.estimator).__name__})"

    def __call__(self, estimator: Any = None) -> None:
        """Run the check on a clone of the estimator.

        Parameters
        ----------
        estimator : estimator, default=None
            Another one than that which the check was made for.

        Raises
        ------
        AssertionError
            If the law is violated, or a failure was expected and there is none.
        unittest.SkipTest
            If the law does not apply, or an expected failure occurred.
        """
        subject = self.estimator if estimator is None else estimator
        _require_warm_start(subject)
        try:
            with quiet():
                self._run(subject)
        except AssertionError as error:
            if self.reason is None:
                raise
            raise _ExpectedFailure(self.reason) from error
        if self.reason is not None:
            raise AssertionError(
                f"{self.name} was expected to fail ({self.reason}) and passes: take it out of expected_failures"
            )

    def _run(self, subject: Any) -> None:
        try:
            self._function(subject)
        except (AssertionError, unittest.SkipTest):
            raise
        except Exception as error:
            raise AssertionError(told(error)) from error


class WarmStartCheck(NamedTuple):
    """A named check, which unpacks into its two fields.

    Parameters
    ----------
    name : str
        Name of the check.
    check : callable
        Runs it: ``check()`` on a clone of the estimator that it was made for, ``check(other)`` on a clone of
        another. It has a ``law``, the number of the law or None, and a ``summary`` in a line.

    Examples
    --------
    >>> from sk_warmstart import WarmStartClassifier
    >>> from sk_warmstart.testing import check_warm_start
    >>> first = next(check_warm_start(WarmStartClassifier()))
    >>> first.name
    'check_...'
    >>> first.check.summary
    '...'
    """

    name: str
    check: _Check


def check_warm_start(
    estimator: Any, expected_failures: Mapping[str, str] | None = None
) -> Iterator[WarmStartCheck]:
    """Make checks of whether an estimator's warm starts keep the laws.

    The checks fit clones of the estimator on small tables of ``N_FEATURES`` columns and up to ``N_CLASSES``
    classes, named ``0, 1, 2`` but in one check. Where the estimator has them they set ``warm_start``,
    ``random_state``, ``verbose``, ``batch_size``, ``early_stopping``, ``max_epochs``, ``max_iter`` or
    ``n_estimators``, and in single checks what these are about. An estimator without ``random_state`` finds the
    global generators of NumPy and torch seeded before every fit.

    Parameters
    ----------
    estimator : estimator
        A classifier or regressor with a ``warm_start`` parameter. It is cloned, never changed.
    expected_failures : dict of str to str, default=None
        Names of checks that are known to fail, and why. Where one passes, that is a failure.

    Returns
    -------
    iterator of WarmStartCheck
        Each a name, and a callable that returns None, or raises AssertionError if the law is violated, or
        unittest.SkipTest if it does not apply or an expected failure occurred.

    Raises
    ------
    TypeError
        If the estimator is none that can be checked.
    ValueError
        If ``expected_failures`` names a check that does not exist.

    Examples
    --------
    >>> from sklearn.neural_network import MLPClassifier
    >>> from sk_warmstart.testing import check_warm_start
    >>> checks = dict(check_warm_start(MLPClassifier(hidden_layer_sizes=(8,))))
    >>> checks["check_cold_refit_equals_fresh_clone"]()
    >>> checks["check_changed_architecture_is_not_ignored"]()
    Traceback (most recent call last):
    AssertionError: hidden_layer_sizes was set from (5,) to (9,) and the warm fit silently kept ...

    In a test file:

    >>> import pytest
    >>> @pytest.mark.parametrize(("name", "check"), list(check_warm_start(MLPClassifier())))
    ... def test_warm_start(name, check):
    ...     check()
    """
    _require_warm_start(estimator)
    expected = dict(expected_failures or {})
    unknown = sorted(set(expected) - {function.__name__ for function in _LAWS})
    if unknown:
        raise ValueError(
            f"expected_failures names no check: {', '.join(unknown)}. There are "
            + ", ".join(function.__name__ for function in _LAWS)
        )
    return _generate(estimator, expected)


def run_checks(
    estimator: Any,
    expected_failures: Mapping[str, str] | None = None,
    checks: list[str] | None = None,
) -> pd.DataFrame:
    """Run the checks and tell what came out.

    Parameters
    ----------
    estimator : estimator
        A classifier or regressor with a ``warm_start`` parameter.
    expected_failures : dict of str to str, default=None
        Names of checks that are known to fail, and why.
    checks : list of str, default=None
        Names of the checks to run; all by default.

    Returns
    -------
    DataFrame
        A row for each check: ``check``, ``law``, ``status`` (passed, failed, skipped or expected failure) and
        ``message``, the first line of what was raised.

    Raises
    ------
    TypeError
        If the estimator is none that can be checked.
    ValueError
        If a name is that of no check.

    Examples
    --------
    >>> from sklearn.linear_model import SGDClassifier
    >>> from sk_warmstart.testing import run_checks
    >>> table = run_checks(SGDClassifier(), checks=["check_labels_of_any_kind", "check_schedule_restarts"])
    >>> print(table[["check", "status"]].to_string(index=False))
                       check status
    check_labels_of_any_kind passed
     check_schedule_restarts passed
    """
    chosen = list(check_warm_start(estimator, expected_failures))
    if checks is not None:
        unknown = sorted(set(checks) - {name for name, _ in chosen})
        if unknown:
            raise ValueError(f"there is no check {', '.join(unknown)}")
        chosen = [item for item in chosen if item.name in set(checks)]
    rows = []
    for name, check in chosen:
        status, message = "passed", ""
        try:
            check()
        except _ExpectedFailure as skip:
            status, message = "expected failure", str(skip)
        except unittest.SkipTest as skip:
            status, message = "skipped", str(skip)
        except AssertionError as error:
            status, message = "failed", str(error)
        rows.append({"check": name, "law": check.law, "status": status, "message": first_line(message)})
    table = pd.DataFrame(rows, columns=["check", "law", "status", "message"])
    return table.astype({"law": "Int64"})


def _generate(estimator: Any, expected: dict[str, str]) -> Iterator[WarmStartCheck]:
    for function in _LAWS:
        name = function.__name__
        yield WarmStartCheck(name, _Check(function, estimator, expected.get(name)))


def _require_warm_start(estimator: Any) -> None:
    if isinstance(estimator, type):
        raise TypeError(f"check_warm_start needs an instance: {estimator.__name__}(), not the class")
    if not (hasattr(estimator, "get_params") and (is_classifier(estimator) or is_regressor(estimator))):
        raise TypeError(f"{type(estimator).__name__} is neither a scikit-learn classifier nor a regressor")
    if "warm_start" not in estimator.get_params(deep=False):
        raise TypeError(f"{type(estimator).__name__} has no parameter warm_start, so there is nothing to check")
