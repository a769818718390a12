"""Plots of a comparison, as scikit-learn's Display objects."""
