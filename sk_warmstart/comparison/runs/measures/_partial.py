"""Test scores of a fit after a part of its epochs."""

from __future__ import annotations

from ....estimators import WarmStartMixin
from ...phases._phase import Index
from .._answers import Answers
from .._estimators import Estimator
from ..fits._trajectory import Trajectory
from ._conditions import thinned


def score_kept_epochs(answers: Answers, rows: Index) -> dict[int, float]:
    """Score the weights of the epochs that a fit kept, and let them go; the estimator is left as it was.

    Of many rows some count, the same for all arms.
    """
    trajectory = _trajectory_of(answers.estimator)
    if trajectory is None or not isinstance(answers.estimator, WarmStartMixin):
        return {}
    try:
        scores = answers.scores_with(trajectory.kept_.values(), thinned(rows))
        return dict(zip(trajectory.kept_, scores, strict=True))
    finally:
        trajectory.forget_weights()


def forget_weights(estimator: Estimator) -> None:
    """Let the weights of the epochs go that a fit kept."""
    trajectory = _trajectory_of(estimator)
    if trajectory is not None:
        trajectory.forget_weights()


def _trajectory_of(estimator: Estimator) -> Trajectory | None:
    """Return the callback that recorded a net's way through its weights; None where there is none."""
    return dict(getattr(estimator, "callbacks_", ())).get("trajectory")
