"""Parameters that are out of their range, said before anything is touched."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn.metrics import get_scorer
from sklearn.utils import check_random_state
from skorch.utils import is_dataset

from ..._compat._scorers import is_made_scorer
from ...training import AUTOCAST
from ._contract import resolve_device
from ._messages import BUILT_AT_ONCE


def check_params(params: Mapping[str, Any]) -> None:
    """Check the parameters that this library adds, and skorch's that would fail late."""
    for name, (allowed, rule) in _RULES.items():
        if name in params and not rule(params[name]):
            raise ValueError(f"The {name!r} parameter must be {allowed}, got {params[name]!r} instead")
    scorer_of(params.get("scoring"))
    check_device(params.get("device"))
    _check_autocast(params)


def scorer_of(scoring: Any) -> Any:
    """Return the scorer of validation rows; None where the estimator's own score counts, or the loss."""
    if scoring is None or (isinstance(scoring, str) and scoring == "loss"):
        return None
    try:
        scorer = get_scorer(scoring)
    except (ValueError, TypeError):  # such as a metric, or a list
        scorer = None
    if not is_made_scorer(scorer):
        raise ValueError(
            "The 'scoring' parameter must be None, 'loss', the name of a scorer of scikit-learn "
            f"(sklearn.metrics.get_scorer_names()) or what make_scorer returns, got {scoring!r} instead"
        )
    return scorer


def check_device(device: Any) -> None:
    """Check that there is such a device here."""
    if device is None or (isinstance(device, str) and device in ("auto", "cpu")):
        return
    try:
        asked = torch.device(device)
    except (RuntimeError, TypeError):
        raise ValueError(
            "The 'device' parameter must be 'auto', 'cpu', 'cuda' or another device that torch knows, got "
            f"{device!r} instead"
        ) from None
    backend: Any = getattr(torch, asked.type, None)
    is_here = getattr(backend, "is_available", lambda: True)()
    count = backend.device_count() if is_here and hasattr(backend, "device_count") else 0
    if not is_here or (asked.index is not None and 0 < count <= asked.index):
        found = "none here" if not is_here else f"{count} here, counted from 0"
        raise ValueError(f"device={device!r}: torch finds {found}. Use device='auto' or 'cpu'")


def _check_autocast(params: Mapping[str, Any]) -> None:
    autocast = params.get("autocast")
    if autocast is None:
        return
    if params.get("dtype") == "float64":
        raise ValueError(f"autocast={autocast!r} leaves float64 as it is: set dtype to 'float32' or 'auto'")
    device = torch.device(resolve_device(params.get("device")) or "cpu")
    if autocast == "float16" and device.type != "cuda":
        raise ValueError(
            f"autocast='float16' needs its gradients scaled, which torch does on CUDA, not on {device.type!r}: "
            "use autocast='bfloat16'"
        )


def _is_int(value: Any, low: int) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= low


def _is_real(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and not math.isnan(float(value))


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool | np.bool_ | int) and value in (0, 1)


def _is_size(value: Any) -> bool:
    return _is_int(value, 1) or value == -1


def _is_rate(value: Any) -> bool:
    return isinstance(value, torch.Tensor) or (_is_real(value) and 0 <= float(value) < math.inf)


def _is_seed(value: Any) -> bool:
    try:
        check_random_state(value)
    except (TypeError, ValueError):
        return False
    return True


def _are_weights(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_is_real(weight) and 0 <= float(weight) < math.inf for weight in value.values())
    return value is None or (isinstance(value, str) and value == "balanced")


def _are_labels(value: Any) -> bool:
    if value is None:
        return True
    labels = np.asarray(value)
    if labels.ndim != 1:
        return False
    try:
        return len(set(labels.tolist())) == len(labels)
    except TypeError:
        return False


def _one_of(*options: str) -> tuple[str, Callable[[Any], bool]]:
    listed = ", ".join(map(repr, options))
    return (
        f"one of {listed}" if len(options) > 1 else listed,
        lambda value: isinstance(value, str) and value in options,
    )


_TRUTH = ("True or False", _is_bool)
_RULES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "module": ("a torch module, its class, or a callable that makes one", callable),
    **BUILT_AT_ONCE,
    "optimizer": ("the class of an optimiser, such as torch.optim.AdamW", callable),
    "iterator_train": ("a class of loaders, such as torch.utils.data.DataLoader", callable),
    "iterator_valid": ("a class of loaders, such as torch.utils.data.DataLoader", callable),
    "dataset": ("a dataset or its class", lambda v: callable(v) or is_dataset(v)),
    "train_split": ("None or a callable, such as skorch.dataset.ValidSplit(5)", lambda v: not v or callable(v)),
    "verbose": ("an integer", lambda v: isinstance(v, bool | np.bool_ | Integral)),
    "random_state": ("None, an integer from 0 to 2**32 - 1, or a RandomState", _is_seed),
    "class_weight": (
        "None, 'balanced', or a dict from labels to finite weights of at least 0",
        _are_weights,
    ),
    "classes": ("None or a list of labels, each of them once", _are_labels),
    "compile": _TRUTH,
    "use_caching": ("'auto', True or False", lambda v: v == "auto" or _is_bool(v)),
    "torch_load_kwargs": ("None or a dict", lambda v: v is None or isinstance(v, Mapping)),
    "iterator_train__shuffle": _TRUTH,
    "max_epochs": ("an integer of at least 0", lambda v: _is_int(v, 0)),
    "batch_size": ("a positive integer, or -1 for all rows", _is_size),
    "iterator_train__batch_size": ("a positive integer, or -1 for all rows", _is_size),
    "iterator_valid__batch_size": ("a positive integer, or -1 for all rows", _is_size),
    "lr": ("a finite number of at least 0", _is_rate),
    "warm_start": _TRUTH,
    "optimizer_state": _one_of("reset", "keep", "mask"),
    "schema": _one_of("strict", "adapt"),
    "standardize": _TRUTH,
    "dtype": _one_of("auto", "float32", "float64"),
    "autocast": (
        "None or one of 'bfloat16', 'float16'",
        lambda v: v is None or (isinstance(v, str) and v in AUTOCAST),
    ),
    "augment": (
        "None or a callable (X, generator) -> X, such as RandomCrop(4) of sk_warmstart.augment",
        lambda v: v is None or (callable(v) and not isinstance(v, type)),
    ),
    "early_stopping": _TRUTH,
    "validation_fraction": ("a number in (0, 1)", lambda v: _is_real(v) and 0 < float(v) < 1),
    "n_iter_no_change": (
        "an integer of at least 1, or infinity",
        lambda v: _is_int(v, 1) or v == math.inf,
    ),
    "tol": ("a number of at least 0", lambda v: _is_real(v) and float(v) >= 0),
}
