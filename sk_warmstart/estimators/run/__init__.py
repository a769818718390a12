"""One training call: its rows, streams, history and evaluation."""
