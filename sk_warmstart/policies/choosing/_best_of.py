"""Try several starts for a moment, and take the one that does best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..._parameters import check_integer
from ...state import NetState
from .._base import InitPolicy
from .._context import PolicyContext
from .._nesting import check_policies, donors_of, nested_policies
from .._race import Merit
from .._registry import register


@register("best_of")
class BestOf(InitPolicy):
    """Race policies, or donors, for a few epochs, and start as the winner starts.

    Every candidate trains ``n_epochs`` epochs from its start; the better half goes on for twice as many, until
    one is left (successive halving). They are compared on validation rows, or, where the fit has none, on a
    fifth of its rows that is held out during the race, if possible among those that no donor has seen. What was
    trained in the race is not kept: the winner begins again from its start. Cold starts need more epochs than a
    short race gives them, so a race is no proof that warm is better; that is what the comparator is for.

    Parameters
    ----------
    policies : sequence of str or InitPolicy, default=("cold", "warm", "shrink_perturb")
        The candidates. Each but those that keep nothing races once for each donor.
    sources : sequence, default=None
        Further donors, as ``warm_start_from`` takes them; with no donor of its own the estimator starts from one
        of these.
    n_epochs : int, default=1
        Epochs of the first round.

    Raises
    ------
    ValueError
        If there are no candidates, the rows are not known as tensors, or all candidates fail.

    References
    ----------
    Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS
    2016, algorithm 1 (successive halving).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_warmstart import WarmStartClassifier
    >>> from sk_warmstart.policies import BestOf
    >>> X, y = load_iris(return_X_y=True)
    >>> race = BestOf(["cold", "warm"])
    >>> net = WarmStartClassifier(max_epochs=3, random_state=0, warm_start=True, init_policy=race)
    >>> net.fit(X[::2], y[::2]).fit(X, y).start_.chosen
    'warm'
    """

    def __init__(
        self,
        policies: Sequence[str | InitPolicy] = ("cold", "warm", "shrink_perturb"),
        sources: Sequence[Any] | None = None,
        n_epochs: int = 1,
    ):
        self.policies = policies
        self.sources = sources
        self.n_epochs = n_epochs

    def donors(self) -> list[Any]:
        """Return ``sources``, and then what the candidates bring."""
        return [*self._sources(), *donors_of(nested_policies(check_policies(self)))]

    def keeps_previous(self) -> bool:
        """Return False if no candidate keeps anything."""
        return any(each.policy.keeps_previous() for each in nested_policies(check_policies(self)))

    def start(self, previous: NetState, fresh: NetState, context: PolicyContext) -> NetState:
        """Race the starts, and return the winner's; see :meth:`InitPolicy.start`.

        Notes ``chosen``, the winner's name; ``race``, a row for each round with the ``epochs`` that each
        candidate had trained by then, and its ``score`` and ``loss``; ``epochs``, those of all candidates
        together; ``margin`` and ``margin_error``, the mean paired difference of the winner's scores to those of
        the runner-up and its standard error; and what the winner notes.
        """
        n_epochs = check_integer("n_epochs of BestOf", self.n_epochs)
        if context.race is None:
            context.phase_data()  # says what is missing
            raise ValueError("BestOf needs a context that can race: use it as init_policy of an estimator")
        starts, notes = self._starts(previous, fresh, context)
        winner, told = hold_race(context.race(starts), list(starts), n_epochs)
        context.notes.update(notes[winner], chosen=winner, **told)
        return starts[winner]

    def _sources(self) -> list[Any]:
        if self.sources is None:
            return []
        if isinstance(self.sources, str) or not hasattr(self.sources, "__iter__"):
            raise ValueError(f"sources of BestOf must be None or a list of donors, got {self.sources!r}")
        return list(self.sources)

    def _starts(
        self, previous: NetState, fresh: NetState, context: PolicyContext
    ) -> tuple[dict[str, NetState], dict[str, dict[str, Any]]]:
        n_sources = len(self._sources())
        states = list(context.sources[:n_sources])
        donors: list[tuple[str, int | None, NetState]] = [
            (f" of source {i}", i, state) for i, state in enumerate(states)
        ]
        if not any(state is previous for state in states):
            donors.insert(0, ("", None, previous))
        starts: dict[str, NetState] = {}
        notes: dict[str, dict[str, Any]] = {}
        for each in nested_policies(check_policies(self), n_sources):
            if not each.policy.keeps_previous():
                pairs = [("", None, previous)]
            else:
                pairs = donors
            for suffix, source, donor in pairs:
                name = each.name + suffix
                if name in starts:
                    raise ValueError(f"policies of BestOf holds {each.name!r} twice")
                starts[name], noted = each.start(donor, fresh, context.spawned())
                notes[name] = noted if source is None else {"source": source, **noted}
        return starts, notes


def hold_race(race: Any, names: list[str], n_epochs: int) -> tuple[str, dict[str, Any]]:
    """Halve the candidates until one is left.

    Parameters
    ----------
    race : Race
        The candidates.
    names : list of str
        Their names.
    n_epochs : int
        Epochs of the first round.

    Returns
    -------
    winner : str
        Its name.
    told : dict
        ``race``, ``epochs``, ``margin``, ``margin_error``.
    """
    rounds: list[dict[str, Any]] = []
    trained = spent = 0
    left, rung = names, n_epochs
    order: list[tuple[str, Merit]] = []
    while len(left) > 1 or not rounds:
        merits = race.run(left, rung)
        if not merits:
            raise ValueError(f"all candidates of the race failed: {left}")
        trained, spent = trained + rung, spent + rung * len(left)
        order = sorted(merits.items(), key=lambda item: item[1].rank, reverse=True)
        rounds += [
            {"candidate": name, "epochs": trained, "score": merit.rank[0], "loss": -merit.rank[1]}
            for name, merit in order
        ]
        left, rung = [name for name, _ in order[: -(-len(left) // 2)]], rung * 2
    told: dict[str, Any] = {"race": rounds, "epochs": spent, "margin": math.nan, "margin_error": math.nan}
    if len(order) > 1:
        difference = (order[0][1].scores - order[1][1].scores).double()
        told["margin"] = float(difference.mean())
        told["margin_error"] = (
            float(difference.std() / math.sqrt(len(difference))) if len(difference) > 1 else math.nan
        )
    return left[0], told
