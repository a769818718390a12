"""Folder of checkpoints with a log of their lineage."""

from __future__ import annotations

import contextlib
import datetime
import errno
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from ._checkpoint import Checkpoint
from ._container import CheckpointError

_LOG = "log.jsonl"
_ENDING = ".safetensors"
_COLUMNS = [
    "id", "parent", "time", "score", "policy", "generation", "rows", "rows_seen", "epochs", "nbytes", "present",
]  # fmt: skip


class CheckpointStore:
    """A folder of checkpoints with an append-only log of their lineage.

    Several processes may put at once: each file is written whole, and each line of the log by one write. A line
    cut off by a power failure costs that line only; its file, if it is there, is found again.

    Parameters
    ----------
    folder : str or PathLike
        The folder; made if it does not exist.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_iris
    >>> from sk_warmstart import CheckpointStore, WarmStartClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> net = WarmStartClassifier(warm_start=True, max_epochs=2, random_state=0)
    >>> store = CheckpointStore(tempfile.mkdtemp())
    >>> first = store.put(net.fit(X, y))
    >>> second = store.put(net.fit(X, y))
    >>> store.get("latest").parent == first
    True
    >>> store.lineage(second)["policy"].tolist()
    ['Warm', 'Cold']
    """

    def __init__(self, folder: str | os.PathLike):
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CheckpointError(f"cannot make the folder {self.folder}: {error.strerror or error}") from error

    def put(self, source: Any, score: float | None = None) -> str:
        """Store what an estimator knows.

        Parameters
        ----------
        source : Checkpoint or fitted estimator
            What to store.
        score : float, default=None
            What :meth:`get` calls best goes by it; greater is better. By default the score on the validation
            rows of the fit, where there were any.

        Returns
        -------
        str
            Its id. The same state put again replaces its file.

        Raises
        ------
        CheckpointError
            If the file or the log cannot be written.
        """
        checkpoint = source if isinstance(source, Checkpoint) else Checkpoint.from_estimator(source)
        line = checkpoint.lineage
        checkpoint.save(self._path(checkpoint.id))
        record = self._record(checkpoint)
        record["score"] = line["scores"].get("valid_score") if score is None else float(score)
        self._append({"event": "put", **record})
        return checkpoint.id

    def get(self, which: str = "latest") -> Checkpoint:
        """Load a checkpoint.

        Parameters
        ----------
        which : str, default="latest"
            ``"latest"``, ``"best"`` (the greatest score), or an id or an unambiguous beginning of one.

        Returns
        -------
        Checkpoint
            The checkpoint.

        Raises
        ------
        KeyError
            If there is none.
        """
        return Checkpoint.load(self._path(self._find(which)))

    def history(self) -> pd.DataFrame:
        """Return one row for each put, the oldest first.

        Returns
        -------
        DataFrame
            ``id``, ``parent``, ``time``, ``score``, ``policy``, ``generation``, ``rows``, ``rows_seen``,
            ``epochs``, ``nbytes``, and ``present``: whether its file is still there.
        """
        records = [record for record in self._log() if record.get("event") == "put"]
        present = set(self)
        logged = {record["id"] for record in records}
        for unlogged in sorted(present - logged):
            with contextlib.suppress(CheckpointError):
                checkpoint = Checkpoint.load(self._path(unlogged))
                score = checkpoint.lineage["scores"].get("valid_score")
                records.append({**self._record(checkpoint), "time": checkpoint.created, "score": score})
        table = pd.DataFrame(records, columns=_COLUMNS)
        table["present"] = table["id"].isin(present)
        table["score"] = table["score"].astype(float)
        return table

    def lineage(self, which: str = "latest") -> pd.DataFrame:
        """Return a checkpoint and its ancestors, itself first.

        Parameters
        ----------
        which : str, default="latest"
            As in :meth:`get`; also the id of one that was pruned.

        Returns
        -------
        DataFrame
            As from :meth:`history`, one row a generation, as far back as the store knows.
        """
        table = self.history().drop_duplicates("id", keep="last").set_index("id", drop=False)
        chain: list[str] = []
        following: str | None = which if which in table.index else self._find(which)
        while following is not None and following in table.index and following not in chain:
            chain.append(following)
            parent = table.loc[following, "parent"]
            following = parent if isinstance(parent, str) else None
        return table.loc[chain].reset_index(drop=True)

    def prune(self, keep: int | Iterable[str]) -> list[str]:
        """Remove files; the log remembers what they were.

        Parameters
        ----------
        keep : int or iterable of str
            Keep this many of the latest, and the best one; or exactly these ids. Files that are no checkpoints
            stay.

        Returns
        -------
        list of str
            The ids that were removed.

        Raises
        ------
        ValueError
            If ``keep`` is negative.
        KeyError
            If there is no checkpoint of such an id.
        """
        if isinstance(keep, int) and not isinstance(keep, bool):
            if keep < 0:
                raise ValueError(f"keep must be at least 0 or a list of ids, got {keep}")
            table = self._newest()
            kept = set(table["id"].tail(keep)) if keep else set()
            if keep and table["score"].notna().any():
                kept.add(self._find("best"))
        else:
            names = [keep] if isinstance(keep, str) else keep
            kept = {self._find(which) for which in names}  # type: ignore[union-attr]
        ours = set(self.history()["id"])
        removed = [name for name in self if name in ours and name not in kept]
        for name in removed:
            with contextlib.suppress(FileNotFoundError):
                self._path(name).unlink()
            self._append({"event": "prune", "id": name})
        return removed

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(path.name.removesuffix(_ENDING) for path in self.folder.glob(f"[!.]*{_ENDING}")))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, which: object) -> bool:
        return which in set(self)

    def __repr__(self) -> str:
        return f"CheckpointStore({os.fspath(self.folder)!r})"

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{_ENDING}"

    def _record(self, checkpoint: Checkpoint) -> dict[str, Any]:
        line = checkpoint.lineage
        facts = {key: line[key] for key in ("parent", "policy", "generation", "rows", "rows_seen", "epochs")}
        return {"id": checkpoint.id, "time": _now(), "nbytes": checkpoint.nbytes, **facts}

    def _newest(self) -> pd.DataFrame:
        table = self.history()
        return table[table["present"]].drop_duplicates("id", keep="last")

    def _find(self, which: str) -> str:
        if which in ("latest", "best"):
            table = self._newest()
            if which == "best":
                table = table[table["score"].notna()].sort_values("score", kind="stable")
            if table.empty:
                reason = "no checkpoint with a score: put(..., score=...)" if which == "best" else "no checkpoint"
                raise KeyError(f"{self!r} holds {reason}")
            return str(table["id"].iloc[-1])
        found = [name for name in self if name.startswith(str(which))]
        if len(found) != 1:
            raise KeyError(f"{self!r} holds {len(found)} checkpoints whose id begins with {which!r}")
        return found[0]

    def _append(self, record: dict[str, Any]) -> None:
        # One write to a file opened for appending is one piece, also between processes. With a newline at both
        # ends neither a line cut off before nor what a power failure leaves behind spoils it.
        data = f"\n{json.dumps(record)}\n".encode()
        path = self.folder / _LOG
        try:
            handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                if os.write(handle, data) < len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # there was room for a part of it
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise CheckpointError(f"cannot write {path}: {error.strerror or error}") from error

    def _log(self) -> Iterator[dict[str, Any]]:
        try:
            text = (self.folder / _LOG).read_text(errors="replace")
        except FileNotFoundError:
            return
        for line in text.split("\n"):
            with contextlib.suppress(ValueError):
                record = json.loads(line) if line else None
                if isinstance(record, dict) and isinstance(record.get("id"), str):
                    yield record


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
