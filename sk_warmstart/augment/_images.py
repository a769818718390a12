"""Augmentations of images: crops, flips and cut-outs."""

from __future__ import annotations

import torch
from torch import Tensor

from .._parameters import check_integer, check_number
from ._base import TensorAugmentation

_COLOURS = (1, 3, 4)  # channels of grey, of colours, and of colours that are transparent
_IMAGES = "images, a tensor of shape (n_samples, channels, height, width) or (n_samples, height, width)"


class RandomCrop(TensorAugmentation):
    """Pad each image with zeros, and crop it to its size at a random place [1]_.

    Parameters
    ----------
    padding : int, default=4
        Width of the border on each side: an image moves by so many pixels at most, each way.

    References
    ----------
    .. [1] He, Zhang, Ren and Sun, Deep residual learning for image recognition, CVPR 2016, section 4.2.

    Examples
    --------
    >>> import torch
    >>> from sk_warmstart.augment import RandomCrop
    >>> images = torch.ones(2, 1, 4, 4)
    >>> RandomCrop(padding=1)(images, torch.Generator().manual_seed(1))[0, 0]
    tensor([[0., 1., 1., 1.],
            [0., 1., 1., 1.],
            [0., 1., 1., 1.],
            [0., 1., 1., 1.]])
    """

    def __init__(self, padding: int = 4):
        self.padding = padding

    def _augmented(self, X: Tensor, generator: torch.Generator) -> Tensor:
        padding = check_integer("padding of RandomCrop", self.padding, 0)
        _check_images(self, X)
        n, (height, width) = len(X), X.shape[-2:]
        moves = torch.randint(-padding, padding + 1, (2, n, 1), generator=generator, device=X.device)
        rows = torch.arange(height, device=X.device) + moves[0]
        columns = torch.arange(width, device=X.device) + moves[1]
        inside = _product((rows >= 0) & (rows < height), (columns >= 0) & (columns < width))
        places = rows.clamp(0, height - 1)[:, :, None] * width + columns.clamp(0, width - 1)[:, None, :]
        flat = X.reshape(n, -1, height * width)
        moved = flat.gather(2, places.view(n, 1, -1).expand(-1, flat.shape[1], -1)).view(X.shape)
        return moved.masked_fill(~_per_image(inside, X), 0)


class RandomHorizontalFlip(TensorAugmentation):
    """Mirror an image from left to right, with a probability [1]_.

    Parameters
    ----------
    p : float, default=0.5
        The probability, in [0, 1].

    References
    ----------
    .. [1] He, Zhang, Ren and Sun, Deep residual learning for image recognition, CVPR 2016, section 4.2.

    Examples
    --------
    >>> import torch
    >>> from sk_warmstart.augment import RandomHorizontalFlip
    >>> RandomHorizontalFlip(p=1)(torch.tensor([[[1, 2], [3, 4]]]), torch.Generator())
    tensor([[[2, 1],
             [4, 3]]])
    """

    def __init__(self, p: float = 0.5):
        self.p = p

    def _augmented(self, X: Tensor, generator: torch.Generator) -> Tensor:
        p = check_number("p of RandomHorizontalFlip", self.p, 0, 1)
        _check_images(self, X)
        flips = torch.rand(len(X), 1, 1, generator=generator, device=X.device) < p
        return torch.where(_per_image(flips, X), X.flip(-1), X)


class Cutout(TensorAugmentation):
    """Set a square of each image to zero [1]_.

    The centre is drawn from all pixels, so that a part of the square may lie outside of the image.

    Parameters
    ----------
    size : int, default=8
        The side of the square.

    References
    ----------
    .. [1] DeVries and Taylor, Improved regularization of convolutional neural networks with Cutout, 2017,
       arXiv:1708.04552.

    Examples
    --------
    >>> import torch
    >>> from sk_warmstart.augment import Cutout
    >>> image = Cutout(size=2)(torch.ones(1, 4, 4), torch.Generator().manual_seed(0))
    >>> int((image == 0).sum()) in (1, 2, 4)
    True
    """

    def __init__(self, size: int = 8):
        self.size = size

    def _augmented(self, X: Tensor, generator: torch.Generator) -> Tensor:
        size = check_integer("size of Cutout", self.size)
        _check_images(self, X)
        cut = [_interval(len(X), length, size, generator, X.device) for length in X.shape[-2:]]
        return X.masked_fill(_per_image(_product(*cut), X), 0)


def _interval(n: int, length: int, size: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """For each image which places along an axis lie in its interval."""
    first = torch.randint(0, length, (n, 1), generator=generator, device=device) - size // 2
    places = torch.arange(length, device=device)
    return (places >= first) & (places < first + size)


def _product(rows: Tensor, columns: Tensor) -> Tensor:
    return rows[:, :, None] & columns[:, None, :]


def _per_image(mask: Tensor, X: Tensor) -> Tensor:
    """Give a mask of shape (n_samples, height, width) the axes of the images."""
    return mask.view(len(X), *[1] * (X.ndim - 3), *mask.shape[1:])


def _check_images(augmentation: TensorAugmentation, X: Tensor) -> None:
    """Refuse what is no image, and images whose channels come last, which would be moved across their colours."""
    if X.ndim < 3 or (X.ndim == 4 and X.shape[-1] in _COLOURS and min(X.shape[1:3]) > max(_COLOURS)):
        raise augmentation._wrong(_IMAGES, X)
