"""So do phases that the rows do not allow."""

from __future__ import annotations

from typing import Any

import pytest
from hostile_cases import phases
from hostile_cases._check import check, every


@pytest.mark.parametrize(("make", "case"), every(phases.GROUPS))
def test_case(make: Any, case: Any) -> None:
    check(make, case)
