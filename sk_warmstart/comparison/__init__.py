"""Was warm worth it? Phases, paired replicates, statistics and a report."""

from ._comparator import WarmStartComparator
from ._displays import LearningCurvesDisplay, WarmStartGainDisplay
from ._phases import DataIncremental
from ._statistics import Posterior, correlated_t, pairs_to_decide, rope_verdict
from ._table import default_pipeline, load_table
from ._trajectory import Trajectory

__all__ = [
    "DataIncremental",
    "LearningCurvesDisplay",
    "Posterior",
    "Trajectory",
    "WarmStartComparator",
    "WarmStartGainDisplay",
    "correlated_t",
    "default_pipeline",
    "load_table",
    "pairs_to_decide",
    "rope_verdict",
]
