"""Augmentations of tables: noise, and values of other rows."""

from __future__ import annotations

import torch
from torch import Tensor

from .._parameters import check_number
from ._base import TensorAugmentation


class GaussianNoise(TensorAugmentation):
    """Add normal noise to every number [1]_.

    Parameters
    ----------
    scale : float, default=0.1
        Standard deviation of the noise: a share of that of the columns, where these are standardised.

    References
    ----------
    .. [1] Bishop, Training with noise is equivalent to Tikhonov regularization, Neural Computation 7(1), 1995.

    Examples
    --------
    >>> import torch
    >>> from sk_warmstart.augment import GaussianNoise
    >>> noise = GaussianNoise(scale=0.1)(torch.zeros(1000, 2), torch.Generator().manual_seed(0))
    >>> round(float(noise.std()), 1)
    0.1
    """

    def __init__(self, scale: float = 0.1):
        self.scale = scale

    def _augmented(self, X: Tensor, generator: torch.Generator) -> Tensor:
        scale = check_number("scale of GaussianNoise", self.scale, 0)
        if not X.is_floating_point():
            raise self._wrong("floating-point numbers", X)
        return X + scale * torch.randn(X.shape, generator=generator, device=X.device, dtype=X.dtype)


class ColumnSwap(TensorAugmentation):
    """Replace entries by those that other rows of the batch have in the same column.

    What replaces an entry is so a draw from its column's distribution, as in VIME [1]_ and SCARF [2]_. A batch of
    one row stays as it is.

    Parameters
    ----------
    p : float, default=0.3
        The probability that an entry is replaced, in [0, 1]. VIME has values from 0.1 to 0.9, SCARF 0.6.

    References
    ----------
    .. [1] Yoon, Zhang, Jordon and van der Schaar, VIME: extending the success of self- and semi-supervised
       learning to tabular domain, NeurIPS 2020, section 4.1.
    .. [2] Bahri, Jiang, Tay and Metzler, SCARF: self-supervised contrastive learning using random feature
       corruption, ICLR 2022, section 3.

    Examples
    --------
    >>> import torch
    >>> from sk_warmstart.augment import ColumnSwap
    >>> ColumnSwap(p=1)(torch.tensor([[1, 10], [2, 20]]), torch.Generator())
    tensor([[ 2, 20],
            [ 1, 10]])
    """

    def __init__(self, p: float = 0.3):
        self.p = p

    def _augmented(self, X: Tensor, generator: torch.Generator) -> Tensor:
        p = check_number("p of ColumnSwap", self.p, 0, 1)
        if X.ndim < 2:
            raise self._wrong("a table of shape (n_samples, n_features)", X)
        n = len(X)
        if n < 2:
            return X
        steps = torch.randint(1, n, X.shape, generator=generator, device=X.device)
        swaps = torch.rand(X.shape, generator=generator, device=X.device) < p
        here = torch.arange(n, device=X.device).view(n, *[1] * (X.ndim - 1))
        return torch.where(swaps, X.gather(0, (here + steps) % n), X)
