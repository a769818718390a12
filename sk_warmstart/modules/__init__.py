"""Default networks, and the rule by which a module learns its shape from the data.

Knows torch only.
"""

from ._build import build_module, is_stochastic, materialize
from ._ends import End, find_input, find_output
from ._generator import GLOBAL_GENERATOR
from ._mlp import MLP
from ._outputs import first_output

__all__ = [
    "GLOBAL_GENERATOR",
    "MLP",
    "End",
    "build_module",
    "find_input",
    "find_output",
    "first_output",
    "is_stochastic",
    "materialize",
]
