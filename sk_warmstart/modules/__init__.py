"""Default networks, and the rule by which a module learns its shape from the data.

Knows torch only.
"""

from ._build import build_module, is_stochastic, materialize
from ._mlp import MLP

__all__ = ["MLP", "build_module", "is_stochastic", "materialize"]
