"""Disks that are full, and places that cannot be written to."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from sk_warmstart import Checkpoint, CheckpointError, CheckpointStore

from ._case import Call, Case, Group
from ._subjects import LABELS, X, classifier, comparator

_FULL = os.strerror(errno.ENOSPC)


@contextmanager
def full_disk(*names: str) -> Iterator[None]:
    """Let functions fail as they do on a full disk."""
    error = OSError(errno.ENOSPC, _FULL)
    patches = [mock.patch(name, side_effect=error) for name in names]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()


def _on_full_disk(name: str, call: Call) -> Call:
    def failing(subject: Any) -> None:
        with full_disk(name):
            call(subject)

    return failing


def _save(path: str) -> Call:
    return lambda net: Checkpoint.from_estimator(net).save(path)


def _put(net: Any) -> None:
    CheckpointStore("store").put(net)


def _put_in_file(net: Any) -> None:
    Path("a_file").write_text("no folder")
    CheckpointStore("a_file")


def _resume(folder: str) -> Call:
    return lambda compared: compared.set_params(resume=folder).fit(X, LABELS)


CHECKPOINTS = [
    Case("save: the disk is full", _on_full_disk("os.fsync", _save("a.safetensors")), CheckpointError, _FULL),
    Case("save: no such folder", _save("no/such/folder/a.safetensors"), CheckpointError, "cannot write"),
    Case("save: the path is a folder", _save("."), CheckpointError, "cannot write"),
    Case("put: the disk is full", _on_full_disk("os.fsync", _put), CheckpointError, _FULL),
    Case("put: the disk is full at the log", _on_full_disk("os.write", _put), CheckpointError, "log.jsonl"),
    Case("CheckpointStore of a file", _put_in_file, CheckpointError, "a_file: File exists"),
    Case(
        "get: an id that is missing", lambda net: CheckpointStore("store").get("0f"), KeyError, "begins with '0f'"
    ),
]
REPORTS = [
    Case("resume: the disk is full", _on_full_disk("joblib.dump", _resume("kept")), OSError, "resume='kept'"),
    Case("resume: no folder but a file", _resume(os.devnull), words="resume='/dev/null' holds something else"),
    Case("report: no such folder", lambda c: c.report("no/such/folder/r.md"), FileNotFoundError, "r.md"),
    Case("report: an unknown suffix", lambda c: c.report("report.pdf"), words="by the suffix of its path"),
]

GROUPS = [
    Group("checkpoints", {"classifier": classifier}, CHECKPOINTS),
    Group("comparisons", {"comparator": comparator}, REPORTS),
]
