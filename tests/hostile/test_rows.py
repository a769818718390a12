"""Rows that are wrong are refused, and cost nothing; rows that are odd are taken."""

from __future__ import annotations

from typing import Any

import pytest
from hostile_cases import rows
from hostile_cases._check import check, every


@pytest.mark.parametrize(("make", "case"), every(rows.GROUPS))
def test_case(make: Any, case: Any) -> None:
    check(make, case)
