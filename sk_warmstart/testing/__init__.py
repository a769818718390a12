"""Checks of the laws of warm starting, for the estimators of any library."""

from ._data import N_CLASSES, N_FEATURES
from ._generator import WarmStartCheck, warm_start_checks
from ._runner import check_warm_start, parametrize_with_warm_start_checks
from ._runner import run_checks as run_checks

__all__ = [
    "N_CLASSES",
    "N_FEATURES",
    "WarmStartCheck",
    "check_warm_start",
    "parametrize_with_warm_start_checks",
    "warm_start_checks",
]
