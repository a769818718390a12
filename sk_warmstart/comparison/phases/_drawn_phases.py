"""Phases that are drawn anew for each replicate."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from ..._compat._sklearn import num_samples
from ._phase import Plan, Replicate


class DrawnPhases(BaseEstimator):
    """Base of plans that draw their phases; a kind of phases has ``_draw``."""

    def plan(
        self,
        X: Any,
        labels: NDArray | None,
        rng: np.random.Generator,
        groups: Any = None,
        replicate: Replicate | None = None,
    ) -> Plan:
        """Draw the phases of one replicate.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The rows; only their number and order matter.
        labels : ndarray of shape (n_samples,) or None
            Classes, to share out evenly or to arrive one after the other.
        rng : numpy.random.Generator
            Source of the draw.
        groups : array-like of shape (n_samples,), default=None
            Rows that belong together, such as those of one patient: they test or train as a whole.
        replicate : Replicate, default=None
            Number of the replicate, and a seed that all of them have in common; without, one draw by itself.

        Returns
        -------
        Plan
            One stream of phases.

        Raises
        ------
        ValueError
            If a parameter is out of its range, or there are too few rows, classes or groups.
        """
        return self._draw(num_samples(X), labels, rng, groups, replicate)

    def _draw(
        self,
        n: int,
        labels: NDArray | None,
        rng: np.random.Generator,
        groups: Any,
        replicate: Replicate | None,
    ) -> Plan:
        raise NotImplementedError
