"""All checks of an estimator, run as a table of results or as tests of pytest."""

from __future__ import annotations

import unittest
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd
from sklearn import config_context
from sklearn.base import BaseEstimator

from ._errors import first_line
from ._generator import ExpectedFailure, require_names_of_checks, warm_start_checks


def check_warm_start(
    estimator: Any,
    expected_failed_checks: Mapping[str, str] | None = None,
    checks: Iterable[str] | None = None,
) -> pd.DataFrame:
    """Run the checks of warm starting on an estimator, and return their results.

    What the checks set and fit is described in :func:`warm_start_checks`.

    Parameters
    ----------
    estimator : estimator
        A classifier or regressor with a ``warm_start`` parameter. It is cloned, never changed.
    expected_failed_checks : dict of str to str, default=None
        Names of checks that are expected to fail, each with the reason. Where one passes, that is a failure.
    checks : iterable of str, default=None
        Names of the checks to run; all by default.

    Returns
    -------
    DataFrame
        A row for each check: ``check``, ``law``, ``status`` (passed, failed, skipped or expected failure) and
        ``message``, the first line of the error or of the reason.

    See Also
    --------
    warm_start_checks : The checks, one by one.
    parametrize_with_warm_start_checks : Run each as a test of pytest.

    Examples
    --------
    >>> from sklearn.linear_model import SGDClassifier
    >>> from sk_warmstart.testing import check_warm_start
    >>> table = check_warm_start(SGDClassifier(), checks=["check_labels_of_any_kind", "check_schedule_restarts"])
    >>> print(table[["check", "status"]].to_string(index=False))
                       check status
    check_labels_of_any_kind passed
     check_schedule_restarts passed
    """
    items = list(warm_start_checks(estimator, expected_failed_checks))
    if checks is not None:
        names = set(checks)
        require_names_of_checks("checks", names)
        items = [item for item in items if item.name in names]
    rows = []
    for name, check in items:
        status, message = "passed", ""
        try:
            check()
        except ExpectedFailure as skip:
            status, message = "expected failure", str(skip)
        except unittest.SkipTest as skip:
            status, message = "skipped", str(skip)
        except AssertionError as error:
            status, message = "failed", str(error)
        rows.append({"check": name, "law": check.law, "status": status, "message": first_line(message)})
    table = pd.DataFrame(rows, columns=["check", "law", "status", "message"])
    return table.astype({"law": "Int64"})


def parametrize_with_warm_start_checks(
    estimators: Iterable[Any], *, expected_failed_checks: Callable[[Any], Mapping[str, str]] | None = None
) -> Any:
    """Decorate a test of pytest so that it runs once for each estimator and check.

    It is used as scikit-learn's ``parametrize_with_checks``. The id of a test names the estimator and the check,
    so ``pytest -k check_cold_refit`` selects among them.

    Parameters
    ----------
    estimators : iterable of estimators
        Classifiers or regressors with a ``warm_start`` parameter.
    expected_failed_checks : callable, default=None
        Takes an estimator and returns a dictionary: names of checks that are expected to fail, each with the
        reason. Such a test is marked as a strict xfail: where it passes, that is a failure.

    Returns
    -------
    ``pytest.mark.parametrize``
        For a test with the arguments ``estimator`` and ``check``.

    Raises
    ------
    TypeError
        If ``expected_failed_checks`` is no callable.

    See Also
    --------
    check_warm_start : Run the checks, and return a table.

    Examples
    --------
    >>> from sklearn.neural_network import MLPClassifier, MLPRegressor
    >>> from sk_warmstart.testing import parametrize_with_warm_start_checks
    >>> def known_failures(estimator):
    ...     return {"check_changed_architecture_is_not_ignored": "the shapes are those of the first fit"}
    >>> @parametrize_with_warm_start_checks(
    ...     [MLPClassifier(), MLPRegressor()], expected_failed_checks=known_failures
    ... )
    ... def test_warm_start(estimator, check):
    ...     check(estimator)
    """
    import pytest

    if not (expected_failed_checks is None or callable(expected_failed_checks)):
        raise TypeError(
            "expected_failed_checks must be a function of an estimator that returns a dictionary from names "
            f"of checks to reasons; it is a {type(expected_failed_checks).__name__}"
        )
    cases = []
    for estimator in estimators:
        reasons = {} if expected_failed_checks is None else dict(expected_failed_checks(estimator))
        require_names_of_checks("expected_failed_checks", reasons)
        for name, check in warm_start_checks(estimator):
            marks = [pytest.mark.xfail(reason=reasons[name], strict=True)] if name in reasons else []
            cases.append(pytest.param(estimator, check, marks=marks, id=f"{_name_estimator(estimator)}-{name}"))
    return pytest.mark.parametrize(("estimator", "check"), cases)


def run_checks(
    estimator: Any, expected_failures: Mapping[str, str] | None = None, checks: Iterable[str] | None = None
) -> pd.DataFrame:
    """Run the checks as check_warm_start does; deprecated."""
    warnings.warn(
        "run_checks is deprecated since version 0.2 and will be removed in version 0.3: use check_warm_start "
        "(its parameter is expected_failed_checks)",
        FutureWarning,
        stacklevel=2,
    )
    return check_warm_start(estimator, expected_failures, checks)


def _name_estimator(estimator: Any) -> str:
    """Write an estimator as scikit-learn does, and one that is printed otherwise by its class."""
    if type(estimator).__repr__ is not BaseEstimator.__repr__:
        return type(estimator).__name__
    with config_context(print_changed_only=True):
        return "".join(repr(estimator).split())
