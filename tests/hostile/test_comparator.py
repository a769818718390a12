"""A comparison that cannot be made says so before hours are spent."""

from __future__ import annotations

from typing import Any

import pytest
from hostile_cases import comparator
from hostile_cases._check import check, every


@pytest.mark.parametrize(("make", "case"), every(comparator.GROUPS))
def test_case(make: Any, case: Any) -> None:
    check(make, case)
