"""What cannot be written leaves what was there."""

from __future__ import annotations

from typing import Any

import pytest
from hostile_cases import saving
from hostile_cases._check import check, every


@pytest.mark.parametrize(("make", "case"), every(saving.GROUPS))
def test_case(make: Any, case: Any) -> None:
    check(make, case)
