"""The lists of cases are a package of their own, which the script of the table imports too."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test write files where it stands."""
    monkeypatch.chdir(tmp_path)
