"""Interruption of a comparison: Ctrl-C, finished fits on disk, and repeated warnings."""
