"""Augmentations one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from sklearn.base import BaseEstimator


class Compose(BaseEstimator):
    """Apply augmentations one after another.

    Parameters
    ----------
    steps : sequence of callable
        The augmentations, ``(X, generator) -> X`` each, in the order in which they are applied.

    Examples
    --------
    >>> from sk_warmstart import WarmStartClassifier
    >>> from sk_warmstart.augment import Compose, RandomCrop, RandomHorizontalFlip
    >>> net = WarmStartClassifier(augment=Compose([RandomCrop(padding=2), RandomHorizontalFlip()]))
    """

    def __init__(self, steps: Sequence[Callable[[Any, torch.Generator], Any]]):
        self.steps = steps

    def __call__(self, X: Any, generator: torch.Generator) -> Any:
        """Return a batch changed by all steps.

        Parameters
        ----------
        X : Tensor, dict or tuple
            The batch, as the first step takes it.
        generator : torch.Generator
            Where random numbers are drawn from; on the device of ``X``.

        Returns
        -------
        Tensor, dict or tuple
            The batch as the last step returns it.

        Raises
        ------
        ValueError
            If ``steps`` is no sequence of callables.
        """
        steps = self.steps
        listed = list(steps) if isinstance(steps, Sequence) and not isinstance(steps, str) else []
        if not listed or not all(callable(step) and not isinstance(step, type) for step in listed):
            raise ValueError(f"steps of Compose must be a list of callables (X, generator) -> X, got {steps!r}")
        for step in listed:
            X = step(X, generator)
        return X
