"""Measure a state, a network or rows, and change nothing.

Knows torch, numpy, SciPy and scikit-learn; nothing of skorch, nothing of estimators.
"""

from ._activations import layer_inputs

__all__ = ["layer_inputs"]
