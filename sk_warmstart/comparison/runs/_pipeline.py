"""Fit the last step of a Pipeline on rows that its other steps have prepared before."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline

from ...estimators.input._pipeline_names import inside_pipeline


class PreparedPipeline(Pipeline):
    """A Pipeline whose other steps are fitted, and are not to be fitted for each arm again."""

    def fit_last(self, X: Any, y: Any, **params: Any) -> None:
        """Fit the last step, which finds here what the columns are called.

        Parameters
        ----------
        X : array-like
            Rows as the other steps put them out.
        y : array-like
            The targets.
        **params
            What else its ``fit`` takes.
        """
        with inside_pipeline(self):
            self.steps[-1][1].fit(X, y, **params)
