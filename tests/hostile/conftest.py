"""Settings of the tests of bad input."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test write files where it stands."""
    monkeypatch.chdir(tmp_path)
