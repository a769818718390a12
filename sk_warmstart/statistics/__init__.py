"""Posteriors, bootstrap, speed-up, transfer and the decision rule: pure functions of arrays."""

from ._bootstrap import paired_bootstrap
from ._decision import DecisionRule
from ._holm import holm
from ._improvement import Improvement, probability_of_improvement
from ._nesting import replicate_means as replicate_means
from ._posterior import Posterior, correlated_t, pairs_to_decide, rope_verdict
from ._speedup import Speedup, geometric_speedup
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
    "DecisionRule",
    "Improvement",
    "Posterior",
    "Speedup",
    "average_accuracy",
    "average_incremental_accuracy",
    "backward_transfer",
    "correlated_t",
    "forgetting",
    "forward_transfer",
    "geometric_speedup",
    "holm",
    "negative_flip_rate",
    "paired_bootstrap",
    "pairs_to_decide",
    "positive_flip_rate",
    "probability_of_improvement",
    "retained_accuracy",
    "rope_verdict",
]
