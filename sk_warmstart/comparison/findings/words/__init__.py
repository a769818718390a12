"""Findings in words: sentences, advice and notes."""
