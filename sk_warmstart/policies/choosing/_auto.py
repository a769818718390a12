"""Choice between warm, cold and a race by evidence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..._parameters import check_integer, check_number
from ...state import NetState
from .._base import InitPolicy
from .._context import DonorContext, PolicyContext
from .._nesting import check_policies, donors_of, nested_policies
from .._registry import register
from ..rules._reference import Cold, Warm
from ._best_of import BestOf
from ._evidence import (
    DonorScore,
    dormant_share,
    drifted_columns,
    kept_skill,
    label_shift,
    old_from_new,
    score_donor,
    share_of_new,
)

_CERTAIN = 2.0  # standard errors
_DORMANT = 0.5
_ENOUGH = 0.5  # of the patience: a validation loss turns sooner, and more surely, than a score
_LOST, _SHAKEN = 0.7, 0.8  # of its lead over a constant prediction


@register("auto")
class Auto(InitPolicy):
    """Start warm, cold, or as the winner of a race, by what is known of the donor and the rows.

    A donor that does no better than a constant prediction on rows that it has not trained on is no start, nor is
    one that has lost most of its lead over that prediction on the rows that are new: what it learned no longer
    holds, and such a start resists learning anew. The fit begins cold then. A donor that does clearly better and
    has kept its lead is a start: the fit begins warm. In between, where its last warm fit led nowhere though there
    were new rows, or where half of its units are dormant, :class:`BestOf` decides. ``start_.reasons`` says in
    words what was found.

    Early stopping is made to suit the start: it watches the validation loss, which tells of progress and of its
    end sooner than a score does, so that half of ``n_iter_no_change`` is enough; and for a warm start as much less
    as the share of rows that are new, or of the lead that was lost, is below a half, down to ``patience``.

    Parameters
    ----------
    policies : sequence of str or InitPolicy, default=("cold", "warm", "shrink_perturb")
        What races where the evidence is split.
    patience : float, default=0.3
        Least share of ``n_iter_no_change`` that a warm fit waits, in (0, 1].
    n_epochs : int, default=1
        Epochs of the race's first round.

    Raises
    ------
    ValueError
        If the rows are not known as tensors, or a parameter is out of range.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_warmstart import WarmStartClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> net = WarmStartClassifier(warm_start=True, init_policy="auto", max_epochs=60, random_state=0)
    >>> net.fit(X[::2], y[::2]).fit(X, y).start_.chosen
    'warm'
    """

    def __init__(
        self,
        policies: Sequence[str | InitPolicy] = ("cold", "warm", "shrink_perturb"),
        patience: float = 0.3,
        n_epochs: int = 1,
    ):
        self.policies = policies
        self.patience = patience
        self.n_epochs = n_epochs

    def donors(self) -> list[Any]:
        """Return what the policies that may race bring."""
        return donors_of(nested_policies(check_policies(self)))

    def start(self, previous: NetState, fresh: NetState, context: PolicyContext) -> NetState:
        """Weigh the evidence; see :meth:`InitPolicy.start`.

        Notes ``chosen``, ``reasons``, ``evidence``, ``patience``, ``watch``, and what a race notes.
        """
        least = check_number("patience of Auto", self.patience, 0, 1, exclude="low")
        check_integer("n_epochs of Auto", self.n_epochs)
        check_policies(self)
        donor = context.donor or DonorContext()
        donor_score = score_donor(previous, fresh, context)
        evidence = {**self._evidence(previous, donor, context), "standing": vars(donor_score)}
        choice, reasons = _choose(donor_score, donor, evidence)
        if choice == "race":
            race = BestOf(self.policies, n_epochs=self.n_epochs)
            state = race.start(previous, fresh, context)
            choice = context.notes["chosen"]
            reasons.append(f"a short race was won by {choice}")
        else:
            state = (Warm() if choice == "warm" else Cold()).start(previous, fresh, context)
        patience = _patience(least, evidence) if choice == "warm" else max(least, _ENOUGH)
        context.notes.update(chosen=choice, reasons=reasons, evidence=evidence, watch="loss", patience=patience)
        return state

    @staticmethod
    def _evidence(previous: NetState, donor: DonorContext, context: PolicyContext) -> dict[str, Any]:
        """Collect what is noted as evidence."""
        data = context.phase_data()
        drifted, n_columns = drifted_columns(donor)
        return {
            "share_of_new_rows": share_of_new(data),
            "kept_skill": kept_skill(previous, donor, context),
            "drifted_columns": drifted,
            "columns": n_columns,
            "old_from_new_p": old_from_new(data, context.generator),
            "label_shift_p": label_shift(data),
            "dormant_share": dormant_share(context.network(previous), data),
        }


def _choose(donor_score: DonorScore, donor: DonorContext, evidence: dict[str, Any]) -> tuple[str, list[str]]:
    """Return "warm", "cold" or "race", and why."""
    reasons = _reasons(donor_score, donor, evidence)
    if donor_score.z < -_CERTAIN or (donor_score.z < _CERTAIN and donor_score.loss > donor_score.fresh_loss):
        return "cold", [*reasons, "it knows nothing of these rows that would help: cold"]
    skill = evidence["kept_skill"]
    if skill is not None and skill[0] + skill[1] < _LOST:
        return "cold", [*reasons, "what it learned no longer holds: cold"]
    doubts = []
    if donor_score.z < _CERTAIN:
        doubts.append("that it helps is not certain")
    if skill is not None and skill[0] + _CERTAIN * skill[1] < _SHAKEN:
        doubts.append("it does clearly worse on the new rows")
    if _ended_no_better(donor):
        doubts.append("its own warm fit ended no better than it began")
    if evidence["dormant_share"] > _DORMANT:
        doubts.append("many of its units are dormant")
    if doubts:
        return "race", [*reasons, "; ".join(doubts)]
    return "warm", [*reasons, "warm"]


def _patience(least: float, evidence: dict[str, Any]) -> float:
    """Return the share of n_iter_no_change to wait: the more there is to learn, the more."""
    new, skill = evidence["share_of_new_rows"], evidence["kept_skill"]
    if new is None:
        return max(least, _ENOUGH)
    return max(least, min(_ENOUGH, max(new, 0.0 if skill is None else 1 - skill[0])))


def _ended_no_better(donor: DonorContext) -> bool:
    """Tell whether the donor comes from a warm fit that ended no better than it began."""
    line = donor.lineage
    start, end = line.scores.get("start_loss", math.nan), line.scores.get("train_loss", math.nan)
    return line.generation > 0 and line.epochs > 0 and end > start


def _reasons(score: DonorScore, donor: DonorContext, evidence: dict[str, Any]) -> list[str]:
    """Describe the evidence in sentences."""
    than = "better" if score.z >= _CERTAIN else "worse" if score.z <= -_CERTAIN else "no better"
    reasons = [
        f"on {score.n_rows} rows that it has not trained on the donor does {than} than a constant prediction "
        f"({score.score:.3f} against {score.trivial:.3f}; loss {score.loss:.3f}, a fresh network's "
        f"{score.fresh_loss:.3f})"
    ]
    changed = {"classes": donor.classes_added, "columns": donor.columns_added}
    reasons += [f"{len(new)} {what} were added" for what, new in changed.items() if new]
    if donor.columns_dropped:
        reasons.append(f"{len(donor.columns_dropped)} columns were dropped")
    if evidence["drifted_columns"]:
        reasons.append(f"{len(evidence['drifted_columns'])} of {evidence['columns']} columns drifted")
    if evidence["old_from_new_p"] is not None and evidence["old_from_new_p"] < 0.01:
        reasons.append("new rows can be told from old ones")
    if evidence["label_shift_p"] is not None and evidence["label_shift_p"] < 0.01:
        reasons.append("targets are spread differently in new rows")
    if evidence["kept_skill"] is not None:
        reasons.append(
            f"on new rows it keeps {evidence['kept_skill'][0]:.0%} of its lead over a constant prediction"
        )
    if evidence["share_of_new_rows"] is not None:
        reasons.append(f"{evidence['share_of_new_rows']:.0%} of the rows are new")
    return reasons
