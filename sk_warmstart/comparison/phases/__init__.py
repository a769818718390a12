"""Retraining events: what is known at each, and how rows are drawn for them."""
