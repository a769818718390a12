"""Stages of the method: a table each."""
