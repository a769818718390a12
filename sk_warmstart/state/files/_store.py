"""Folder of checkpoints with a log of their lineage."""

from __future__ import annotations

import contextlib
import datetime
import errno
import json
import os
from collections.abc import Iterable, Iterator
from numbers import Integral
from pathlib import Path
from typing import Any, TypeGuard

import pandas as pd

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from ..._warning import warn_caller
from ._checkpoint import Checkpoint
from ._container import CheckpointError
from ._structure import is_id

_LOG = "log.jsonl"
_LOCK = ".lock"
_ENDING = ".safetensors"
_COLUMNS = [
    "id", "parent", "time", "score", "scored_on", "policy", "generation", "rows", "rows_seen", "epochs", "nbytes",
    "present",
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
        self.folder = Path(folder).absolute()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CheckpointError(f"cannot make the folder {self.folder}: {error.strerror or error}") from error

    def put(
        self, source: Any, score: float | None = None, *, scored_on: str | None = None, rows: bool = True
    ) -> str:
        """Store what an estimator knows.

        Parameters
        ----------
        source : Checkpoint or fitted estimator
            What to store; of a Pipeline its network only, see :meth:`Checkpoint.from_estimator`.
        score : float, default=None
            What :meth:`get` calls best goes by it; greater is better. By default the score on the validation
            rows of the fit, where there were any.
        scored_on : str or None, default=None
            A name of the measure and the rows that a given score is of, such as ``"auc 2024-05"``: only scores of
            one name are compared. Given scores without a name count as of the same rows; validation scores have
            the digest of their rows, so that those of a fit on other rows, or with another ``scoring``, are not
            compared with them.
        rows : bool, default=True
            Whether the file remembers the rows that trained it; see :meth:`Checkpoint.save`.

        Returns
        -------
        str
            Its id. The same state put again replaces its file.

        Raises
        ------
        CheckpointError
            If the file or the log cannot be written.
        ValueError
            If ``scored_on`` is no text of one line, or is given without a score.
        """
        checkpoint = source if isinstance(source, Checkpoint) else Checkpoint.from_estimator(source)
        if not is_id(checkpoint.id):
            raise CheckpointError(f"{checkpoint.id[:80]!r} is no id of a checkpoint: load it from its file")
        if scored_on is not None and not (isinstance(scored_on, str) and scored_on.isprintable()):
            raise ValueError(f"scored_on must be None or a text of one line, got {scored_on!r}")
        if scored_on is not None and score is None:
            raise ValueError("scored_on names the rows of a score: give score too")
        if score is None:
            judged = _judged(checkpoint, rows)
        else:
            judged = {"score": float(score), "scored_on": scored_on}
        with self._locked():
            checkpoint.save(self._path(checkpoint.id), rows=rows)
            self._append({"event": "put", **self._record(checkpoint), **judged})
        return checkpoint.id

    def get(self, which: str = "latest") -> Checkpoint:
        """Load a checkpoint.

        Parameters
        ----------
        which : str, default="latest"
            ``"latest"``, ``"best"``, or an id or an unambiguous beginning of one. The best has the greatest score
            of those on the same rows as the latest score (``scored_on``, see :meth:`put`). To compare all of them
            on rows of today, score them anew: ``{name: store.get(name).to_estimator(net).score(X, y) for name in
            store}``.

        Returns
        -------
        Checkpoint
            The checkpoint.

        Raises
        ------
        KeyError
            If there is none.
        CheckpointError
            If its file cannot be read.

        Warns
        -----
        UserWarning
            If the best is the best of some, as others were scored on other rows.
        """
        missed = None
        while True:
            path = self._path(self._find(which))
            try:
                return Checkpoint.load(path)
            except CheckpointError:
                # Another process may just have removed it, so that there is another latest one, or none. A name
                # that stays without a file, such as a link that leads nowhere, is an error.
                if path == missed or os.path.exists(path):
                    raise
                missed = path

    def history(self) -> pd.DataFrame:
        """Return one row for each put, the oldest first.

        Returns
        -------
        DataFrame
            ``id``, ``parent``, ``time``, ``score``, ``scored_on``, ``policy``, ``generation``, ``rows``,
            ``rows_seen``, ``epochs``, ``nbytes``, and ``present``: whether its file is still there.
        """
        return self._history(set(self))

    def _history(self, present: set[str]) -> pd.DataFrame:
        """Return the puts, given the names of the files that are there."""
        records = [record for record in self._log() if record.get("event") == "put"]
        logged = {record["id"] for record in records}
        # A file without a line (its process died between the two) stands where its time says.
        for unlogged in sorted(filter(is_id, present - logged)):
            with contextlib.suppress(CheckpointError):
                checkpoint = Checkpoint.load(self._path(unlogged))
                if checkpoint.id != unlogged:
                    continue  # a copy under another name is no other put
                judged = _judged(checkpoint, checkpoint.keeps_rows)
                record = {**self._record(checkpoint), "time": checkpoint.created, **judged}
                later = (i for i, other in enumerate(records) if _moment(other) > _moment(record))
                records.insert(next(later, len(records)), record)
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
        with self._locked():
            return self._prune(keep)

    def _prune(self, keep: int | Iterable[str]) -> list[str]:
        # One look at the folder says what there is and what is kept: what others put meanwhile, where the system
        # has no locks, is not removed.
        files = {name: _version_of(self._path(name)) for name in self}
        table = self._history(set(files))
        newest = table[table["present"]].drop_duplicates("id", keep="last")
        if isinstance(keep, Integral) and not isinstance(keep, bool):
            if keep < 0:
                raise ValueError(f"keep must be at least 0 or a list of ids, got {keep}")
            kept = set(newest["id"].tail(int(keep))) if keep else set()
            if keep and newest["score"].notna().any():
                kept.add(_best(newest))
        else:
            names = [keep] if isinstance(keep, str) else keep
            kept = {self._find(which) for which in names}  # type: ignore[union-attr]
        removed = []
        for name in newest["id"]:
            path = self._path(name)
            if name in kept or _version_of(path) != files[name]:
                continue
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise CheckpointError(f"cannot remove {path}: {error.strerror or error}") from error
            self._append({"event": "prune", "id": name})
            removed.append(name)
        return sorted(removed)

    def __iter__(self) -> Iterator[str]:
        try:
            names = os.listdir(self.folder)
        except OSError as error:
            raise CheckpointError(f"cannot look into {self.folder}: {error.strerror or error}") from error
        ours = (name.removesuffix(_ENDING) for name in names if name.endswith(_ENDING) and name[0] != ".")
        return iter(sorted(ours))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, which: object) -> bool:
        return which in set(self)

    def __repr__(self) -> str:
        return f"CheckpointStore({os.fspath(self.folder)!r})"

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes from putting and pruning meanwhile, where the system can; a kill ends it."""
        with contextlib.ExitStack() as stack:
            if fcntl is not None:
                with contextlib.suppress(OSError):
                    file = stack.enter_context(open(self.folder / _LOCK, "ab"))
                    fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _path(self, name: str) -> Path:
        if os.path.basename(name) != name or name in ("", ".", ".."):
            raise CheckpointError(f"{name!r} is no id of a checkpoint")
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
                table = table[table["score"].notna()]
                n_scored, table = len(table), _comparable(table)
                if len(table) < n_scored:
                    warn_caller(
                        f"{len(table)} of {n_scored} scores in {self!r} are of the same rows as the latest one, "
                        "and the best of these is returned: put(..., score=..., scored_on=...) scores of all on "
                        "the same rows to compare all"
                    )
            if table.empty:
                reason = "no checkpoint with a score: put(..., score=...)" if which == "best" else "no checkpoint"
                raise KeyError(f"{self!r} holds {reason}")
            return _best(table) if which == "best" else str(table["id"].iloc[-1])
        found = [name for name in self if which and name.startswith(str(which))]
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
        path = self.folder / _LOG
        try:
            if not path.is_file() and path.exists():
                raise OSError("it is no file")  # a pipe would be waited for
            text = path.read_text(errors="replace")
        except FileNotFoundError:
            return
        except OSError as error:
            raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
        for line in text.split("\n"):
            with contextlib.suppress(ValueError, RecursionError):
                record = json.loads(line) if line else None
                if _is_record(record):
                    yield record


def _is_record(record: Any) -> TypeGuard[dict[str, Any]]:
    """Tell whether a line of the log is one that we write."""
    if not isinstance(record, dict) or not is_id(record.get("id")):
        return False
    if record.get("event") == "prune":
        return True
    counts = (record.get(name) for name in ("generation", "rows", "rows_seen", "epochs", "nbytes"))
    parent, policy, score = record.get("parent"), record.get("policy"), record.get("score")
    if record.get("event") != "put" or not all(type(count) is int and 0 <= count < 2**62 for count in counts):
        return False
    texts = (parent is None or is_id(parent)) and isinstance(policy, str) and policy.isprintable()
    scored_on = record.get("scored_on")
    texts = texts and (scored_on is None or (isinstance(scored_on, str) and scored_on.isprintable()))
    number = score is None or (type(score) is float) or (type(score) is int and abs(score) < 2**62)
    try:
        datetime.datetime.fromisoformat(record["time"])
    except (KeyError, TypeError, ValueError):
        return False
    return texts and number


def _moment(record: dict[str, Any]) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(record["time"])
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _judged(checkpoint: Checkpoint, rows: bool) -> dict[str, Any]:
    """Return the validation score of a fit, and the measure and rows that it is of: its own where not known."""
    line = checkpoint.lineage
    score = line["scores"].get("valid_score")
    if score is None:
        return {"score": None, "scored_on": None}
    judges = (line.get("scored_on") if rows else None) or f"fit {checkpoint.id}"
    measure = "" if line.get("scoring") is None else f" by {line['scoring']}"
    return {"score": float(score), "scored_on": "".join(c for c in judges + measure if c.isprintable())}


def _comparable(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with a score, of those that were scored as the latest one was."""
    scored = table[table["score"].notna()]
    names = scored["scored_on"].fillna("")
    return scored[names == names.tail(1).squeeze()] if len(scored) else scored


def _best(table: pd.DataFrame) -> str:
    return str(_comparable(table).sort_values("score", kind="stable")["id"].iloc[-1])


def _version_of(path: Path) -> tuple[int, int] | None:
    """Tell one file of a name from the next; None where there is none."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_ino, about.st_mtime_ns


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
