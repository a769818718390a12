"""Run tasks side by side, so that their fits train in one pack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import TypeVar

from sklearn import config_context, get_config

from ._pack import train_together
from ._rendezvous import Meeting, current_meeting

T = TypeVar("T")


def run_together(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """Run tasks in threads; what they fit trains together.

    Which fits make up a pack depends on the tasks alone and not on their timing, so results are repeatable.

    Parameters
    ----------
    tasks : sequence of callable
        Without arguments. They must not wait for each other.

    Returns
    -------
    list
        What they returned, in their order.

    Raises
    ------
    BaseException
        That of the first task that failed; the others are given up.
    """
    if len(tasks) < 2:
        return [task() for task in tasks]
    meeting, outer, config = (
        Meeting(train_together, len(tasks), patience=float("inf")),
        current_meeting(),
        get_config(),
    )
    numbers = [meeting.submitted() for _ in tasks]

    def run(task: Callable[[], T], number: int) -> T:
        with meeting.attended(number), config_context(**config):
            return task()

    with (
        nullcontext() if outer is None else outer.left(),
        ThreadPoolExecutor(len(tasks), thread_name_prefix="packed") as pool,
    ):
        try:
            futures = [pool.submit(run, *each) for each in zip(tasks, numbers, strict=True)]
            return [future.result() for future in futures]
        except BaseException:
            meeting.abort()  # nobody is left to wait for the others
            raise
