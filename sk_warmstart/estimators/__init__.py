"""scikit-learn estimators over PyTorch networks whose start is a parameter."""

from ._classifier import WarmStartClassifier
from ._contract import all_or_nothing
from ._mixin import WarmStartMixin
from ._regressor import WarmStartRegressor

__all__ = ["WarmStartClassifier", "WarmStartMixin", "WarmStartRegressor", "all_or_nothing"]
