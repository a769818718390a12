from . import (
    callbacks,
    cli,
    comparison,
    diagnostics,
    estimators,
    modules,
    policies,
    state,
    statistics,
    testing,
    training,
)
from .comparison import (
    ClassIncremental,
    ClasswiseChangeDisplay,
    CostScoreDisplay,
    DataIncremental,
    Findings,
    LearningCurvesDisplay,
    OldAndNew,
    RollingWindow,
    WarmStartComparator,
    WarmStartGainDisplay,
)
from .diagnostics import diagnose
from .estimators import WarmStartClassifier, WarmStartMixin, WarmStartRegressor, WarmStartTransformer
from .state import Checkpoint, CheckpointError, CheckpointStore, LeakageWarning, Pretrained

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "CheckpointStore",
    "ClassIncremental",
    "ClasswiseChangeDisplay",
    "CostScoreDisplay",
    "DataIncremental",
    "Findings",
    "LeakageWarning",
    "LearningCurvesDisplay",
    "OldAndNew",
    "Pretrained",
    "RollingWindow",
    "WarmStartClassifier",
    "WarmStartComparator",
    "WarmStartGainDisplay",
    "WarmStartMixin",
    "WarmStartRegressor",
    "WarmStartTransformer",
    "callbacks",
    "cli",
    "comparison",
    "diagnose",
    "diagnostics",
    "estimators",
    "modules",
    "policies",
    "state",
    "statistics",
    "testing",
    "training",
]

__version__: str
