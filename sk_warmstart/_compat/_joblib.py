"""Private names of joblib."""

from joblib._parallel_backends import ParallelBackendBase, SequentialBackend, ThreadingBackend

__all__ = ["ParallelBackendBase", "SequentialBackend", "ThreadingBackend"]
