"""Was warm worth it? Phases, paired replicates, statistics and a report."""

from ._bootstrap import paired_bootstrap
from ._class_incremental import ClassIncremental
from ._comparator import WarmStartComparator
from ._data_incremental import DataIncremental
from ._default_pipeline import default_pipeline
from ._displays import LearningCurvesDisplay, WarmStartGainDisplay
from ._displays_classes import ClasswiseChangeDisplay
from ._displays_cost import CostScoreDisplay
from ._forgetting import (
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
from ._frequentist import CorrectedT, corrected_t_test, holm, sign_flip_test
from ._improvement import Improvement, probability_of_improvement
from ._nesting import replicate_means
from ._old_and_new import OldAndNew
from ._power import noether_pairs
from ._report import report_writer
from ._rolling_window import RollingWindow
from ._speedup import Speedup, geometric_speedup
from ._statistics import Posterior, correlated_t, pairs_to_decide, rope_verdict
from ._table import PERIODS, TableData, load_table, read_tables
from ._trajectory import Trajectory

__all__ = [
    "PERIODS",
    "ClassIncremental",
    "ClasswiseChangeDisplay",
    "CorrectedT",
    "CostScoreDisplay",
    "DataIncremental",
    "Improvement",
    "LearningCurvesDisplay",
    "OldAndNew",
    "Posterior",
    "RollingWindow",
    "Speedup",
    "TableData",
    "Trajectory",
    "WarmStartComparator",
    "WarmStartGainDisplay",
    "average_accuracy",
    "average_incremental_accuracy",
    "backward_transfer",
    "corrected_t_test",
    "correlated_t",
    "default_pipeline",
    "forgetting",
    "forward_transfer",
    "geometric_speedup",
    "holm",
    "load_table",
    "negative_flip_rate",
    "noether_pairs",
    "paired_bootstrap",
    "pairs_to_decide",
    "positive_flip_rate",
    "probability_of_improvement",
    "read_tables",
    "replicate_means",
    "report_writer",
    "retained_accuracy",
    "rope_verdict",
    "seen_class_accuracy",
    "sign_flip_test",
]
