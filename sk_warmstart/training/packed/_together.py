"""Parallel tasks whose fits train in one pack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import TypeVar

from sklearn import config_context, get_config

from ._pack import train_together
from ._rendezvous import Rendezvous, current_rendezvous

T = TypeVar("T")


def run_together(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """Run tasks in threads, and return what they returned; what they fit trains together.

    Which fits make up a pack depends on the tasks alone and not on their timing, so results are repeatable. The
    tasks must not wait for each other. The first that fails ends the others, and its error is raised. A task
    begins when few others compute: those that train alone are not all in memory at a time.
    """
    if len(tasks) < 2:
        return [task() for task in tasks]
    rendezvous = Rendezvous(train_together, len(tasks), patience=float("inf"))
    outer, config = current_rendezvous(), get_config()
    places = [rendezvous.add_task() for _ in tasks]

    def run(task: Callable[[], T], place: int) -> T:
        with rendezvous.running_task(place, admitted=True), config_context(**config):
            return task()

    with (
        nullcontext() if outer is None else outer.away(),
        ThreadPoolExecutor(len(tasks), thread_name_prefix="packed") as pool,
    ):
        futures: list[Future[T]] = []
        try:
            for task, place in zip(tasks, places, strict=True):
                rendezvous.admit()
                for future in futures:
                    if future.done():
                        future.result()
                futures.append(pool.submit(run, task, place))
            return [future.result() for future in futures]
        except BaseException:
            rendezvous.abort()
            raise
