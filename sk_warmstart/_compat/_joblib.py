"""Private names of joblib."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from joblib._parallel_backends import ParallelBackendBase, SequentialBackend, ThreadingBackend

__all__ = ["ExecutorBackend", "ParallelBackendBase", "SequentialBackend"]


class ExecutorBackend(ThreadingBackend):
    """joblib's backend of threads, with those of an executor.

    Once given up, each ends with its task; the interpreter waits for them, as torch must not be cut off.
    """

    _pool: _Threads | None = None

    def _get_pool(self) -> _Threads:
        if self._pool is None:
            self._pool = _Threads(self._n_jobs)
        return self._pool


class _Threads:
    """Threads of a parallel call, as joblib uses its pools."""

    def __init__(self, n_threads: int):
        self._executor = ThreadPoolExecutor(n_threads, thread_name_prefix="packed")

    def apply_async(
        self, func: Callable[..., Any], args: tuple[Any, ...], callback: Callable[[Any], Any], error_callback: Any
    ) -> Future[Any]:
        """Run a function in a thread; joblib has made a value of its error."""

        def call_back(done: Future[Any]) -> None:
            if not done.cancelled():
                callback(done.result())

        future = self._executor.submit(func, *args)
        future.add_done_callback(call_back)
        return future

    def close(self) -> None:
        """Take no more tasks, and forget those that have not begun."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    terminate = close
