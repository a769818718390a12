"""Measures of a fitted estimator, a network, rows and donors, which change nothing.

Plasticity and sharpness of a network, drift between old and new rows, and relevance of a donor for a target, all
without training. Knows torch, NumPy, SciPy and scikit-learn; nothing of skorch, nothing of estimators.
"""

from ._activations import layer_inputs as layer_inputs
from ._diagnose import diagnose
from .drift._classifier_two_sample import classifier_two_sample
from .drift._mmd import mmd
from .drift._population_stability import PopulationStability, population_stability
from .drift._two_sample import TwoSample
from .network._barrier import Barrier, interpolation_barrier
from .network._distance import distance, layer_distances
from .network._dormant import dormant_fraction, dormant_scores
from .network._gradient import gradient_norm
from .network._rank import effective_rank, srank
from .network._sharpness import Sharpness, ascent_sharpness, sharpness
from .transfer._h_score import h_score
from .transfer._label_transfer import leep, nce
from .transfer._linear_probe import ProbeScore, linear_probe_score
from .transfer._logme import logme

__all__ = [
    "Barrier",
    "PopulationStability",
    "ProbeScore",
    "Sharpness",
    "TwoSample",
    "ascent_sharpness",
    "classifier_two_sample",
    "diagnose",
    "distance",
    "dormant_fraction",
    "dormant_scores",
    "effective_rank",
    "gradient_norm",
    "h_score",
    "interpolation_barrier",
    "layer_distances",
    "leep",
    "linear_probe_score",
    "logme",
    "mmd",
    "nce",
    "population_stability",
    "sharpness",
    "srank",
]
