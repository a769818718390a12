"""Orthogonal factors of the weights (FIRE)."""

from __future__ import annotations

import torch
from torch import Tensor

from ..._compat._torch import Convolution
from ..._parameters import check_integer
from ...modules._structure import LinearMap
from ...state import NetState
from .._base import InitPolicy
from .._context import PolicyContext
from .._registry import register
from ._finite import check_finite
from ._linear_tensors import linear_tensors


@register("fire")
class Fire(InitPolicy):
    """Replace each weight matrix by its orthogonal factor, scaled [1]_.

    The orthogonal (polar) factor is the nearest matrix whose singular values are all 1: the directions that
    were learned stay, their unequal strengths go. It is multiplied by ``sqrt(outputs / inputs)``. A convolution
    has a matrix at each place of its kernel (and for each of its groups), which is also divided by the number of
    places. All linear and convolutional weights change, the head's too; biases, embeddings, normalisation
    layers and buffers stay. A tensor that layers share is changed once. No rows are needed.

    Parameters
    ----------
    n_iter : int, default=None
        Steps of the Newton-Schulz iteration, of which the authors take 10; None computes the exact factor by a
        singular value decomposition. Few steps leave small singular values, those of square matrices above all,
        below 1. A matrix of zeros stays one, except with None.

    Raises
    ------
    ValueError
        If ``n_iter`` is out of range, the structure is not known, or the weights are not finite.

    References
    ----------
    .. [1] Han et al., "FIRE", ICLR 2026, arXiv:2602.08040: the nearest orthogonal matrix in Frobenius norm, and
       its Newton-Schulz iteration.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from sk_warmstart.policies import Fire, PolicyContext
    >>> from sk_warmstart.state import NetState
    >>> net = nn.Linear(3, 12)
    >>> previous = NetState.from_module(net)
    >>> start = Fire().start(previous, previous, PolicyContext(module=net))
    >>> bool(torch.linalg.svdvals(start["weight"]).sub(2).abs().max() < 1e-5)
    True
    """

    def __init__(self, n_iter: int | None = None):
        self.n_iter = n_iter

    def start(self, previous: NetState, fresh: NetState, context: PolicyContext) -> NetState:
        """Orthogonalise; see :meth:`InitPolicy.start`."""
        n_iter = check_integer("n_iter of Fire", self.n_iter, optional=True)
        layers = linear_tensors(context, previous, "weight")
        check_finite(self, {name: previous[name] for name in layers})

        def rule(name: str, tensor: Tensor) -> Tensor:
            return _orthogonal(tensor, layers[name], n_iter) if name in layers else tensor.clone()

        return previous.map(rule)


def _orthogonal(weight: Tensor, layer: LinearMap, n_iter: int) -> Tensor:
    matrices = _matrices(weight, layer)
    # Decompositions are not made for half precision.
    wide = matrices.to(torch.promote_types(weight.dtype, torch.float32))
    factor = _newton_schulz(wide, n_iter) if n_iter else _exact(wide)
    n_out, n_in = matrices.shape[-2:]
    places = matrices.shape[1]
    return _weight(factor * ((n_out / n_in) ** 0.5 / places), layer, weight.shape)


def _matrices(weight: Tensor, layer: LinearMap) -> Tensor:
    """View a weight as (groups, places, outputs, inputs)."""
    groups = getattr(layer, "groups", 1)
    split = weight.reshape(groups, weight.shape[0] // groups, weight.shape[1], -1).movedim(-1, 1)
    return split.mT if _is_transposed(layer) else split


def _weight(matrices: Tensor, layer: LinearMap, shape: torch.Size) -> Tensor:
    split = matrices.mT if _is_transposed(layer) else matrices
    return split.movedim(1, -1).reshape(shape)


def _is_transposed(layer: LinearMap) -> bool:
    return isinstance(layer, Convolution) and layer.transposed


def _exact(matrices: Tensor) -> Tensor:
    U, _, Vh = torch.linalg.svd(matrices, full_matrices=False)
    return U @ Vh


def _newton_schulz(matrices: Tensor, n_iter: int) -> Tensor:
    wide = matrices.shape[-2] < matrices.shape[-1]
    X = matrices.mT if wide else matrices
    norm = torch.linalg.matrix_norm(X, keepdim=True)
    X = X / norm.where(norm > 0, 1.0)
    for _ in range(n_iter):
        X = 1.5 * X - 0.5 * X @ (X.mT @ X)
    return X.mT if wide else X
