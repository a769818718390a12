"""Means and spreads that inputs are standardised by, and the first layer's change when they move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import issparse
from torch import Tensor

from .._schema import Reindex

# Statistics of the same rows, merged in another order, differ by no more.
_RTOL = 1e-12
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Standardizer:
    """Means, sums of squared deviations and weight of the rows; sparse rows are scaled and not ``centred``."""

    count: float
    mean: NDArray[np.float64]
    m2: NDArray[np.float64]
    centred: bool = True

    @classmethod
    def from_rows(cls, X: Any, weight: NDArray | None = None) -> Standardizer:
        """Measure rows."""
        zeros = np.zeros(X.shape[1])
        return cls(0.0, zeros, zeros).updated(X, weight)

    @classmethod
    def identity(cls, n_features: int) -> Standardizer:
        """Return statistics that change nothing: mean 0, spread 1."""
        return cls(1.0, np.zeros(n_features), np.ones(n_features))

    @property
    def shift(self) -> NDArray[np.float64]:
        """What is taken off each column."""
        return self.mean if self.centred else np.zeros_like(self.mean)

    @property
    def scale(self) -> NDArray[np.float64]:
        """What each column is divided by; 1 where it does not vary."""
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = np.sqrt(self.m2 / self.count)
        # As in StandardScaler: a spread that is the rounding of the mean is none.
        constant = ~(spread > 10 * np.finfo(np.float64).eps * np.abs(self.mean))
        return np.where(constant, 1.0, spread)

    def updated(self, X: Any, weight: NDArray | None = None) -> Standardizer:
        """Take in more rows (Chan, Golub and LeVeque 1983)."""
        count, mean, m2 = self.count, self.mean, self.m2
        step = max(1, _CHUNK // max(1, X.shape[1]))
        for first in range(0, X.shape[0], step):
            part = X[first : first + step]
            w = None if weight is None else np.asarray(weight[first : first + step], dtype=np.float64)
            with np.errstate(over="ignore", invalid="ignore"):
                n, its_mean, its_m2 = _moments(part, w)
                if n == 0:
                    continue
                total, delta = count + n, its_mean - mean
                mean = mean + delta * (n / total)
                m2 = m2 + its_m2 + delta**2 * (count * n / total)
            count = total
        if not (np.isfinite(mean).all() and np.isfinite(m2).all()):
            place = int(np.flatnonzero(~(np.isfinite(mean) & np.isfinite(m2)))[0])
            raise ValueError(
                f"column {place} of X holds numbers whose squares are too large for standardize=True: give it in "
                "larger units"
            )
        return Standardizer(count, mean, m2, centred=not issparse(X))

    def is_still(self, other: Standardizer) -> bool:
        """Tell whether another one's shift and scale are the same but for rounding."""
        moved = np.abs(other.shift - self.shift) > _RTOL * self.scale
        stretched = np.abs(other.scale - self.scale) > _RTOL * self.scale
        return not (moved.any() or stretched.any())

    def transform(self, X: Any, dtype: Any = np.float64) -> Any:
        """Standardise rows."""
        if issparse(X):
            if self.centred and np.any(self.mean):
                raise ValueError(
                    "standardize=True learned means from dense rows, which sparse rows cannot be shifted by: "
                    "pass dense rows here too, or sparse ones from the start"
                )
            return X.multiply(1.0 / self.scale).tocsr().astype(dtype)
        done = np.empty(X.shape, dtype=dtype)
        shift, scale = self.shift, self.scale
        step = max(1, _CHUNK // max(1, X.shape[1]))
        for first in range(0, len(X), step):
            done[first : first + step] = (X[first : first + step].astype(np.float64) - shift) / scale
        return done

    def take(self, columns: Reindex, fallback: Standardizer) -> Standardizer:
        """Return the statistics in a new order of the columns."""
        source, new = columns.source.clip(min=0), columns.source < 0
        mean = np.where(new, fallback.mean, self.mean[source] if len(self.mean) else 0.0)
        m2 = np.where(new, fallback.scale**2 * self.count, self.m2[source] if len(self.m2) else 0.0)
        return Standardizer(self.count, mean, m2, self.centred)


@dataclass(frozen=True)
class Reparametrisation:
    """Exact change of a first layer when the standardisation of its inputs moves.

    The layer computes the same from rows standardised by ``new`` as it did from rows standardised by ``old``:
    with shifts m, m' and scales s, s' its weight W becomes W s'/s and its bias b becomes b + W (m' - m)/s.
    """

    weight: str
    bias: str | None
    old: Standardizer
    new: Standardizer

    def __post_init__(self) -> None:
        if self.bias is None and not np.array_equal(self.old.shift, self.new.shift):
            raise ValueError(
                f"standardize=True moves the mean of the inputs, which the layer of {self.weight} has no bias to "
                "make up for: give the first layer a bias"
            )

    def state(self, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the new weight and bias, in double precision."""
        stretch, move = self._tensors(weight)
        wide = weight.double()
        return wide * stretch, None if bias is None else bias.double() + wide @ move

    def linear_moment(self, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return a moment that follows the gradient of the weight; the bias's gradient stays as it is."""
        stretch, move = self._tensors(weight)
        wide = weight.double()
        if bias is not None:
            wide = wide - bias.double()[:, None] * move
        return wide / stretch

    def squared_moment(self, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return a moment that follows its square, taking the two gradients as uncorrelated."""
        stretch, move = self._tensors(weight)
        wide = weight.double()
        if bias is not None:
            wide = wide + bias.double()[:, None] * move**2
        return wide / stretch**2

    def _tensors(self, like: Tensor) -> tuple[Tensor, Tensor]:
        stretch = self.new.scale / self.old.scale
        move = (self.new.shift - self.old.shift) / self.old.scale
        return tuple(torch.as_tensor(a, device=like.device, dtype=torch.float64) for a in (stretch, move))  # type: ignore[return-value]


def _moments(X: Any, weight: NDArray | None) -> tuple[float, NDArray, NDArray]:
    w = np.ones(X.shape[0]) if weight is None else weight
    n = float(w.sum())
    if n == 0:
        return 0.0, np.zeros(X.shape[1]), np.zeros(X.shape[1])
    if issparse(X):
        entries = X.tocoo()
        column, value, its_weight = entries.col, entries.data.astype(np.float64), w[entries.row]

        def total(values: NDArray) -> NDArray:
            return np.bincount(column, values, minlength=X.shape[1])

        # Where every row has an entry, what is left of the weights is rounding.
        filled = np.bincount(column, minlength=X.shape[1]) == X.shape[0]
        empty = np.where(filled, 0.0, np.maximum(n - total(its_weight), 0.0))
        mean = total(its_weight * value) / n
        mean += (total(its_weight * (value - mean[column])) - empty * mean) / n
        return n, mean, total(its_weight * (value - mean[column]) ** 2) + empty * mean**2
    wide = np.asarray(X, dtype=np.float64)
    mean = w @ wide / n
    # Once more: the rounding of a long sum would make a constant column vary.
    off = wide - mean
    rest = w @ off / n
    return n, mean + rest, np.maximum(w @ off**2 - n * rest**2, 0.0)
