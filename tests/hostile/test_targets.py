"""So are targets, weights, identities and validation rows."""

from __future__ import annotations

from typing import Any

import pytest
from hostile_cases import targets
from hostile_cases._check import check, every


@pytest.mark.parametrize(("make", "case"), every(targets.GROUPS))
def test_case(make: Any, case: Any) -> None:
    check(make, case)
