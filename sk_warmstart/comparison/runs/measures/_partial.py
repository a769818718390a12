"""Test scores of a fit after a part of its epochs."""

from __future__ import annotations

from ....estimators import WarmStartMixin
from ....state import NetState
from ...phases._phase import Index
from .._estimators import Estimator
from .._scorer import PhaseScorer
from ..fits._trajectory import Trajectory


def score_kept_epochs(estimator: Estimator, scorer: PhaseScorer, rows: Index) -> dict[int, float]:
    """Score the weights of the epochs that a fit kept, and let them go; the estimator is left as it was."""
    trajectory = _trajectory_of(estimator)
    if trajectory is None or not isinstance(estimator, WarmStartMixin):
        return {}
    module, final, scores = estimator.module_, NetState.from_module(estimator.module_), dict[int, float]()
    try:
        for epoch, state in trajectory.kept_.items():
            state.load_into(module)
            scores[epoch] = _score(estimator, scorer, rows)
    finally:
        final.load_into(module)
        forget_weights(estimator)
    return scores


def forget_weights(estimator: Estimator) -> None:
    """Let the weights of the epochs go that a fit kept."""
    trajectory = _trajectory_of(estimator)
    if trajectory is not None:
        trajectory.forget_weights()


def _trajectory_of(estimator: Estimator) -> Trajectory | None:
    """Return the callback that recorded a net's way through its weights; None where there is none."""
    return dict(getattr(estimator, "callbacks_", ())).get("trajectory")


def _score(estimator: Estimator, scorer: PhaseScorer, rows: Index) -> float:
    """Score weights on the way, which may not have come to numbers yet."""
    try:
        return scorer.score(estimator, rows)
    except ValueError:
        return float("nan")
