"""Shrink and perturb, and interpolation between warm and cold."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..._parameters import check_number, check_option
from ..._warning import warn_renamed
from ...state import NetState
from .._base import InitPolicy
from .._context import PolicyContext
from .._registry import register


@register("shrink_perturb")
class ShrinkPerturb(InitPolicy):
    """Start from ``shrink * previous + perturb * noise`` [1]_.

    At least five rules go by this name; the fields tell them apart. The defaults are the authors' code: a
    fresh network as noise, every parameter, buffers from the fresh network. With ``noise="gaussian"``,
    ``scope="no_norm"`` and ``buffers="keep"`` it is the variant used as a baseline in [2]_; with
    ``noise="original"``, ``shrink = 1 - c``, ``perturb = c`` and ``buffers="keep"`` the one in [3]_.

    Parameters
    ----------
    shrink : float, default=0.4
        Factor of the previous values, at least 0.
    perturb : float, default=0.1
        Factor of the noise, at least 0; its standard deviation where the noise is Gaussian.
    noise : {"fresh", "original", "gaussian"}, default="fresh"
        A new draw of the network, the draw that this lineage first started from, or standard normal numbers.
    scope : {"all", "no_norm"}, default="all"
        Change every parameter, or leave normalisation layers as they are. (``"weights"`` is an old name of
        ``"no_norm"``.)
    buffers : {"keep", "fresh"}, default="fresh"
        Where running statistics come from.

    References
    ----------
    .. [1] Ash and Adams, "On Warm-Starting Neural Network Training", NeurIPS 2020, arXiv:1910.08475.
    .. [2] Shin et al., "DASH", NeurIPS 2024, arXiv:2410.23495.
    .. [3] Lee et al., "Slow and Steady Wins the Race", ICML 2024, arXiv:2406.02596.

    Examples
    --------
    >>> from sk_warmstart import WarmStartClassifier
    >>> from sk_warmstart.policies import ShrinkPerturb
    >>> estimator = WarmStartClassifier(warm_start=True, init_policy=ShrinkPerturb(shrink=0.5))
    >>> estimator.get_params()["init_policy__shrink"]
    0.5
    """

    def __init__(
        self,
        shrink: float = 0.4,
        perturb: float = 0.1,
        noise: str = "fresh",
        scope: str = "all",
        buffers: str = "fresh",
    ):
        self.shrink = shrink
        self.perturb = perturb
        self.noise = noise
        self.scope = scope
        self.buffers = buffers

    def start(self, previous: NetState, fresh: NetState, context: PolicyContext) -> NetState:
        """Shrink and perturb; see :meth:`InitPolicy.start`."""
        shrink = check_number("shrink of ShrinkPerturb", self.shrink, 0)
        perturb = check_number("perturb of ShrinkPerturb", self.perturb, 0)
        noise = check_option("noise of ShrinkPerturb", self.noise, ["fresh", "original", "gaussian"])
        spared: set[str] = set()
        scope = self.scope
        if isinstance(scope, str) and scope == "weights":
            warn_renamed("scope='weights' of ShrinkPerturb", "'no_norm'")
            scope = "no_norm"
        if check_option("scope of ShrinkPerturb", scope, ["all", "no_norm"]) == "no_norm":
            spared = context.normalisation_tensors()
        fresh_buffers = check_option("buffers of ShrinkPerturb", self.buffers, ["keep", "fresh"]) == "fresh"
        if noise == "original" and context.original is None:
            raise ValueError("noise='original' needs the weights that the lineage first started from")

        def rule(name: str, tensor: Tensor) -> Tensor:
            if not previous.is_parameter(name):
                return (fresh[name] if fresh_buffers else tensor).clone()
            if name in spared:
                return tensor.clone()
            drawn = _noise(noise, name, tensor, fresh, context)
            return tensor * shrink + drawn * perturb

        return previous.map(rule)

    def keeps_previous(self) -> bool:
        """Return False where nothing of the previous state and no noise but the fresh draw is left."""
        settings = (self.shrink, self.perturb, self.noise, self.scope, self.buffers)
        return settings != (0, 1, "fresh", "all", "fresh")


@register("interpolate")
class Interpolate(InitPolicy):
    """Start on the straight line from warm (``fresh_share=0``) to cold (``fresh_share=1``).

    Parameters
    ----------
    fresh_share : float, default=0.2
        Share of the fresh draw, in [0, 1]. Running statistics lie on the same line; counters are kept
        unless it is 1.
    c : float
        Old name of ``fresh_share``.

        .. deprecated:: 0.2

    Examples
    --------
    >>> from sk_warmstart.policies import Interpolate
    >>> Interpolate(fresh_share=1).keeps_previous()
    False
    """

    def __init__(self, fresh_share: float = 0.2, c: float | str = "deprecated"):
        self.fresh_share = fresh_share
        self.c = c

    def start(self, previous: NetState, fresh: NetState, context: PolicyContext) -> NetState:
        """Interpolate; see :meth:`InitPolicy.start`."""
        name, value = self._fresh_share()
        share = check_number(f"{name} of Interpolate", value, 0, 1)
        if share == 1:
            return fresh.copy()

        def rule(name: str, tensor: Tensor) -> Tensor:
            if not tensor.is_floating_point():
                return tensor.clone()
            return tensor * (1 - share) + fresh[name] * share

        return previous.map(rule)

    def keeps_previous(self) -> bool:
        """Return False at the cold end."""
        return self._fresh_share()[1] != 1

    def _fresh_share(self) -> tuple[str, Any]:
        """Return the share, and the name by which it was given."""
        if isinstance(self.c, str) and self.c == "deprecated":
            return "fresh_share", self.fresh_share
        warn_renamed("the parameter c of Interpolate", "fresh_share")
        return "c", self.c


def _noise(kind: str, name: str, tensor: Tensor, fresh: NetState, context: PolicyContext) -> Tensor:
    if kind == "fresh":
        return fresh[name]
    if kind == "original":
        assert context.original is not None
        return context.original[name].to(tensor)
    drawn = torch.randn(tensor.shape, generator=context.generator, dtype=torch.float64)
    return drawn.to(tensor)
