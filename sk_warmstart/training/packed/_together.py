"""Parallel tasks whose fits train in one pack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import TypeVar

from sklearn import config_context, get_config

from ._pack import train_together
from ._rendezvous import Rendezvous, current_rendezvous

T = TypeVar("T")


def run_together(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """Run tasks in threads, and return what they returned; what they fit trains together.

    Which fits make up a pack depends on the tasks alone and not on their timing, so results are repeatable. The
    tasks must not wait for each other. The first that fails ends the others, and its error is raised.
    """
    if len(tasks) < 2:
        return [task() for task in tasks]
    rendezvous = Rendezvous(train_together, len(tasks), patience=float("inf"))
    outer, config = current_rendezvous(), get_config()
    places = [rendezvous.add_task() for _ in tasks]

    def run(task: Callable[[], T], place: int) -> T:
        with rendezvous.running_task(place), config_context(**config):
            return task()

    with (
        nullcontext() if outer is None else outer.away(),
        ThreadPoolExecutor(len(tasks), thread_name_prefix="packed") as pool,
    ):
        try:
            futures = [pool.submit(run, *each) for each in zip(tasks, places, strict=True)]
            return [future.result() for future in futures]
        except BaseException:
            rendezvous.abort()
            raise
