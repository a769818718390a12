"""The start: pure functions from (previous, fresh, context) to the state that training begins from.

Knows torch and scikit-learn's ``BaseEstimator``; nothing of skorch, nothing of estimators.
"""

from ._base import InitPolicy, PolicyContext
from ._compose import Compose
from ._reference import Cold, Warm
from ._registry import policy_names, resolve_policy
from ._reset_layers import ResetLayers
from ._shrink_perturb import Interpolate, ShrinkPerturb

__all__ = [
    "Cold",
    "Compose",
    "InitPolicy",
    "Interpolate",
    "PolicyContext",
    "ResetLayers",
    "ShrinkPerturb",
    "Warm",
    "policy_names",
    "resolve_policy",
]
