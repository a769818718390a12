"""Measures of fitted arms: transfer, recall, noise and checkpoints."""
