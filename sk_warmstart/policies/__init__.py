"""The start: pure functions from (previous, fresh, context) to the state that training begins from.

Knows torch, numpy and scikit-learn; nothing of skorch, nothing of estimators.
"""

from ._auto import Auto
from ._base import InitPolicy, PolicyContext
from ._best_of import BestOf
from ._compose import Compose
from ._dash import Dash, PlainShrinkWarning
from ._evidence import Circumstances
from ._fire import Fire
from ._linear_probe import LinearProbe
from ._phase import PhaseData, first_output
from ._race import Merit, Race
from ._recycle_dormant import RecycleDormant
from ._reference import Cold, Warm
from ._registry import policy_names, resolve_policy
from ._reset_layers import ResetLayers
from ._shrink_perturb import Interpolate, ShrinkPerturb

__all__ = [
    "Auto",
    "BestOf",
    "Circumstances",
    "Cold",
    "Compose",
    "Dash",
    "Fire",
    "InitPolicy",
    "Interpolate",
    "LinearProbe",
    "Merit",
    "PhaseData",
    "PlainShrinkWarning",
    "PolicyContext",
    "Race",
    "RecycleDormant",
    "ResetLayers",
    "ShrinkPerturb",
    "Warm",
    "first_output",
    "policy_names",
    "resolve_policy",
]
