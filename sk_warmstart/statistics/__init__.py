"""Posteriors, tests, bootstrap, speed-up and transfer: pure functions of arrays."""

from ._bootstrap import paired_bootstrap
from ._decision import DecisionRule
from ._frequentist import CorrectedT, corrected_t_test, holm, sign_flip_test
from ._improvement import Improvement, probability_of_improvement
from ._nesting import replicate_means
from ._posterior import Posterior, correlated_t, pairs_to_decide, rope_verdict
from ._power import noether_pairs
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
    seen_class_accuracy,
)

__all__ = [
    "CorrectedT",
    "DecisionRule",
    "Improvement",
    "Posterior",
    "Speedup",
    "average_accuracy",
    "average_incremental_accuracy",
    "backward_transfer",
    "corrected_t_test",
    "correlated_t",
    "forgetting",
    "forward_transfer",
    "geometric_speedup",
    "holm",
    "negative_flip_rate",
    "noether_pairs",
    "paired_bootstrap",
    "pairs_to_decide",
    "positive_flip_rate",
    "probability_of_improvement",
    "replicate_means",
    "retained_accuracy",
    "rope_verdict",
    "seen_class_accuracy",
    "sign_flip_test",
]
