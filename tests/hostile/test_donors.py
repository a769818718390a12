"""A donor that is none, does not fit or holds no numbers is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hostile_cases import donors
from hostile_cases._check import check, every


@pytest.mark.parametrize(("make", "case"), every(donors.GROUPS))
def test_case(make: Any, case: Any) -> None:
    check(make, case)
