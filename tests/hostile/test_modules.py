"""A module or a loss that does not fit the data is named."""

from __future__ import annotations

from typing import Any

import pytest
from hostile_cases import modules
from hostile_cases._check import check, every


@pytest.mark.parametrize(("make", "case"), every(modules.GROUPS))
def test_case(make: Any, case: Any) -> None:
    check(make, case)
