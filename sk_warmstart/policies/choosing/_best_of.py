"""Race between policies or donors by successive halving."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..._parameters import check_integer
from ...state import NetState
from .._base import InitPolicy
from .._context import PolicyContext
from .._nesting import check_policies, donors_of, nested_policies
from .._race import CandidateScores, Race
from .._registry import register


@register("best_of")
class BestOf(InitPolicy):
    """Race policies, or donors, for a few epochs, and start as the winner starts.

    Every candidate trains ``n_epochs`` epochs from its start; the better half trains for twice as many more, until
    one is left (successive halving). They are compared on validation rows, or, where the fit has none, on a
    fifth of its rows that is held out during the race, if possible among those that no donor has seen. What was
    trained in the race is not kept: the winner begins again from its start. Cold starts need more epochs than a
    short race gives them, so a race is no proof that warm is better; that is what the comparator is for.

    Parameters
    ----------
    policies : sequence of str or InitPolicy, default=("cold", "warm", "shrink_perturb")
        The candidates. Each but those that keep nothing races once for each donor.
    sources : sequence, default=None
        Further donors, as ``warm_start_from`` takes them; where the estimator has no donor, it starts from one of
        these. ``start_.source`` is the place of the one that won among all donors that the policy brings, those of
        nested policies included.
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
        winner, of_race = hold_race(context.race(starts), list(starts), n_epochs)
        context.notes.update(notes[winner], chosen=winner, **of_race)
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
        """Return the start of each candidate from each donor, and what it notes."""
        n_sources = len(self._sources())
        own_sources = context.sources[:n_sources]
        donors: list[tuple[int | None, NetState]] = [*enumerate(own_sources)]
        # Where the estimator has no donor, the previous state is a source itself.
        if not any(state is previous for state in own_sources):
            donors.insert(0, (None, previous))
        starts: dict[str, NetState] = {}
        notes: dict[str, dict[str, Any]] = {}
        for each in nested_policies(check_policies(self), n_sources):
            for source, donor in donors if each.policy.keeps_previous() else [(None, previous)]:
                name = each.name if source is None else f"{each.name} of source {source}"
                if name in starts:
                    raise ValueError(f"policies of BestOf holds {each.name!r} twice")
                child = context.child()
                if donor is not previous:
                    child.donor = None  # it describes another one
                starts[name], noted = each.start(donor, fresh, child)
                notes[name] = noted if source is None else {"source": source, **noted}
        return starts, notes


def hold_race(race: Race, names: Sequence[str], n_epochs: int) -> tuple[str, dict[str, Any]]:
    """Halve the candidates until one is left; return its name and the notes of the race."""
    rounds: list[dict[str, Any]] = []
    trained = spent = 0
    left, next_epochs = list(names), n_epochs
    order: list[tuple[str, CandidateScores]] = []
    while len(left) > 1 or not rounds:
        found = race.run(left, next_epochs)
        if not found:
            raise ValueError(f"all candidates of the race failed: {left}")
        trained, spent = trained + next_epochs, spent + next_epochs * len(left)
        order = sorted(found.items(), key=lambda item: item[1].rank, reverse=True)
        rounds += [
            {"candidate": name, "epochs": trained, "score": scores.rank[0], "loss": -scores.rank[1]}
            for name, scores in order
        ]
        left, next_epochs = [name for name, _ in order[: -(-len(left) // 2)]], next_epochs * 2
    margin = margin_error = math.nan
    if len(order) > 1:
        difference = (order[0][1].scores - order[1][1].scores).double()
        margin = float(difference.mean())
        if len(difference) > 1:
            margin_error = float(difference.std() / math.sqrt(len(difference)))
    return left[0], {"race": rounds, "epochs": spent, "margin": margin, "margin_error": margin_error}
