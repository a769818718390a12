"""Measures of a network and its weights."""
