"""scikit-learn estimators over PyTorch networks whose start is a parameter."""

from ._classifier import WarmStartClassifier
from ._mixin import WarmStartMixin
from ._regressor import WarmStartRegressor
from ._transformer import WarmStartTransformer
from .hooks._outputs import prepare_rows as prepare_rows
from .input._identity import known_share as known_share
from .input._identity import warn_where_leaking as warn_where_leaking
from .run._rollback import all_or_nothing as all_or_nothing
from .start._donor_rows import share_of_donor as share_of_donor

__all__ = ["WarmStartClassifier", "WarmStartMixin", "WarmStartRegressor", "WarmStartTransformer"]
