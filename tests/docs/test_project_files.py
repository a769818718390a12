"""The files for people who join say what is true of the tree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sk_warmstart

ROOT = Path(__file__).parents[2]


def test_the_citation_has_the_version() -> None:
    assert f'version: "{sk_warmstart.__version__}"' in (ROOT / "CITATION.cff").read_text().splitlines()


@pytest.mark.parametrize("parent", ["sk_warmstart", "tests"])
def test_every_folder_stands_in_the_tables_of_contributing(parent: str) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    folders = {path.name for path in (ROOT / parent).iterdir() if path.is_dir() and any(path.glob("*.py"))}
    if parent == "sk_warmstart":
        named = set(re.findall(r"^\| \d \| `(\w+)`", text, re.MULTILINE))
        assert folders == named
    else:
        named = set(re.findall(r"^\| `tests/(\w+)`", text, re.MULTILINE))
        rooms = {path.name for path in (ROOT / "sk_warmstart").iterdir() if path.is_dir()}
        assert folders - rooms == named


def test_every_path_that_contributing_names_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    paths = re.findall(r"`((?:tests|benchmarks|\.ci|sk_warmstart)/[\w./-]+?)`", text)
    missing = [path for path in paths if "keep_strongest" not in path and not (ROOT / path).exists()]
    assert not missing
