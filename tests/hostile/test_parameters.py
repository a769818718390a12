"""Every parameter of the estimators says when it is out of range."""

from __future__ import annotations

from typing import Any

import pytest
from hostile_cases import parameters
from hostile_cases._check import check, every


@pytest.mark.parametrize(("make", "case"), every(parameters.GROUPS))
def test_case(make: Any, case: Any) -> None:
    check(make, case)
