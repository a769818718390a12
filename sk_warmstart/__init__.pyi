from .comparison import (
    ClassIncremental,
    DataIncremental,
    LearningCurvesDisplay,
    OldAndNew,
    RollingWindow,
    WarmStartComparator,
    WarmStartGainDisplay,
)
from .diagnostics import diagnose
from .estimators import WarmStartClassifier, WarmStartMixin, WarmStartRegressor
from .state import Checkpoint, CheckpointError, CheckpointStore, LeakageWarning

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "CheckpointStore",
    "ClassIncremental",
    "DataIncremental",
    "LeakageWarning",
    "LearningCurvesDisplay",
    "OldAndNew",
    "RollingWindow",
    "WarmStartClassifier",
    "WarmStartComparator",
    "WarmStartGainDisplay",
    "WarmStartMixin",
    "WarmStartRegressor",
    "diagnose",
]

__version__: str
