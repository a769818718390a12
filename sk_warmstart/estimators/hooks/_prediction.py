"""Predictions and scores of a fitted net, with the guard against leaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from skorch.utils import is_dataset, to_numpy
from torch import Tensor

from ..._compat._sklearn import num_samples
from ..input._finite import check_rows_behind
from ..input._identity import warn_where_leaking
from ..input._parts import as_given, n_samples
from ..input._pipeline_names import is_scoring
from ..input._table import validate_rows
from ..input._targets import targets_of
from ..parameters._checks import check_params
from ..parameters._messages import words_for_lookups
from ._loop import LoopHooks
from ._outputs import KnownOutputs, PreparedRows, fast_outputs, outputs_of

# What may have been set since the fit, which judged it, and matters here.
_PREDICTED_BY = ("device", "batch_size", "dataset", "iterator_valid", "iterator_valid__batch_size")


def _base_scores(net: object) -> bool:
    return hasattr(super(GuardedPrediction, net), "score")


class GuardedPrediction(LoopHooks):
    """Predictions and scores of a skorch net."""

    def predict_proba(self, X: Any) -> NDArray:
        """Return the network's outputs, as probabilities where the criterion implies them.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame, dict, tuple or Dataset
            The rows, in the parts of the fit.

        Returns
        -------
        ndarray
            The outputs.
        """
        return self._outputs(X)

    def predict(self, X: Any) -> NDArray:
        """Predict labels of ``classes_``, or numbers.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame, dict, tuple or Dataset
            The rows, in the parts of the fit.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predictions.
        """
        self.check_is_fitted()
        return targets_of(self).decode(self, super().predict(X))  # type: ignore[misc]

    @available_if(_base_scores)
    def score(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None = None,
        sample_id: ArrayLike | None = None,
    ) -> float:
        """Return the accuracy, or R2 of a regressor.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame, dict, tuple or Dataset
            The rows, in the parts of the fit.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            What is true of them.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        sample_id : array-like of shape (n_samples,), default=None
            Identities of the rows, as given to ``fit``; without them a row is known by its content.

        Returns
        -------
        float
            The score; greater is better.

        Warns
        -----
        LeakageWarning
            If a donor was trained on some of the rows and the last fit was not: they are not held out.
        """
        if sample_id is not None and num_samples(sample_id) != n_samples(X):
            raise ValueError(f"sample_id has {num_samples(sample_id)} entries for {n_samples(X)} rows")
        warn_where_leaking(self, X, sample_id)
        try:
            return super().score(X, y, sample_weight=sample_weight)  # type: ignore[misc]
        except ValueError as error:
            if "different number of output" not in str(error):
                raise
            raise ValueError(
                f"the network predicts other numbers than y has columns, and R2 cannot compare them ({error}): "
                "pass a scoring of your own to what scores, or a predict_nonlinearity that makes predictions of "
                "outputs"
            ) from error

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.sparse = True
        return tags

    def _outputs(self, X: Any) -> NDArray:
        if isinstance(X, KnownOutputs):
            return to_numpy(self._get_predict_nonlinearity()(X.output))
        self.check_is_fitted()
        check_params({name: self.__dict__[name] for name in _PREDICTED_BY if name in self.__dict__})
        if isinstance(X, PreparedRows):
            rows, outputs = X.rows, outputs_of(self, X.rows)
            return super().predict_proba(rows) if outputs is None else outputs  # type: ignore[misc]
        if is_scoring():
            warn_where_leaking(self, X)
        rows = validate_rows(self, X)
        with words_for_lookups(self, X):
            outputs = fast_outputs(self, rows)
            if outputs is None:
                outputs = super().predict_proba(as_given(rows))  # type: ignore[misc]
                check_rows_behind(outputs, rows if is_dataset(rows) else None)
            return outputs

    def _get_predict_nonlinearity(self) -> Callable[[Tensor], Tensor]:
        """What makes predictions of outputs; where skorch infers it, it is made to suit the targets."""
        found = super()._get_predict_nonlinearity()  # type: ignore[misc]
        return targets_of(self).nonlinearity(self, found) if self.predict_nonlinearity == "auto" else found
