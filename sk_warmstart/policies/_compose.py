"""Composition of policies, one after another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Self

from .._compat._sklearn import OwnParamsInDiagram
from .._warning import warn_renamed
from ..state import NetState
from ._base import InitPolicy
from ._context import PolicyContext
from ._nesting import donors_of, nested_policies
from ._registry import resolve_policy

Step = str | InitPolicy | tuple[str, str | InitPolicy]


class Compose(OwnParamsInDiagram, InitPolicy):
    """Apply policies in order, each to the start that the one before it made.

    Parameters of the policies can be searched as ``name__parameter``, where the name is the one given, the
    policy's own if it was given by name, or its class's in lower case; the second of a name is ``name_2``.
    The notes of all are kept; where two note the same, the later one's is under ``name__note``. Donors that
    they bring (``sources`` of :class:`BestOf`) are used.

    Parameters
    ----------
    steps : sequence of str, InitPolicy or (str, policy)
        The policies, by name or as objects, or with a name of your own.
    policies : sequence
        Old name of ``steps``.

        .. deprecated:: 0.2

    Examples
    --------
    >>> from sk_warmstart.policies import Compose, ResetLayers, ShrinkPerturb
    >>> policy = Compose([("shrink", ShrinkPerturb(0.8, 0.0, buffers="keep")), "reset_layers"])
    >>> policy.set_params(shrink__shrink=0.5).get_params()["shrink__shrink"]
    0.5
    """

    def __init__(self, steps: Sequence[Step] = (), policies: Sequence[Step] | str = "deprecated"):
        self.steps = steps
        self.policies = policies

    def start(self, previous: NetState, fresh: NetState, context: PolicyContext) -> NetState:
        """Apply the policies; see :meth:`InitPolicy.start`."""
        if not self._is_new():
            warn_renamed("the parameter policies of Compose", "steps")
        state = previous
        for step in nested_policies(self._named()):
            state, notes = step.start(state, fresh, context)
            if "source" in notes:  # the last choice of a donor is the one that counts
                context.notes["source"] = notes.pop("source")
            for key, note in notes.items():
                context.notes[f"{step.name}__{key}" if key in context.notes else key] = note
        return previous.copy() if state is previous else state

    def donors(self) -> list[Any]:
        """Return the donors that the policies bring."""
        return donors_of(nested_policies(self._named()))

    def keeps_previous(self) -> bool:
        """Return False if one of the policies forgets everything."""
        return all(step.policy.keeps_previous() for step in nested_policies(self._named()))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, by default with those of the policies.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the policies by their names, and their parameters.

        Returns
        -------
        dict
            Parameters by name.
        """
        params: dict[str, Any] = {"steps": self.steps}
        if not self._is_new():
            params["policies"] = self.policies
        for name, policy in self._named() if deep else []:
            params[name] = policy
            if isinstance(policy, str):
                policy = resolve_policy(policy)
            if hasattr(policy, "get_params"):
                params.update({f"{name}__{key}": value for key, value in policy.get_params().items()})
        return params

    def set_params(self, **params: Any) -> Self:
        """Set the policies, one of them by its name, or a parameter of one of them.

        Parameters
        ----------
        **params
            Parameters by name. A policy given by name becomes an object when a parameter of it is set.

        Returns
        -------
        Compose
            This policy.

        Raises
        ------
        ValueError
            If there is no such parameter.
        """
        for key in {"steps", "policies"} & set(params):
            setattr(self, key, params.pop(key))
        nested: dict[str, dict[str, Any]] = {}
        for key, value in params.items():
            name, _, parameter = key.partition("__")
            nested.setdefault(name, {})[parameter] = value
        steps, named = list(self._given()), self._named()
        places = {name: i for i, (name, _) in enumerate(named)}
        for name, values in nested.items():
            if name not in places:
                raise ValueError(f"Invalid parameter {name!r} for {type(self).__name__}. It has {list(places)}.")
            policy = resolve_policy(values.pop("", named[places[name]][1]), **values)
            # The name stays, also where it came from what is replaced.
            steps[places[name]] = (name, policy)
        if nested:
            setattr(self, "steps" if self._is_new() else "policies", steps)
        return self

    def _is_new(self) -> bool:
        return isinstance(self.policies, str) and self.policies == "deprecated"

    def _given(self) -> Sequence[Step]:
        return self.steps if self._is_new() else self.policies

    def _named(self) -> list[tuple[str, Any]]:
        given = self._given()
        if isinstance(given, str) or not hasattr(given, "__iter__"):
            raise ValueError(f"steps of Compose must be a list of policies, got {given!r}")
        seen: Counter[str] = Counter()
        named = []
        for step in given:
            name, policy = step if isinstance(step, tuple) else (_name_of(step), step)
            seen[name] += 1
            named.append((name if seen[name] == 1 else f"{name}_{seen[name]}", policy))
        return named


def _name_of(policy: str | InitPolicy) -> str:
    return policy if isinstance(policy, str) else type(policy).__name__.lower()
