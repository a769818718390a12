"""Base of augmentations of one tensor."""

from __future__ import annotations

from typing import Any

import torch
from sklearn.base import BaseEstimator
from torch import Tensor


class TensorAugmentation(BaseEstimator):
    """Augmentation of a batch that is one tensor; subclasses define what is drawn."""

    def __call__(self, X: Tensor, generator: torch.Generator) -> Tensor:
        """Return the batch changed, each row by a draw of its own.

        Parameters
        ----------
        X : Tensor of shape (n_samples, ...)
            The batch; it is not changed.
        generator : torch.Generator
            Where random numbers are drawn from; on the device of ``X``.

        Returns
        -------
        Tensor
            A batch of the same shape, dtype and device.

        Raises
        ------
        ValueError
            If a parameter is out of its range, or the batch is of another kind.
        """
        if not isinstance(X, Tensor):
            raise ValueError(
                f"{type(self).__name__} takes a batch that is one tensor, got a {type(X).__name__}: write a "
                "function (X, generator) -> X for augment that changes one part by it and hands on the others"
            )
        return self._augmented(X, generator)

    def _augmented(self, X: Tensor, generator: torch.Generator) -> Tensor:
        raise NotImplementedError

    def _wrong(self, takes: str, X: Any) -> ValueError:
        kind = f"shape {tuple(X.shape)} and dtype {str(X.dtype).removeprefix('torch.')}"
        return ValueError(f"{type(self).__name__} takes {takes}, got a tensor of {kind}")
