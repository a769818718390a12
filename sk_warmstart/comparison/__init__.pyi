from ._comparator import WarmStartComparator
from .findings._findings import Findings
from .phases._class_incremental import ClassIncremental
from .phases._data_incremental import DataIncremental
from .phases._old_and_new import OldAndNew
from .phases._rolling_window import RollingWindow
from .report.displays._classes import ClasswiseChangeDisplay
from .report.displays._cost import CostScoreDisplay
from .report.displays._curves import LearningCurvesDisplay
from .report.displays._gain import WarmStartGainDisplay
from .runs.fits._trajectory import Trajectory
from .runs.others._continue import ContinueFit

__all__ = [
    "ClassIncremental",
    "ClasswiseChangeDisplay",
    "ContinueFit",
    "CostScoreDisplay",
    "DataIncremental",
    "Findings",
    "LearningCurvesDisplay",
    "OldAndNew",
    "RollingWindow",
    "Trajectory",
    "WarmStartComparator",
    "WarmStartGainDisplay",
]
