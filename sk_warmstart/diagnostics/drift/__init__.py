"""Drift between old and new rows."""
