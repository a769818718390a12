"""Augmentation of training batches: random changes of images and of the columns of tables.

An augmentation is a callable ``(X, generator) -> X`` for the parameter ``augment`` of the estimators; those
of this room have parameters of scikit-learn, so ``augment__padding`` works in a grid.
"""

from ._compose import Compose
from ._images import Cutout, RandomCrop, RandomHorizontalFlip
from ._tables import ColumnSwap, GaussianNoise

__all__ = ["ColumnSwap", "Compose", "Cutout", "GaussianNoise", "RandomCrop", "RandomHorizontalFlip"]
