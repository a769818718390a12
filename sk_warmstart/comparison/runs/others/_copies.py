"""Copies of estimators of other libraries: quiet, writing no files, each with its seed."""

from __future__ import annotations

from typing import Any

from sklearn.base import clone

from ...._parameters import is_integer

_SEEDS = ("random_state", "random_seed")
_VERBOSITY: dict[str, tuple[set[str], dict[str, Any]]] = {
    "catboost": ({"verbose", "logging_level", "silent", "verbose_eval"}, {"verbose": False}),
    "lightgbm": ({"verbose", "verbosity"}, {"verbose": -1}),
}


def library_of(estimator: Any) -> str:
    """Return ``lightgbm``, ``xgboost`` or ``catboost`` where an estimator is of one, else nothing."""
    names = [kind.__module__.partition(".")[0] for kind in type(estimator).__mro__]
    return next((name for name in names if name in ("lightgbm", "xgboost", "catboost")), "")


def fresh_copy(estimator: Any, **params: Any) -> Any:
    """Return an unfitted copy with some parameters, which prints nothing and writes no files unless told to."""
    copy, library = clone(estimator), library_of(estimator)
    given = copy.get_params(deep=False)
    names, quiet = _VERBOSITY.get(library, (set(), {}))
    if not names & set(given):
        params = quiet | params
    if library == "catboost" and "allow_writing_files" not in given:
        params = {"allow_writing_files": False, **params}
    return copy.set_params(**params) if params else copy


def seed_param(estimator: Any, seed: int) -> dict[str, int]:
    """Return the parameter that seeds an estimator; none where it draws nothing."""
    name = _seed_name(estimator)
    return {} if name is None else {name: seed}


def seed_of(estimator: Any, otherwise: int) -> int:
    """Return an estimator's seed, where it has a number."""
    seed = estimator.get_params(deep=False).get(_seed_name(estimator))
    return int(seed) if is_integer(seed, 0) else otherwise


def _seed_name(estimator: Any) -> str | None:
    given = estimator.get_params(deep=False)
    name = next((name for name in _SEEDS if name in given), None)
    return "random_seed" if name is None and library_of(estimator) == "catboost" else name
