"""Files that skorch's callbacks write, where several fits run at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from joblib.parallel import get_active_backend


@contextmanager
def own_folder(callbacks: Any) -> Iterator[None]:
    """Let callbacks that write into the working directory write into a folder of this fit's own meanwhile.

    That is inside a parallel call, where all fits would write, and load, the same files.
    """
    writing = [callback for _, callback in callbacks if _writes_here(callback)]
    if not writing or not get_active_backend()[0].nesting_level:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="sk_warmstart_fit_") as folder:
        for callback in writing:
            callback.dirname = folder
        try:
            yield
        finally:
            for callback in writing:
                callback.dirname = ""


def _writes_here(callback: Any) -> bool:
    files = [value for name, value in vars(callback).items() if name.startswith("f_") and value is not None]
    return getattr(callback, "dirname", None) == "" and any(isinstance(file, str) for file in files)
