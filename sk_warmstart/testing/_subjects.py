"""The estimator under check: its copies, parameters, fits and shapes."""

from __future__ import annotations

import contextlib
import inspect
import random
import unittest
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier

from ._data import N_CLASSES, draw_rows

EPOCHS = ("max_epochs", "max_iter")
RATES = ("lr", "learning_rate_init", "eta0")
_WIDTHS = (
    "hidden_layer_sizes",
    "hidden_sizes",
    "num_units",
    "hidden_units",
    "num_hidden",
    "n_hidden",
    "hidden_size",
    "hidden_dim",
)


def prepare(estimator: Any, epochs: int = 3, **params: Any) -> Any:
    """Clone the estimator and set it to be quick, quiet and repeatable."""
    subject = clone(estimator)
    has = subject.get_params(deep=False)
    wanted = {
        "warm_start": True,
        "random_state": 0,
        "verbose": 0,
        "batch_size": 32,
        **epoch_params(subject, epochs),
    }
    subject.set_params(**{name: value for name, value in wanted.items() if name in has})
    return subject.set_params(**params)


def epochs_name(estimator: Any) -> str | None:
    """Return the name of the parameter that says how many epochs; None where there is none."""
    params = estimator.get_params(deep=False)
    return next((name for name in EPOCHS if name in params), None)


def epoch_params(estimator: Any, n: int) -> dict[str, int]:
    """Return the parameters that make a fit train for n epochs."""
    name = epochs_name(estimator)
    if name is not None:
        return {name: n}
    # The other family of scikit-learn: a total, so that a second fit with the same number trains nothing.
    return {"n_estimators": 8} if "n_estimators" in estimator.get_params(deep=False) else {}


def stop_training(fitted: Any, estimator: Any) -> None:
    """Set the fitted estimator to train no more, or skip the check."""
    name = epochs_name(estimator)
    if name is None:
        if "n_estimators" not in estimator.get_params(deep=False):
            raise unittest.SkipTest("there is no number of epochs to set to zero")
        return
    X, y = draw_rows(estimator, 60)
    try:
        fit(prepare(estimator, epochs=0), X, y)
    except ValueError as error:
        raise unittest.SkipTest(f"{name}=0 is not legal") from error
    fitted.set_params(**{name: 0})


def early_stopping_on(estimator: Any) -> dict[str, Any]:
    """Return the parameters that switch early stopping on; none where it cannot be switched."""
    return {"early_stopping": True} if "early_stopping" in estimator.get_params(deep=False) else {}


def early_stopping_off(estimator: Any) -> dict[str, Any]:
    """Return the parameters that switch early stopping off; none where it cannot be switched."""
    return {"early_stopping": False} if "early_stopping" in estimator.get_params(deep=False) else {}


def need_early_stopping(estimator: Any) -> None:
    """Skip the check of an estimator without early stopping."""
    if not early_stopping_on(estimator):
        raise unittest.SkipTest("there is no parameter early_stopping")


def need_partial_fit(subject: Any) -> None:
    """Skip the check of an estimator without partial_fit."""
    if not hasattr(subject, "partial_fit"):
        raise unittest.SkipTest("there is no partial_fit")


def need_classifier(estimator: Any) -> None:
    """Skip the check of an estimator without classes."""
    if not is_classifier(estimator):
        raise unittest.SkipTest("only classifiers have classes")


class Width(NamedTuple):
    """A parameter that says how wide or deep a network is, a value, and others."""

    name: str
    first: Any
    others: tuple[Any, ...]


def width_of(estimator: Any) -> Width | None:
    """Return the parameter by which the architecture can be changed; None where none was found."""
    params = estimator.get_params(deep=False)
    module = params.get("module")
    names = {name: name for name in _WIDTHS if name in params}
    if isinstance(module, type) or inspect.isfunction(module):
        names |= {name: f"module__{name}" for name in _WIDTHS if name in inspect.signature(module).parameters}
    for name, full_name in names.items():
        if name.endswith("sizes"):
            return Width(full_name, (5,), ((9,), (5, 5)))
        return Width(full_name, 5, (9,))
    return None


def shapes_of(fitted: Any) -> list[tuple[int, ...]] | None:
    """Return the shapes of all weights; None where they cannot be seen."""
    if isinstance(getattr(fitted, "coefs_", None), list):
        return [each.shape for each in fitted.coefs_]
    if hasattr(fitted, "module_"):
        return [tuple(each.shape) for each in fitted.module_.state_dict().values()]
    return None


def has_callbacks(subject: Any) -> bool:
    """Tell whether the estimator calls back as skorch's do."""
    return "callbacks" in subject.get_params(deep=False) and hasattr(subject, "notify")


def callbacks_of(subject: Any) -> list[Any]:
    """Return the callbacks that were given as a parameter."""
    given = subject.get_params(deep=False)["callbacks"]
    return list(given) if isinstance(given, list | tuple) else []


def fit(subject: Any, X: NDArray, y: NDArray) -> Any:
    """Fit, with the global generators seeded, and return the estimator."""
    seed_globals()
    subject.fit(X, y)
    return subject


def partial_fit(subject: Any, X: NDArray, y: NDArray, seeded: bool = False) -> Any:
    """Train for a pass on rows of any of the classes, and return the estimator."""
    if seeded:
        seed_globals()
    subject.partial_fit(X, y, **({"classes": np.arange(N_CLASSES)} if is_classifier(subject) else {}))
    return subject


def seed_globals() -> None:
    """Seed the global generators, from which an estimator without ``random_state`` draws."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings, and put the global generators back afterwards."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seed_globals()
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.set_rng_state(states[2])
