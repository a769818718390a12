"""Optimiser updates over one flat vector of parameters."""
