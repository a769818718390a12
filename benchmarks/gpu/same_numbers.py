"""Run the tests marked ``gpu``, and write which passed.

python benchmarks/gpu/same_numbers.py --out OUT
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from _timing import made_by, write

ROOT = Path(__file__).parents[2]


class Counted:
    """What pytest reports."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.failures: list[str] = []

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Count a test once, and keep the end of what a failure says."""
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.outcome] += 1
        if report.failed:
            self.failures.append(f"{report.nodeid}: {str(report.longrepr)[-2_000:]}")


def main() -> None:
    """Run the tests, and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", help="cpu rehearses the tests of equal numbers")
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    options = parser.parse_args()
    os.environ["SK_WARMSTART_GPU_TESTS_ON"] = options.device
    counted = Counted()
    folders = ["tests/gpu"] if options.device == "cpu" else ["tests/gpu", "tests/training", "tests/estimators"]
    # The machine may lack libraries of the other tests, and have plugins of its own.
    quiet = ["-q", "-p", "no:cacheprovider", "-W", "default", "--continue-on-collection-errors"]
    chosen = [*(str(ROOT / folder) for folder in folders), "-m", "gpu", "--rootdir", str(ROOT)]
    code = pytest.main([*chosen, *quiet], plugins=[counted])
    rows = [{"outcome": outcome, "tests": count} for outcome, count in sorted(counted.outcomes.items())]
    name = torch.cuda.get_device_name() if options.device != "cpu" else "cpu"
    about = made_by("benchmarks/gpu/same_numbers.py", device=name, failures=counted.failures)
    write(options.out, rows or [{"outcome": "none collected", "tests": 0}], about)
    raise SystemExit(int(code))


if __name__ == "__main__":
    main()
