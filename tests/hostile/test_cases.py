"""Bad input of every kind: the right error, in clear words, and nothing lost; odd input that must work."""

from __future__ import annotations

from typing import Any

import pytest
from hostile_cases import LISTS
from hostile_cases._check import check, parameters_of


@pytest.mark.parametrize(("make", "case"), parameters_of(LISTS))
def test_case(make: Any, case: Any) -> None:
    check(make, case)
