"""Expected failures of a foreign test suite: each has a name and a reason, and must fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest


class ExpectedFailures:
    """pytest plugin that marks tests as expected to fail, and tells of them at the end.

    Parameters
    ----------
    suite : str
        What is run, for the last lines.
    reasons : mapping
        For each reason the names of its tests, as ``file.py::Class::function[parameters]``. Without parameters all
        cases of a test are meant. A name without a test is an error.
    """

    def __init__(self, suite: str, reasons: Mapping[str, tuple[str, ...]]):
        self.suite, self.reasons = suite, reasons

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        wanted = {name: reason for reason, names in self.reasons.items() for name in names}
        met = set()
        for item in items:
            for name in {_name(item), _name(item).partition("[")[0]} & wanted.keys():
                met.add(name)
                item.add_marker(pytest.mark.xfail(reason=wanted[name], strict=True))
        if unmet := wanted.keys() - met:
            raise pytest.UsageError(f"no such tests in {self.suite}: {sorted(unmet)}")

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        counts = Counter(report.wasxfail for report in terminalreporter.stats.get("xfailed", ()))
        passed = len(terminalreporter.stats.get("passed", ()))
        own = {reason: counts[reason] for reason in self.reasons}
        cases, tests = sum(own.values()), sum(map(len, self.reasons.values()))
        terminalreporter.section(f"{self.suite}: {passed} passed; {cases} cases of {tests} tests fail as expected")
        for reason, count in own.items():
            terminalreporter.write_line(f"{count:3d}  {reason}")


def _name(item: Any) -> str:
    holder = f"{item.cls.__name__}::" if item.cls is not None else ""
    return f"{item.path.name}::{holder}{item.name}"
