"""The checks of one estimator, one after the other."""

from __future__ import annotations

import inspect
import unittest
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from sklearn.base import is_classifier, is_regressor

from . import _checks_copies, _checks_honesty, _checks_refit, _checks_schema, _checks_start
from ._errors import summarize_error
from ._subjects import quiet

_LAWS = {  # all checks, in the order in which they run
    **_checks_start.LAWS,
    **_checks_schema.LAWS,
    **_checks_honesty.LAWS,
    **_checks_refit.LAWS,
    **_checks_copies.LAWS,
}


class ExpectedFailure(unittest.SkipTest):
    """A check failed, as was announced."""


class Check:
    """One check of one estimator; see :func:`warm_start_checks`."""

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
        """Run on a clone of the estimator, or of another one."""
        subject = self.estimator if estimator is None else estimator
        require_warm_start(subject)
        try:
            with quiet():
                self._run(subject)
        except AssertionError as error:
            if self.reason is None:
                raise
            raise ExpectedFailure(self.reason) from error
        if self.reason is not None:
            raise AssertionError(
                f"{self.name} was expected to fail ({self.reason}) and passes: remove it from "
                "expected_failed_checks"
            )

    def _run(self, subject: Any) -> None:
        try:
            self._function(subject)
        except (AssertionError, unittest.SkipTest):
            raise
        except Exception as error:
            raise AssertionError(summarize_error(error)) from error


class WarmStartCheck(NamedTuple):
    """A named check, which unpacks into its two fields.

    Parameters
    ----------
    name : str
        Name of the check.
    check : callable
        Runs it: ``check()`` on a clone of the estimator that it was made for, ``check(other)`` on a clone of
        another. It has a ``law``, the number of the law or None, and a one-line ``summary``.

    Examples
    --------
    >>> from sk_warmstart import WarmStartClassifier
    >>> from sk_warmstart.testing import warm_start_checks
    >>> first = next(warm_start_checks(WarmStartClassifier()))
    >>> first.name
    'check_...'
    >>> first.check.summary
    '...'
    """

    name: str
    check: Check


def warm_start_checks(
    estimator: Any, expected_failed_checks: Mapping[str, str] | None = None
) -> Iterator[WarmStartCheck]:
    """Make checks of whether an estimator's warm starts keep the laws.

    The checks fit clones of the estimator on small tables of ``N_FEATURES`` columns and up to ``N_CLASSES``
    classes, named ``0, 1, 2`` but in one check. Where the estimator has them they set ``warm_start``,
    ``random_state``, ``verbose``, ``batch_size``, ``early_stopping``, ``max_epochs``, ``max_iter`` or
    ``n_estimators``, and in single checks the parameters that these are about. For an estimator without
    ``random_state`` the global generators of NumPy and torch are seeded before every fit.

    Parameters
    ----------
    estimator : estimator
        A classifier or regressor with a ``warm_start`` parameter. It is cloned, never changed.
    expected_failed_checks : dict of str to str, default=None
        Names of checks that are expected to fail, each with the reason. Where one passes, that is a failure.

    Returns
    -------
    iterator of WarmStartCheck
        Each a name, and a callable that returns None, or raises AssertionError if the law is violated, or
        unittest.SkipTest if it does not apply or an expected failure occurred.

    Raises
    ------
    TypeError
        If the estimator cannot be checked.
    ValueError
        If ``expected_failed_checks`` names a check that does not exist.

    See Also
    --------
    check_warm_start : Run the checks, and return a table.
    parametrize_with_warm_start_checks : Run each as a test of pytest.

    Examples
    --------
    >>> from sklearn.neural_network import MLPClassifier
    >>> from sk_warmstart.testing import warm_start_checks
    >>> checks = dict(warm_start_checks(MLPClassifier(hidden_layer_sizes=(8,))))
    >>> checks["check_cold_refit_equals_fresh_clone"]()
    >>> checks["check_changed_architecture_is_not_ignored"]()
    Traceback (most recent call last):
    AssertionError: hidden_layer_sizes was set from (5,) to (9,) and the warm fit silently kept ...
    """
    require_warm_start(estimator)
    reasons = dict(expected_failed_checks or {})
    require_names_of_checks("expected_failed_checks", reasons)
    return (
        WarmStartCheck(function.__name__, Check(function, estimator, reasons.get(function.__name__)))
        for function in _LAWS
    )


def require_warm_start(estimator: Any) -> None:
    """Raise TypeError for what has no warm start to check."""
    if isinstance(estimator, type):
        raise TypeError(
            f"estimator must be an instance, not a class: pass {estimator.__name__}() instead of "
            f"{estimator.__name__}"
        )
    if not (hasattr(estimator, "get_params") and (is_classifier(estimator) or is_regressor(estimator))):
        raise TypeError(
            f"estimator must be a scikit-learn classifier or regressor; {type(estimator).__name__} is neither"
        )
    if "warm_start" not in estimator.get_params(deep=False):
        raise TypeError(
            f"estimator is a {type(estimator).__name__}, which has no parameter warm_start, so there is nothing "
            "to check: pass a classifier or regressor that has one"
        )


def require_names_of_checks(parameter: str, names: Any) -> None:
    """Raise ValueError for a name of no check."""
    existing = [function.__name__ for function in _LAWS]
    unknown = sorted(set(names) - set(existing))
    if unknown:
        raise ValueError(
            f"{parameter} must be names of checks; there is no check {', '.join(unknown)}. The checks are "
            + ", ".join(existing)
        )
