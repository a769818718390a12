"""Fits of the arms: rows, set-up, records and trajectories."""
