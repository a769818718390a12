"""Posteriors, bootstrap, speed-up, transfer and the decision rule: pure functions of arrays."""

from ._bootstrap import paired_bootstrap
from ._clustered import ClusteredPosterior, clustered_t, phase_interaction
from ._decision import DecisionRule, Judged, rope_verdict
from ._holm import holm
from ._improvement import Improvement, probability_of_improvement
from ._nesting import replicate_means as replicate_means
from ._pairs import PairsNeeded, pairs_to_decide
from ._posterior import Posterior, correlated_t
from ._speedup import Speedup, effort_to_target, geometric_speedup
from ._spread import SpreadRatio, pitman_morgan
from ._transfer import (
    average_accuracy,
    average_incremental_accuracy,
    backward_transfer,
    forgetting,
    forward_transfer,
    negative_flip_rate,
    positive_flip_rate,
    retained_accuracy,
)

__all__ = [
    "ClusteredPosterior",
    "DecisionRule",
    "Improvement",
    "Judged",
    "PairsNeeded",
    "Posterior",
    "Speedup",
    "SpreadRatio",
    "average_accuracy",
    "average_incremental_accuracy",
    "backward_transfer",
    "clustered_t",
    "correlated_t",
    "effort_to_target",
    "forgetting",
    "forward_transfer",
    "geometric_speedup",
    "holm",
    "negative_flip_rate",
    "paired_bootstrap",
    "pairs_to_decide",
    "phase_interaction",
    "pitman_morgan",
    "positive_flip_rate",
    "probability_of_improvement",
    "retained_accuracy",
    "rope_verdict",
]
