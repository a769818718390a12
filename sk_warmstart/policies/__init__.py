"""Init policies: pure functions from (previous, fresh, context) to the state that training begins from.

Knows torch, numpy and scikit-learn; nothing of skorch, nothing of estimators.
"""

from ._base import InitPolicy
from ._compose import Compose
from ._context import DonorContext, PolicyContext
from ._phase import PhaseData
from ._race import CandidateScores as CandidateScores
from ._registry import policy_names, resolve_policy
from .choosing._auto import Auto
from .choosing._best_of import BestOf
from .rules._dash import Dash, PlainShrinkWarning
from .rules._fire import Fire
from .rules._linear_probe import LinearProbe
from .rules._recycle_dormant import RecycleDormant
from .rules._reference import Cold, Warm
from .rules._reset_layers import ResetLayers
from .rules._shrink_perturb import Interpolate, ShrinkPerturb

__all__ = [
    "Auto",
    "BestOf",
    "Cold",
    "Compose",
    "Dash",
    "DonorContext",
    "Fire",
    "InitPolicy",
    "Interpolate",
    "LinearProbe",
    "PhaseData",
    "PlainShrinkWarning",
    "PolicyContext",
    "RecycleDormant",
    "ResetLayers",
    "ShrinkPerturb",
    "Warm",
    "policy_names",
    "resolve_policy",
]
