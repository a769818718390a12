"""Finished fits in a folder, from which an interrupted comparison continues."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import joblib

Key = tuple[int, ...]
_ABOUT = "comparison.json"
_BEGINNING = "beginning-"
_AN_HOUR = 3600


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
        try:
            if not path.exists():
                self._check_is_ours()
                self.folder.mkdir(parents=True, exist_ok=True)
                _write_once(path, json.dumps({"about": about, "seeds": seeds}, indent=1))
            self._sweep()
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise OSError(error.errno, f"{self._named()} cannot be used: {error.strerror or error}") from error
        begun = _read(text)
        if begun is None:
            raise ValueError(f"{self._named()} has a damaged {_ABOUT}: delete the folder to begin anew")
        known = begun["about"]
        other = [name for name in dict.fromkeys([*about, *known]) if known.get(name) != about.get(name)]
        if not other and len(begun["seeds"]) != len(seeds):
            other = ["seeds"]
        if other:
            raise ValueError(
                f"{self._named()} holds another comparison, which differs in {', '.join(other)}: "
                "choose another folder, or delete this one to begin anew"
            )
        return begun["seeds"]

    def _named(self) -> str:
        return f"resume={str(self.folder)!r}"

    def _check_is_ours(self) -> None:
        """Refuse a folder with anything but what a comparison that was cut off at its beginning leaves."""
        if not self.folder.exists():
            return
        if not self.folder.is_dir() or not all(_is_left_over(path) for path in self.folder.iterdir()):
            raise ValueError(
                f"{self._named()} holds something else than a comparison: choose a new or empty folder"
            )

    def _sweep(self) -> None:
        """Remove what runs that were killed were writing; another that runs now writes for less than an hour."""
        for path in [*self.folder.glob("writing-*"), *self.folder.glob(f"{_BEGINNING}*")]:
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _AN_HOUR:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

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
                message = f"{self._named()} cannot keep finished fits: {error.strerror or error}"
                raise OSError(error.errno, message) from error
            if isinstance(error, KeyboardInterrupt):
                raise
            raise ValueError(
                f"resume needs an estimator that can be pickled, and this one cannot: {error}"
            ) from error


def _file_of(key: Key) -> str:
    return "-".join(map(str, key)) + ".joblib"


def _is_left_over(path: Path) -> bool:
    """Whether a comparison that was cut off left a file; before version 0.2 under a name of tempfile's."""
    begun = path.name.startswith((_BEGINNING, "writing-")) or re.fullmatch(r"tmp\w{8}", path.name)
    return bool(begun) and (path.is_dir() == path.name.startswith("writing-"))


def _write_once(path: Path, text: str) -> None:
    """Write a file whole, unless another process has just done so."""
    with tempfile.NamedTemporaryFile(
        "w", prefix=_BEGINNING, dir=path.parent, delete=False, encoding="utf-8"
    ) as file:
        try:
            file.write(text)
            file.close()
            try:
                os.link(file.name, path)
            except FileExistsError:
                pass
            except OSError:  # a file system without links
                os.replace(file.name, path)
        finally:
            file.close()
            Path(file.name).unlink(missing_ok=True)


def _read(text: str) -> dict[str, Any] | None:
    """Return what a comparison is about and its seeds; None where the text is damaged."""
    try:
        begun = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(begun, dict) or not isinstance(begun.get("about"), dict):
        return None
    seeds = begun.get("seeds")
    whole = isinstance(seeds, list) and all(type(seed) is int and 0 <= seed < 2**32 for seed in seeds)
    return begun if whole else None


def digests(**parts: Any) -> dict[str, str]:
    """Return a digest of each part that a comparison is made of."""
    return {name: str(joblib.hash(part)) for name, part in parts.items()}
