"""A joblib backend whose tasks train their networks together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from joblib.parallel import register_parallel_backend

from ..._compat._joblib import ExecutorBackend, ParallelBackendBase, SequentialBackend
from ._pack import train_together
from ._rendezvous import Rendezvous


class PackedBackend(ExecutorBackend):
    """Run each task in a thread, and train what the tasks train as one tensor program.

    Use it as any backend of joblib's: ``with joblib.parallel_config(backend="packed", n_jobs=96)``. A task runs
    until its estimator trains; there it waits until the others train too. ``n_jobs`` is how many fits a pack can
    hold, and may be far more than there are cores. What runs inside a task runs one after another.

    A pack holds the rows of all its fits at once, about one and a half times the size of X for each: where memory
    is short, ``n_jobs`` bounds it.

    Parameters
    ----------
    nesting_level : int or None, default=None
        How many parallel calls are around this one; joblib sets it.
    inner_max_num_threads : int or None, default=None
        Threads of a task's own libraries, as for joblib's threading backend.
    **backend_kwargs
        What joblib's threading backend takes.

    Examples
    --------
    >>> import joblib
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import cross_val_score
    >>> from sk_warmstart import WarmStartClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> with joblib.parallel_config(backend="packed", n_jobs=3):
    ...     scores = cross_val_score(WarmStartClassifier(max_epochs=2, random_state=0), X, y, cv=3)
    >>> scores.shape
    (3,)
    """

    def configure(self, n_jobs: int = 1, parallel: Any = None, **backend_kwargs: Any) -> int:
        """Begin a parallel call; see joblib."""
        n_jobs = super().configure(n_jobs, parallel, **backend_kwargs)
        self._rendezvous = Rendezvous(train_together, n_jobs)
        return n_jobs

    def submit(self, func: Callable[..., Any], callback: Any = None) -> Any:
        """Hand a task to the pool; see joblib."""
        rendezvous = self._rendezvous
        place = rendezvous.add_task()

        def task(*args: Any, **kwargs: Any) -> Any:
            with rendezvous.running_task(place):
                return func(*args, **kwargs)

        return super().submit(task, callback)

    @contextmanager
    def retrieval_context(self) -> Iterator[None]:
        """Wait for results, once all tasks are handed in; see joblib."""
        with self._rendezvous.all_added(), super().retrieval_context():
            yield

    def terminate(self) -> None:
        """End a parallel call; tasks that still wait give up."""
        if "_rendezvous" in self.__dict__:
            self._rendezvous.abort()
        super().terminate()

    def get_nested_backend(self) -> tuple[ParallelBackendBase, None]:
        """Return the backend of calls inside a task: their fits go to the same rendezvous, one at a time."""
        return SequentialBackend(nesting_level=(self.nesting_level or 0) + 1), None


register_parallel_backend("packed", PackedBackend)
