"""Small estimators, modules and tables for tests; pytest finds them by ``from helpers import net``."""

from ._estimators import net, regressor
from ._kinds import KINDS, Kind
from ._modules import Linear, Sine
from ._networks import Convolution, NumbersAndCategories, OneTable, Text
from ._tables import iris

__all__ = [
    "KINDS",
    "Convolution",
    "Kind",
    "Linear",
    "NumbersAndCategories",
    "OneTable",
    "Sine",
    "Text",
    "iris",
    "net",
    "regressor",
]
