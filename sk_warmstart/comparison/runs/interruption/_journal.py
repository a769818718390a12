"""Finished fits in a folder, from which an interrupted comparison continues."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import joblib

Key = tuple[int, ...]
_ABOUT = "comparison.json"


class Journal:
    """Finished fits of one comparison, by key.

    Fits that train together are written together: a folder of them appears whole or not at all, so that what
    is left to do is what would have been done.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    def begin(self, about: dict[str, str], seeds: list[int]) -> list[int]:
        """Open the folder for a comparison of these digests, and return the seeds that it was begun with."""
        path = self.folder / _ABOUT
        if path.exists():
            begun = json.loads(path.read_text(encoding="utf-8"))
            other = [name for name, digest in about.items() if begun["about"].get(name) != digest]
            if other:
                raise ValueError(
                    f"resume={str(self.folder)!r} holds another comparison, which differs in {', '.join(other)}: "
                    "choose another folder, or delete this one to begin anew"
                )
            return begun["seeds"]
        if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise ValueError(
                f"resume={str(self.folder)!r} holds something else than a comparison: choose a new or empty folder"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=self.folder, delete=False, encoding="utf-8") as file:
            json.dump({"about": about, "seeds": seeds}, file, indent=1)
        os.replace(file.name, path)
        return seeds

    def load(self, key: Key) -> Any:
        """Return what a finished fit came to; None if it is not there."""
        for path in self.folder.glob(f"step-*/{_file_of(key)}"):
            try:
                return joblib.load(path)
            except Exception:  # a disk that was full, a power cut: it is done again
                continue
        return None

    def save(self, results: Mapping[Key, Any]) -> None:
        """Write what fits that trained together came to.

        A ValueError says that an estimator cannot be pickled, an OSError that nothing can be written.
        """
        if not results:
            return
        step = Path(tempfile.mkdtemp(prefix="writing-", dir=self.folder))
        try:
            for key, result in results.items():
                joblib.dump(result, step / _file_of(key), compress=1)
            step.rename(step.with_name(step.name.replace("writing-", "step-", 1)))
        except BaseException as error:
            shutil.rmtree(step, ignore_errors=True)
            if isinstance(error, OSError):
                message = f"resume={str(self.folder)!r} cannot keep finished fits: {error.strerror or error}"
                raise OSError(error.errno, message) from error
            if isinstance(error, KeyboardInterrupt):
                raise
            raise ValueError(
                f"resume needs an estimator that can be pickled, and this one cannot: {error}"
            ) from error


def _file_of(key: Key) -> str:
    return "-".join(map(str, key)) + ".joblib"


def digests(**parts: Any) -> dict[str, str]:
    """Return a digest of each part that a comparison is made of."""
    return {name: str(joblib.hash(part)) for name, part in parts.items()}
