"""Finished fits in a folder, so that an interrupted comparison goes on where it stopped."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib

if TYPE_CHECKING:
    from ._fit import Fit

_ABOUT = "comparison.json"


class Journal:
    """Finished fits of one comparison.

    Fits that train together are written together: a folder of them appears whole or not at all, so that what
    is left to do is what would have been done.

    Parameters
    ----------
    folder : str or Path
        Where they are kept.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    def begin(self, about: dict[str, str], seeds: list[int]) -> list[int]:
        """Open the folder for a comparison.

        Parameters
        ----------
        about : dict of str to str
            What the comparison is made of, as digests.
        seeds : list of int
            Seeds of its replicates.

        Returns
        -------
        list of int
            The seeds that it was begun with.

        Raises
        ------
        ValueError
            If the folder holds another comparison, or something else.
        """
        path = self.folder / _ABOUT
        if path.exists():
            known = json.loads(path.read_text(encoding="utf-8"))
            other = [name for name, digest in about.items() if known["about"].get(name) != digest]
            if other:
                raise ValueError(
                    f"resume={str(self.folder)!r} holds another comparison, which differs in {', '.join(other)}: "
                    "choose another folder, or delete this one to begin anew"
                )
            return known["seeds"]
        if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise ValueError(
                f"resume={str(self.folder)!r} holds something else than a comparison: choose a new or empty folder"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=self.folder, delete=False, encoding="utf-8") as file:
            json.dump({"about": about, "seeds": seeds}, file, indent=1)
        os.replace(file.name, path)
        return seeds

    def restore(self, fit: Fit) -> bool:
        """Give a fit what it came to before.

        Parameters
        ----------
        fit : Fit
            A fit that is about to run.

        Returns
        -------
        bool
            Whether it had been finished.
        """
        for path in self.folder.glob(f"step-*/{_file(fit)}"):
            try:
                known = joblib.load(path)
            except Exception:  # a disk that was full, a power cut: it is done again
                continue
            fit.net, fit.seconds, fit.memory, fit.error = known
            return True
        return False

    def keep(self, fits: Sequence[Fit]) -> None:
        """Write finished fits.

        Parameters
        ----------
        fits : sequence of Fit
            Those that trained together.

        Raises
        ------
        ValueError
            If an estimator cannot be pickled.
        OSError
            If they cannot be written.
        """
        if not fits:
            return
        step = Path(tempfile.mkdtemp(prefix="writing-", dir=self.folder))
        try:
            for fit in fits:
                joblib.dump((fit.net, fit.seconds, fit.memory, fit.error), step / _file(fit), compress=1)
            step.rename(step.with_name(step.name.replace("writing-", "step-", 1)))
        except BaseException as error:
            shutil.rmtree(step, ignore_errors=True)
            if isinstance(error, OSError):
                told = f"resume={str(self.folder)!r} cannot keep finished fits: {error.strerror or error}"
                raise OSError(error.errno, told) from error
            if isinstance(error, KeyboardInterrupt):
                raise
            raise ValueError(
                f"resume needs an estimator that can be pickled, and this one cannot: {error}"
            ) from error


def _file(fit: Fit) -> str:
    return "-".join(map(str, fit.key)) + ".joblib"


def digests(**parts: Any) -> dict[str, str]:
    """Digest what a comparison is made of.

    Parameters
    ----------
    **parts
        Its parts by name.

    Returns
    -------
    dict of str to str
        A digest of each.
    """
    return {name: str(joblib.hash(part)) for name, part in parts.items()}
