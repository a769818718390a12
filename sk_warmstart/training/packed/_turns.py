"""Turns of threads that compute in Python: few at a time, since more only take the interpreter from each other."""

from __future__ import annotations

import threading

_AT_A_TIME = 2
_PATIENCE = 0.25  # seconds without any change after which a thread goes on without a turn


class Turns:
    """``at_a_time`` threads have a turn, the others wait.

    Who has a turn may wait for one who has none, or compute where the interpreter is not needed: once nothing has
    changed for ``patience`` seconds, those who wait go on all the same, unless they wait ``for_good``.
    """

    def __init__(self, at_a_time: int = _AT_A_TIME, patience: float = _PATIENCE):
        self._changed = threading.Condition()
        self._free, self._patience, self._n_changes = at_a_time, patience, 0

    def take(self, for_good: bool = False) -> bool:
        """Wait for a turn; False if it was waited for in vain."""
        with self._changed:
            while not self._free:
                seen = self._n_changes
                if not self._changed.wait(self._patience) and seen == self._n_changes and not for_good:
                    return False
            self._free -= 1
            self._n_changes += 1
            return True

    def give_back(self) -> None:
        """End a turn that was taken."""
        with self._changed:
            self._free += 1
            self._n_changes += 1
            self._changed.notify()
