"""The laws of warm starting as checks that run on anyone's estimator.

scikit-learn's ``check_estimator`` never sets ``warm_start=True``. These checks do nothing else.
"""

from ._data import N_CLASSES, N_FEATURES
from ._runner import WarmStartCheck, check_warm_start, run_checks

__all__ = ["N_CLASSES", "N_FEATURES", "WarmStartCheck", "check_warm_start", "run_checks"]
