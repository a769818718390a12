"""Updates of SGD, Adam and AdamW by torch's fused kernels: of tensors, one flat vector, or a pack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..._compat._torch import fused_adam, fused_adamw, fused_sgd

KINDS: dict[type[torch.optim.Optimizer], str] = {
    torch.optim.SGD: "sgd",
    torch.optim.Adam: "adam",
    torch.optim.AdamW: "adamw",
}
# Numbers, and of members that have them in common: where they are, their parameters, and their moments by name.
_Runs = tuple[dict[str, Any], list[slice], list[Tensor], list[list[Tensor]]]
_ADAM = ("exp_avg", "exp_avg_sq")
# What torch's optimisers remember of a parameter, by kind.
MOMENTS: dict[str, tuple[str, ...]] = {"sgd": ("momentum_buffer",), "adam": _ADAM, "adamw": _ADAM}


def fused_update(
    kind: str,
    numbers: Mapping[str, Any],
    parameters: Sequence[Tensor],
    gradients: Sequence[Tensor],
    moments: Sequence[Sequence[Tensor]],
    counters: Sequence[Tensor],
) -> None:
    """Take one step in place with a fused kernel of torch, without what an optimiser's ``step`` does around it.

    ``counters`` tell Adam which step this is, from 1. No dampening, amsgrad and maximize.
    """
    if kind == "sgd":
        fused_sgd(
            parameters,
            gradients,
            moments[0] if numbers["momentum"] else [],
            weight_decay=numbers["weight_decay"],
            momentum=numbers["momentum"],
            lr=numbers["lr"],
            dampening=0.0,
            nesterov=numbers["nesterov"],
            maximize=False,
            is_first_step=False,
        )
        return
    kernel = fused_adam if kind == "adam" else fused_adamw
    kernel(
        parameters,
        gradients,
        *moments,
        [],
        counters,
        lr=numbers["lr"],
        beta1=numbers["betas"][0],
        beta2=numbers["betas"][1],
        weight_decay=numbers["weight_decay"],
        eps=numbers["eps"],
        amsgrad=False,
        maximize=False,
    )


class FlatUpdate:
    """Steps of one optimiser on a flat vector of parameters, or of many on the rows of a pack.

    ``moments`` are what torch's optimiser keeps under these names; ``momentum_buffer`` is zero before the first
    step, which gives what torch's absent one gives. ``numbers`` are those of a parameter group, ``steps`` how many
    are done: one, or one a member.
    """

    def __init__(
        self, kind: str, parameters: Tensor, gradient: Tensor, moments: Mapping[str, Tensor] | None = None
    ):
        self.kind, self.parameters, self.gradient = kind, parameters, gradient
        self.moments = moments or {name: torch.zeros_like(parameters) for name in MOMENTS[kind]}
        self.numbers: Any = {}
        self.steps: Any = 0.0 if parameters.ndim == 1 else np.zeros(len(parameters))
        self._groups: list[tuple[dict[str, Any], list[int]]] = []
        self._runs: list[_Runs] | None = None
        self._moving: Sequence[bool] | None = None

    def set_numbers(self, numbers: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
        """Take over the numbers of the next steps; other keys of a torch parameter group are ignored."""
        if isinstance(numbers, Mapping):
            self.numbers = self._chosen(numbers)
            return
        self.numbers = [self._chosen(each) for each in numbers]
        groups: dict[Any, list[int]] = {}
        for i, each in enumerate(self.numbers):
            groups.setdefault(tuple(each.items()), []).append(i)
        self._groups = [(dict(key), rows) for key, rows in groups.items()]
        self._runs = None

    def fused_steps(self, n_steps: int, done: int = 0) -> list[Tensor]:
        """Return the counters that ``n_steps`` calls of :meth:`fused_step` take, ``done`` calls from now."""
        count = torch.arange(done + 1, done + n_steps + 1, dtype=torch.float32, device=self.parameters.device)
        return list((count + self.steps).unbind())

    def fused_step(self, counter: Tensor) -> None:
        """Take one step, by a counter of :meth:`fused_steps`; one network only. The caller counts ``steps``."""
        moments = [[moment] for moment in self.moments.values()]
        fused_update(self.kind, self.numbers, [self.parameters], [self.gradient], moments, [counter])

    @torch.no_grad()
    def step(self, moving: Sequence[bool] | None = None) -> None:
        """Take one step of a pack, each member by its own numbers; those not ``moving`` stay as they are."""
        if self._runs is None or moving != self._moving:
            self._runs, self._moving = self._find_runs(moving), moving
        self.steps += 1 if moving is None else np.asarray(moving)  # in place: others look at them too
        device, counters = self.parameters.device, {}
        for numbers, spans, parameters, moments in self._runs:
            steps = [float(self.steps[span.start]) for span in spans]
            for each in steps:
                if each not in counters:
                    counters[each] = torch.tensor(each, dtype=torch.float32, device=device)
            gradients = [self.gradient[span] for span in spans]
            fused_update(self.kind, numbers, parameters, gradients, moments, [counters[each] for each in steps])

    def _find_runs(self, moving: Sequence[bool] | None) -> list[_Runs]:
        """Neighbours that have numbers and steps in common go through a kernel as one tensor."""
        runs = []
        for numbers, rows in self._groups:
            spans: list[slice] = []
            for i in rows if moving is None else [i for i in rows if moving[i]]:
                first = spans[-1].start if spans and spans[-1].stop == i else None
                if first is not None and self.steps[first] == self.steps[i]:
                    spans[-1] = slice(first, i + 1)
                else:
                    spans.append(slice(i, i + 1))
            if spans:
                parameters = [self.parameters[span] for span in spans]
                moments = [[moment[span] for span in spans] for moment in self.moments.values()]
                runs.append((numbers, spans, parameters, moments))
        return runs

    def _chosen(self, numbers: Mapping[str, Any]) -> dict[str, Any]:
        names = ("momentum", "nesterov") if self.kind == "sgd" else ("betas", "eps")
        return {name: numbers[name] for name in ("lr", "weight_decay", *names)}
