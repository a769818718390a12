"""Private names of scikit-learn."""

from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._metadata_requests import _routing_enabled as routing_enabled
from sklearn.utils._pprint import _changed_params as changed_params
from sklearn.utils.validation import _check_method_params as check_method_params
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _num_samples as num_samples

__all__ = [
    "BaseSearchCV",
    "changed_params",
    "check_method_params",
    "check_sample_weight",
    "num_samples",
    "routing_enabled",
    "safe_indexing",
]
