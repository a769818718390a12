"""Phases of a comparison: which rows train and which test at each retraining."""
