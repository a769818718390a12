"""So does every parameter of the training companions."""

from __future__ import annotations

from typing import Any

import pytest
from hostile_cases import callbacks
from hostile_cases._check import check, every


@pytest.mark.parametrize(("make", "case"), every(callbacks.GROUPS))
def test_case(make: Any, case: Any) -> None:
    check(make, case)
