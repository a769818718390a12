"""Direction-aware shrinking (DASH)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..._parameters import check_integer, check_number
from ..._warning import warn_caller
from ...modules import call, n_rows
from ...state import NetState
from .._base import InitPolicy
from .._context import PolicyContext
from .._phase import PhaseData
from .._registry import register
from ._finite import check_finite
from ._linear_tensors import linear_tensors

_ROWS_AT_ONCE = 4096
_NEARLY_ALL = 0.99


class PlainShrinkWarning(UserWarning):
    """Dash shrank nearly all groups of weights by the same factor, as ShrinkPerturb would.

    Examples
    --------
    >>> import warnings
    >>> from sk_warmstart.policies import PlainShrinkWarning
    >>> warnings.simplefilter("error", PlainShrinkWarning)  # to stop instead
    """


@register("dash")
class Dash(InitPolicy):
    """Shrink each group of weights by how far it points away from the direction of descent [1]_.

    A group ``w`` with its slice ``g`` of the descent direction is multiplied by
    ``min(max(cos(g, w), shrink), 1)``. Groups are the incoming weights of a unit of a linear layer, each
    (output, input) kernel of a convolution, and a whole bias vector. Normalisation layers, embeddings, buffers
    and what is frozen are left alone; a tensor that layers share is shrunk once. The gradient is taken in
    evaluation mode, as the authors do, on the phase's rows as they are.

    In wide groups hardly any cosine exceeds ``shrink``; then every group is shrunk by the same factor, which
    :class:`PlainShrinkWarning` says. The share of groups at the full factor is in ``notes["frac_clamped"]``,
    by tensor.

    Parameters
    ----------
    shrink : float, default=0.3
        The least factor, in [0, 1]. With 1 the start is the previous state, and no rows are needed.
    alpha : float, default=0.3
        Weight of a chunk in the moving average of gradients, in (0, 1]: the larger, the more the newest chunk
        counts.
    chunk_size : int, default=None
        Rows in a chunk, older chunks first: in the paper what arrived together. None makes one chunk of all
        rows, on which ``alpha`` has no say.

    Raises
    ------
    ValueError
        If a parameter is out of range, the rows of the phase are not known, or weights or gradients are not
        finite.

    Warns
    -----
    PlainShrinkWarning
        If nearly all groups of weights were shrunk by the full factor.

    References
    ----------
    .. [1] Shin et al., "DASH: Warm-Starting Neural Network Training in Stationary Settings without Loss of
       Plasticity", NeurIPS 2024, arXiv:2410.23495, Algorithm 1.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from sk_warmstart.policies import Dash, PolicyContext
    >>> from sk_warmstart.state import NetState
    >>> previous = NetState.from_module(nn.Linear(2, 1))
    >>> start = Dash(shrink=1).start(previous, previous, PolicyContext())
    >>> torch.equal(start["weight"], previous["weight"])
    True
    """

    def __init__(self, shrink: float = 0.3, alpha: float = 0.3, chunk_size: int | None = None):
        self.shrink = shrink
        self.alpha = alpha
        self.chunk_size = chunk_size

    def start(self, previous: NetState, fresh: NetState, context: PolicyContext) -> NetState:
        """Shrink by direction; see :meth:`InitPolicy.start`."""
        shrink = check_number("shrink of Dash", self.shrink, 0, 1)
        alpha = check_number("alpha of Dash", self.alpha, 0, 1, exclude="low")
        size = check_integer("chunk_size of Dash", self.chunk_size, optional=True)
        if shrink == 1:
            return previous.copy()
        weights, biases = (linear_tensors(context, previous, kind) for kind in ("weight", "bias"))
        names = {*weights, *biases}
        check_finite(self, {name: previous[name] for name in previous if name in names})
        descent = self._descent(previous, context, names, alpha, size)
        axes = {name: 1 if previous[name].ndim == 2 else 2 for name in weights}
        cosines = {name: _cosines(previous[name], g, axes.get(name, 0)) for name, g in descent.items()}
        clamped = {name: cosine <= shrink for name, cosine in cosines.items()}
        context.notes["frac_clamped"] = {name: float(mask.double().mean()) for name, mask in clamped.items()}
        _warn_if_uniform(shrink, [mask for name, mask in clamped.items() if name in weights])

        def rule(name: str, tensor: Tensor) -> Tensor:
            if name not in cosines:
                return tensor.clone()
            factor = cosines[name].clamp(shrink, 1).to(tensor)
            return tensor * factor.reshape(*factor.shape, *[1] * (tensor.ndim - factor.ndim))

        return previous.map(rule)

    def _descent(
        self, previous: NetState, context: PolicyContext, names: set[str], alpha: float, size: int
    ) -> dict[str, Tensor]:
        """The moving average of the negative gradients of the chunks, oldest first."""
        data, network = context.phase_data(), context.network(previous)
        parameters = {
            name: parameter
            for name, parameter in network.named_parameters(remove_duplicate=False)
            if name in names and parameter.requires_grad
        }
        average: dict[str, Tensor] = {}
        n = len(data.rows)
        for first in range(0, n, size or n):
            gradients = _gradients(network, parameters, data, range(first, min(first + (size or n), n)))
            # Not corrected for its beginning at zero: cosines know no scale.
            for name, gradient in gradients.items():
                average[name] = (1 - alpha) * average.get(name, torch.zeros_like(gradient)) - alpha * gradient
        check_finite(self, average, "gradients")
        return average


def _gradients(
    network: torch.nn.Module, parameters: Mapping[str, Tensor], data: PhaseData, rows: range
) -> dict[str, Tensor]:
    """Gradients of the mean loss over rows; what the loss does not depend on has none."""
    total: dict[str, Tensor] = {}
    if not parameters:
        return total
    step = _ROWS_AT_ONCE if data.at_once is None else min(_ROWS_AT_ONCE, data.at_once)
    for first in range(rows.start, rows.stop, step):
        X, y, weight = data.rows.batch(slice(first, min(first + step, rows.stop)))
        if y is None:
            raise ValueError("Dash follows the gradient of the loss: it needs targets")
        with torch.enable_grad():
            loss = data.loss(call(network, X), y, weight) * (n_rows(X) / len(rows))
            gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        for name, gradient in zip(parameters, gradients, strict=True):
            if gradient is not None:
                total[name] = total[name] + gradient if name in total else gradient
    return total


def _cosines(weight: Tensor, direction: Tensor, axis: int) -> Tensor:
    """Cosine of each group, whose entries begin at an axis; 0 where one side is all zero."""
    # In double precision: gradients of a fitted network may be far smaller than a float32 can square.
    w, g = (tensor.detach().cpu().double().flatten(axis) for tensor in (weight, direction))
    norms = w.norm(dim=-1) * g.norm(dim=-1)
    return torch.where(norms > 0, (w * g).sum(-1) / norms.where(norms > 0, 1.0), 0.0)


def _warn_if_uniform(shrink: float, clamped: list[Tensor]) -> None:
    """Warn where nearly all groups are shrunk by the full factor."""
    groups = torch.cat([mask.flatten() for mask in clamped]) if clamped else torch.zeros(1)
    share = float(groups.double().mean())
    if share >= _NEARLY_ALL:
        warn_caller(
            f"Dash shrank {share:.0%} of the groups of weights by its full factor {shrink:g}: this start is that "
            f"of ShrinkPerturb(shrink={shrink:g}, perturb=0, scope='no_norm', buffers='keep'), which needs no "
            "gradient",
            PlainShrinkWarning,
        )
