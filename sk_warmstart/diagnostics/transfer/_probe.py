"""Linear models of features: pipeline, search of the regularisation, weights for features as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer, log_loss, make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

_FLOOR = 1e-4  # least spread of a feature, as a share of the median one
_DEAD = 1e-12  # features with less, as a share of the greatest, do not count towards the median
_HUGE = 1e8  # greatest coefficient of a standardised feature


class Sample(NamedTuple):
    """Features with targets (codes of classes, or numbers in columns) and positive weights with mean 1."""

    features: NDArray
    targets: NDArray
    weights: NDArray


class FlooredScaler(StandardScaler):
    """Standardisation that leaves features with next to no spread small.

    Of a unit that is dead but for rounding, division by its spread would make a feature like the others, with a
    weight that turns the least change of the unit into a jump.
    """

    scale_: NDArray
    var_: NDArray

    def fit(self, X: NDArray, y: None = None, sample_weight: NDArray | None = None) -> FlooredScaler:
        """Learn mean and scale."""
        super().fit(X, sample_weight=sample_weight)
        spread = np.sqrt(self.var_)
        alive = spread[spread > _DEAD * spread.max(initial=0.0)]
        if len(alive):
            floor = _FLOOR * np.median(alive)
            self.scale_ = np.where(spread > 0, np.maximum(self.scale_, floor), self.scale_)
        return self


class UncentredScaler(FlooredScaler):
    """Division by the root of the mean square, which is the deviation of the features and their negatives."""

    def fit(self, X: NDArray, y: None = None, sample_weight: NDArray | None = None) -> UncentredScaler:
        """Learn the scale."""
        weights = None if sample_weight is None else np.tile(sample_weight, 2)
        return super().fit(np.vstack([X, -X]), sample_weight=weights)


class Probe(NamedTuple):
    """What a linear model is: of classes or numbers, with a bias or without, and how long its solver may take."""

    classifies: bool
    fit_intercept: bool = True
    max_iter: int = 1000

    def pipeline(self, C: float = 1.0) -> Pipeline:
        """Return the model of standardised features with inverse strength C of its regularisation, not fitted."""
        if self.classifies:
            model = LogisticRegression(C=C, fit_intercept=self.fit_intercept, max_iter=self.max_iter)
        else:
            model = Ridge(alpha=1 / (2 * C), fit_intercept=self.fit_intercept)
        # Without an intercept nothing can take a mean up.
        scaler = FlooredScaler() if self.fit_intercept else UncentredScaler(with_mean=False)
        return Pipeline([("scaler", scaler), ("model", model)])

    def weights(self, sample: Sample, C: float) -> tuple[NDArray, NDArray]:
        """Fit the model, and return its coefficients and intercepts for features that are not standardised."""
        fitted = self.pipeline(C).fit(
            sample.features,
            sample.targets,
            scaler__sample_weight=sample.weights,
            model__sample_weight=sample.weights,
        )
        scaler, model = fitted.named_steps["scaler"], fitted.named_steps["model"]
        weight = np.atleast_2d(model.coef_) / scaler.scale_
        intercept = np.broadcast_to(model.intercept_, len(weight))
        intercept = intercept - weight @ scaler.mean_ if self.fit_intercept else intercept
        unit = 1.0 if self.classifies else float(np.abs(sample.targets).max(initial=0.0)) or 1.0
        _check_size(weight * scaler.scale_ / unit, intercept)
        return weight, intercept

    def search(
        self, sample: Sample, Cs: Sequence[float], splits: Sequence[tuple[NDArray, NDArray]]
    ) -> tuple[int, float]:
        """Return which C has the best held-out log loss or R2, the first of equal ones, and its accuracy or R2."""
        values = list(Cs) if self.classifies else [1 / (2 * C) for C in Cs]
        # Weights reach the scorers by metadata routing only; the setting is the thread's.
        with config_context(enable_metadata_routing=True):
            if self.classifies:
                labels = np.unique(sample.targets)
                by = make_scorer(log_loss, greater_is_better=False, response_method="predict_proba", labels=labels)
                scoring = {"choice": by, "score": get_scorer("accuracy")}
            else:
                scoring = {"choice": get_scorer("r2")}
            pipeline = self.pipeline()
            for step in pipeline.named_steps.values():
                step.set_fit_request(sample_weight=True)
            search = GridSearchCV(
                pipeline,
                {"model__C" if self.classifies else "model__alpha": values},
                scoring={name: scorer.set_score_request(sample_weight=True) for name, scorer in scoring.items()},
                refit=False,
                cv=splits,
                n_jobs=1,
            ).fit(sample.features, sample.targets, sample_weight=sample.weights)
        means = [search.cv_results_[f"mean_test_{name}"] for name in scoring]
        best = int(np.argmax(means[0]))
        return best, min(1.0, float(means[-1][best]))  # rounding must not lift a perfect score above 1


def _check_size(standardised: NDArray, intercept: NDArray) -> None:
    """Refuse a solution that no network should start from."""
    finite = np.isfinite(standardised).all() and np.isfinite(intercept).all()
    if not finite or (np.abs(standardised) > _HUGE).any():
        raise ValueError(
            "the linear model of the features has weights that are not finite, or huge: features or targets are "
            "too large, or too alike. Scale them, regularise more (a smaller C), or start otherwise"
        )
