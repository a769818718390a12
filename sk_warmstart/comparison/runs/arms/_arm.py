"""Arms of a comparison: one start policy each, on the same estimator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from inspect import isfunction
from typing import Any

from sklearn.model_selection import ParameterGrid

from ....estimators import WarmStartMixin
from ....policies._adapter import policy_label
from ..._names import INCUMBENT, REFERENCE
from .._estimators import last_step
from ..others._arms import start_of
from ..others._continue import Continuation
from ._params import resolve_params, split_start, starts_cold


@dataclass(frozen=True)
class Option:
    """One way to train an arm: parameters of the last step and of the steps before; tuned ones in words.

    ``how`` is how an estimator of another library continues.
    """

    params: dict[str, Any] = field(default_factory=dict)
    steps: dict[str, Any] = field(default_factory=dict)
    words: str = ""
    how: Continuation = field(default_factory=Continuation)


@dataclass(frozen=True)
class Arm:
    """One side of the comparison: what is tried in each phase, and whether it starts cold.

    ``from_baseline`` says that it starts from the fit of the first phase, not from its own in the phase before.
    """

    name: str
    options: tuple[Option, ...]
    cold: bool
    from_baseline: bool = False


def make_arms(
    policies: Iterable[Any] | Mapping[str, Any], estimator: Any, tune: Mapping[str, Any] | None = None
) -> list[Arm]:
    """Turn the user's policies into arms, the cold one first, or raise a ValueError that names what is wrong.

    A value of a mapping is a policy (a name or an object), or a dict for the estimator's ``set_params``, in which
    ``start_from`` says whether each phase starts from the one before or from the first (``"baseline"``).
    """
    if isinstance(policies, str):
        raise ValueError(f"policies must be several policies, as in ('cold', {policies!r})")
    if not hasattr(policies, "__iter__"):
        raise ValueError(f"policies must be several policies, as in ('cold', 'warm'), got {policies!r}")
    if isinstance(policies, Mapping):
        pairs = list(policies.items())
    else:
        pairs = [(_name_of(each), each) for each in policies]
    names = [name for name, _ in pairs]
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"the names of arms must be text, got {names}")
    odd = [name for name in names if not name.isprintable() or name != name.strip() or not name]
    if odd:
        raise ValueError(
            f"policies: {odd[0]!r} is no name of an arm: it needs letters that can be printed in a line, and no "
            "blanks around them"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"policies holds {twice[0]!r} twice: give the arms names of their own in a dict")
    if REFERENCE not in names:
        raise ValueError(f"policies must hold {REFERENCE!r}, which the others are compared with; got {names}")
    if INCUMBENT in names:
        raise ValueError(f"no policy can be called {INCUMBENT!r}: pass the model in use as incumbent=")
    grids = _grids(tune, names)
    arms = [_arm(name, value, estimator, grids.get(name, [])) for name, value in pairs]
    if not arms[names.index(REFERENCE)].cold:
        raise ValueError(f"the arm {REFERENCE!r} is the reference and must start cold: give yours another name")
    if len(arms) < 2:
        raise ValueError("policies must hold at least one policy beside 'cold'")
    return sorted(arms, key=lambda arm: arm.name != REFERENCE)


def _name_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    return value.__name__ if isfunction(value) else " ".join(policy_label(value).split())


def _grids(tune: Mapping[str, Any] | None, names: list[str]) -> dict[str, list[dict[str, Any]]]:
    if tune is None:
        return {}
    if not isinstance(tune, Mapping):
        raise ValueError(
            "tune must map an arm to a parameter grid, as in {'dash': {'init_policy__shrink': [0.1, 0.3]}}"
        )
    unknown = [name for name in tune if name not in names]
    if unknown:
        raise ValueError(f"tune knows no arm {unknown[0]!r}; the arms are {names}")
    grids = {}
    for name, grid in tune.items():
        try:
            grids[name] = list(ParameterGrid(grid))
        except (TypeError, ValueError) as error:
            raise ValueError(f"tune of the arm {name!r}: {error}") from None
    return grids


def _arm(name: str, value: Any, estimator: Any, grid: list[dict[str, Any]]) -> Arm:
    if not isinstance(last_step(estimator), WarmStartMixin):
        return _arm_of_another_library(name, value, estimator, grid)
    from_baseline, given = split_start(name, value)
    if any("start_from" in chosen for chosen in grid):
        raise ValueError(f"tune of the arm {name!r} cannot choose start_from: make them two arms")
    options = tuple(
        Option(
            *resolve_params(name, {**given, **chosen}, estimator),
            words=", ".join(f"{key}={tuned!r}" for key, tuned in chosen.items()),
        )
        for chosen in grid or [{}]
    )
    if from_baseline and any(option.params.get("warm_start_from") is not None for option in options):
        raise ValueError(
            f"policies, the arm {name!r}: start_from='baseline' and warm_start_from name two starts: leave one out"
        )
    cold = {starts_cold(option.params) for option in options}
    if len(cold) > 1:
        raise ValueError(f"tune mixes cold and warm starts in the arm {name!r}: make them two arms")
    return Arm(name, options, cold.pop(), from_baseline)


def _arm_of_another_library(name: str, value: Any, estimator: Any, grid: list[dict[str, Any]]) -> Arm:
    last = last_step(estimator)
    if grid:
        raise ValueError(
            f"tune of the arm {name!r}: {type(last).__name__} keeps no validation scores to choose by, so tune "
            "takes no parameters of it: make each setting an arm of its own"
        )
    from_baseline = False
    if isinstance(value, str | Mapping):
        from_baseline, value = split_start(name, value)
    start = start_of(name, value, last, estimator)
    option = Option(start.params, start.steps, how=start.how)
    return Arm(name, (option,), cold=start.cold, from_baseline=from_baseline)
