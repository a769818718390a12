"""Results of the benchmarks speak of the project alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RESULTS = [path for path in sorted((ROOT / "benchmarks" / "results").iterdir()) if path.suffix in (".json", ".md")]
OF_A_MACHINE = re.compile(r"(?<![\w.])/(?:tmp|home|root|work|usr|opt|mnt|var)/[\w.-]+")


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.name)
def test_no_path_of_a_machine_is_in_it(path: Path) -> None:
    assert OF_A_MACHINE.findall(path.read_text()) == []


def test_such_paths_are_seen() -> None:
    for folder in ("tmp", "home", "opt"):
        place = "/".join(("", folder, "ab1"))
        assert OF_A_MACHINE.findall(f"cannot open {place}/x.pth: and/or a/{folder}/b") == [place]
