"""Rows that a state was trained on: their identities, sketches and statistics."""
