"""The updates of SGD, Adam and AdamW on one flat vector, for one network or a pack with numbers of their own."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

KINDS: dict[type[torch.optim.Optimizer], str] = {
    torch.optim.SGD: "sgd",
    torch.optim.Adam: "adam",
    torch.optim.AdamW: "adamw",
}


class FlatUpdate:
    """Steps of one optimiser on a flat vector of parameters.

    Parameters
    ----------
    kind : {"sgd", "adam", "adamw"}
        Which one. SGD without dampening; Adam without amsgrad.
    parameters, gradient : Tensor of shape (n_parameters,) or (members, n_parameters)
        The vectors; ``parameters`` is changed in place.

    Attributes
    ----------
    moments : dict from str to Tensor
        What torch's optimiser keeps under these names, flat: ``exp_avg`` and ``exp_avg_sq``, or
        ``momentum_buffer`` (zeros before the first step, which gives what torch's absent one gives).
    numbers : dict
        ``lr``, ``weight_decay``, and ``betas`` and ``eps`` or ``momentum`` and ``nesterov``. For a pack each is a
        float or a tensor of float64 of shape (members, 1), ``betas`` a pair of them; ``nesterov`` is one for all.
    steps : float or Tensor of float64, shape (members, 1)
        Steps done.
    """

    def __init__(self, kind: str, parameters: Tensor, gradient: Tensor):
        self.kind, self.parameters, self.gradient = kind, parameters, gradient
        names = ("momentum_buffer",) if kind == "sgd" else ("exp_avg", "exp_avg_sq")
        self.moments = {name: torch.zeros_like(parameters) for name in names}
        self._scratch = torch.zeros_like(parameters)
        self._rows: list[Any] | None = None
        self.numbers: dict[str, Any] = {}
        self.steps: Any = 0.0

    def set_numbers(self, numbers: Mapping[str, Any]) -> None:
        """Take over the numbers of the next steps; other keys of a torch parameter group are ignored."""
        names = ("momentum", "nesterov") if self.kind == "sgd" else ("betas", "eps")
        self.numbers = {name: numbers[name] for name in ("lr", "weight_decay", *names)}

    def fused_steps(self, n_steps: int) -> list[Tensor]:
        """Return the counters that the next ``n_steps`` calls of :meth:`fused_step` take."""
        count = torch.arange(1, n_steps + 1, dtype=torch.float32, device=self.parameters.device)
        return list((count + self.steps).unbind())

    def fused_step(self, counter: Tensor) -> None:
        """Take one step with torch's fused kernel; one network only. The caller counts ``steps``.

        Parameters
        ----------
        counter : Tensor
            From :meth:`fused_steps`.
        """
        numbers = self.numbers
        if self.kind == "sgd":
            torch._fused_sgd_(
                [self.parameters],
                [self.gradient],
                [self.moments["momentum_buffer"]] if numbers["momentum"] else [],
                weight_decay=numbers["weight_decay"],
                momentum=numbers["momentum"],
                lr=numbers["lr"],
                dampening=0.0,
                nesterov=numbers["nesterov"],
                maximize=False,
                is_first_step=False,
            )
            return
        kernel = torch._fused_adam_ if self.kind == "adam" else torch._fused_adamw_
        kernel(
            [self.parameters],
            [self.gradient],
            [self.moments["exp_avg"]],
            [self.moments["exp_avg_sq"]],
            [],
            [counter],
            lr=numbers["lr"],
            beta1=numbers["betas"][0],
            beta2=numbers["betas"][1],
            weight_decay=numbers["weight_decay"],
            eps=numbers["eps"],
            amsgrad=False,
            maximize=False,
        )

    def row_groups(self, alike: Sequence[Hashable]) -> list[tuple[list[int], dict[str, Any]]]:
        """Return the members of a pack by what :meth:`fused_rows` can take at once: equal numbers and steps.

        Parameters
        ----------
        alike : sequence, one a member
            Members with equal values here rest and move together.

        Returns
        -------
        list of (list of int, dict)
            Which members, and their numbers.
        """
        n_members = len(self.parameters)

        def of(value: Any, i: int) -> Any:
            if isinstance(value, tuple):
                return tuple(of(part, i) for part in value)
            return float(value[i, 0]) if isinstance(value, Tensor) else value

        groups: dict[Any, list[int]] = {}
        for i in range(n_members):
            numbers = tuple((name, of(value, i)) for name, value in self.numbers.items())
            key = (numbers, float(of(self.steps, i)), alike[i])
            groups.setdefault(key, []).append(i)
        return [(rows, {**dict(numbers), "step": step}) for (numbers, step, _), rows in groups.items()]

    @torch.inference_mode()
    def fused_rows(self, groups: list[tuple[list[int], dict[str, Any]]], active: Tensor | None = None) -> None:
        """Take one step of Adam or AdamW with torch's fused kernels, each member by its own numbers.

        Parameters
        ----------
        groups : list
            From :meth:`row_groups`, after the last change of numbers; their steps are counted up.
        active : Tensor of shape (members, 1), default=None
            As of :meth:`step`.
        """
        kernel: Any = torch._fused_adam_ if self.kind == "adam" else torch._fused_adamw_
        if self._rows is None:
            self._rows = [t.unbind() for t in (self.parameters, *self.moments.values())]
        parameters, *moments = self._rows
        tensors = [parameters, self.gradient.unbind(), *moments]
        moving = None if active is None else (active > 0).flatten().tolist()
        for rows, numbers in groups:
            chosen = rows if moving is None else [i for i in rows if moving[i]]
            if not chosen:
                continue
            numbers["step"] += 1
            counter = torch.tensor(numbers["step"], dtype=torch.float32, device=self.parameters.device)
            kernel(
                *([part[i] for i in chosen] for part in tensors),
                [],
                [counter] * len(chosen),
                lr=numbers["lr"],
                beta1=numbers["betas"][0],
                beta2=numbers["betas"][1],
                weight_decay=numbers["weight_decay"],
                eps=numbers["eps"],
                amsgrad=False,
                maximize=False,
            )
        self.steps = self.steps + (1.0 if active is None else active)

    def step(self, active: Tensor | None = None) -> None:
        """Take one step, each member by its own numbers.

        Parameters
        ----------
        active : Tensor of float64, shape (members, 1), default=None
            1 for members that take the step, 0 for those that rest: neither their parameters nor their moments
            nor their counter change.
        """
        if self.kind == "sgd":
            self._sgd(active)
        else:
            self._adam(active)

    def _sgd(self, active: Tensor | None) -> None:
        numbers, scratch = self.numbers, self._scratch
        lr, momentum, decay = numbers["lr"], numbers["momentum"], numbers["weight_decay"]
        kept = momentum
        if active is not None:
            lr = lr * active
            kept = momentum * active + (1 - active)
        torch.mul(self.parameters, _like(decay, scratch), out=scratch).add_(self.gradient)
        if isinstance(momentum, Tensor) or momentum:
            buffer = self.moments["momentum_buffer"]
            if active is not None:
                scratch.mul_(_like(active, scratch))
            buffer.mul_(_like(kept, scratch)).add_(scratch)
            if numbers["nesterov"]:
                scratch.add_(buffer * _like(momentum, scratch))
            else:
                scratch.copy_(buffer)
        self.parameters.sub_(scratch.mul_(_like(lr, scratch)))
        self.steps = self.steps + (1.0 if active is None else active)

    def _adam(self, active: Tensor | None) -> None:
        numbers, scratch = self.numbers, self._scratch
        lr, decay, (beta1, beta2) = numbers["lr"], numbers["weight_decay"], numbers["betas"]
        self.steps = self.steps + (1.0 if active is None else active)
        steps = self.steps.clamp(min=1) if isinstance(self.steps, Tensor) else self.steps
        unbiased1, unbiased2 = 1 - beta1**steps, 1 - beta2**steps
        gained1, gained2, kept2 = 1 - beta1, 1 - beta2, beta2
        if active is not None:
            lr, gained1, gained2 = lr * active, gained1 * active, gained2 * active
            kept2 = beta2 * active + (1 - active)  # in double precision, which torch.where would lose
        gradient = self.gradient
        if self.kind == "adamw":
            self.parameters.mul_(_like(1 - lr * decay, scratch))
        else:
            gradient = torch.mul(self.parameters, _like(decay, scratch)).add_(gradient)
        first, second = self.moments["exp_avg"], self.moments["exp_avg_sq"]
        first.lerp_(gradient, _like(gained1, scratch))
        torch.mul(gradient, gradient, out=scratch).mul_(_like(gained2, scratch))
        second.mul_(_like(kept2, scratch)).add_(scratch)
        torch.sqrt(second, out=scratch).div_(_like(unbiased2**0.5, scratch)).add_(_like(numbers["eps"], scratch))
        torch.div(first, scratch, out=scratch).mul_(_like(lr / unbiased1, scratch))
        self.parameters.sub_(scratch)


def _like(value: Any, other: Tensor) -> Any:
    """A member's number, derived in double precision, in the dtype of what it is used on."""
    return value.to(other.dtype) if isinstance(value, Tensor) else value
