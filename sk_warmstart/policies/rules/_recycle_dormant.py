"""Recycling of dormant units (ReDo)."""

from __future__ import annotations

import torch
from torch import Tensor

from ..._parameters import check_number
from ...diagnostics.network._dormant import relative_activity
from ...modules import call
from ...modules._hidden_units import HiddenLayer, hidden_layers
from ...modules._tracing import Call, hooked
from ...state import NetState
from .._base import InitPolicy
from .._context import PolicyContext
from .._phase import PhaseData
from .._registry import register
from ._finite import check_finite

_ROWS_AT_ONCE = 1024
_PROBE_ROWS = 8


@register("recycle_dormant")
class RecycleDormant(InitPolicy):
    """Redraw the units that hardly react to the phase's rows; the rest is kept [1]_.

    A hidden unit (a channel of a convolution) is dormant if its mean absolute activation, divided by the mean
    of its layer, is at most ``tau``. It gets incoming weights and a bias of the fresh draw, and its outgoing
    weights become zero. With ``tau=0`` and a ReLU network the outputs on the phase's rows do not change.

    What a unit puts out is measured where the next layer reads it: after activation, normalisation and pooling,
    over all training rows and places. The entries that batch normalisation in between has for the unit (weight,
    bias, running statistics) come from the fresh draw too, else they could keep it silent. The outputs of the
    network are never recycled, nor are units whose replacement would disturb others: those that layer or group
    normalisation mixes, those that a skip connection adds to, and layers that are called several times or share
    their weight. In a residual block this leaves the first convolution, as in the paper.

    ``notes["recycled"]`` has the places of the recycled units for each layer that was examined. With
    ``optimizer_state="mask"`` their moments are forgotten with the numbers. An outgoing weight that was exactly
    zero before counts as unchanged there: a silent unit gave it no gradient either.

    Parameters
    ----------
    tau : float, default=0.0
        Greatest relative activation of a dormant unit, at least 0. In the paper 0.1 for reinforcement learning.

    Raises
    ------
    ValueError
        If ``tau`` is out of range, structure or rows are not known, or weights or activations are not finite.

    References
    ----------
    .. [1] Sokar et al., "The Dormant Neuron Phenomenon in Deep Reinforcement Learning", ICML 2023,
       arXiv:2302.12902, Algorithm 1 (ReDo), here once and at the start.

    Examples
    --------
    >>> from sk_warmstart import WarmStartClassifier
    >>> from sk_warmstart.policies import RecycleDormant
    >>> estimator = WarmStartClassifier(warm_start=True, init_policy=RecycleDormant(tau=0.1))
    """

    def __init__(self, tau: float = 0.0):
        self.tau = tau

    def start(self, previous: NetState, fresh: NetState, context: PolicyContext) -> NetState:
        """Recycle; see :meth:`InitPolicy.start`."""
        tau = check_number("tau of RecycleDormant", self.tau, 0)
        check_finite(self, {name: previous[name] for name in previous if previous.is_parameter(name)})
        data = context.phase_data()
        layers = hidden_layers(context.network(fresh), data.sample(_PROBE_ROWS)[0])
        activity = _mean_activity(context.network(previous), layers, data)
        check_finite(self, activity, "activations")
        redrawn: dict[str, Tensor] = {}
        unread: dict[str, Tensor] = {}
        recycled = {}
        for hidden in layers:
            units = (relative_activity(activity[hidden.name]) <= tau).to(hidden.layer.weight.device)
            recycled[hidden.name] = units.nonzero().flatten().tolist()
            redrawn.update(hidden.incoming(units))
            for name, mask in hidden.outgoing(units).items():
                unread[name] = mask
        context.notes["recycled"] = recycled

        def rule(name: str, tensor: Tensor) -> Tensor:
            if name in redrawn:
                tensor = torch.where(redrawn[name].to(tensor.device), fresh[name], tensor)
            # Last: also a fresh unit does not read another fresh one.
            return tensor.masked_fill(unread[name].to(tensor.device), 0) if name in unread else tensor.clone()

        return previous.map(rule)


def _mean_activity(network: torch.nn.Module, layers: list[HiddenLayer], data: PhaseData) -> dict[str, Tensor]:
    """Mean absolute activation of each unit, as the first of its readers is given it."""
    read = {next(iter(hidden.readers)): hidden for hidden in layers}
    total: dict[str, Tensor] = {}
    places: dict[str, int] = {}

    def note(call: Call) -> None:
        hidden = read[call.name]
        sums = hidden.activity(call.name, call.given)
        total[hidden.name] = total[hidden.name] + sums if hidden.name in total else sums
        places[hidden.name] = places.get(hidden.name, 0) + call.given.numel() // hidden.width

    with torch.no_grad(), hooked(network, set(read), after=note):
        for X, _, _ in data.batches(_ROWS_AT_ONCE):
            call(network, X)
    return {name: sums / places[name] for name, sums in total.items()}
