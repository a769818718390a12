"""Relevance of a donor for a target."""
