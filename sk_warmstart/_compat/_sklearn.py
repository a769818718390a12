"""Private names of scikit-learn."""

from typing import Any

from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._metadata_requests import _routing_enabled as routing_enabled
from sklearn.utils._pprint import _changed_params as changed_params
from sklearn.utils.validation import _check_method_params as check_method_params
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _num_samples as num_samples

__all__ = [
    "BaseSearchCV",
    "OwnParamsInDiagram",
    "changed_params",
    "check_method_params",
    "check_sample_weight",
    "num_samples",
    "routing_enabled",
    "safe_indexing",
]


class OwnParamsInDiagram:
    """List an object's own parameters in its diagram; those inside of them would all be marked as set."""

    def _get_params_html(self, deep: bool = True, doc_link: str = "") -> Any:
        return super()._get_params_html(deep=False, doc_link=doc_link)  # type: ignore[misc]
