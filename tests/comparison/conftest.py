"""Findings made by hand and the comparators of tests are modules of their own, which several tests import."""

import sys
from pathlib import Path

import pytest

from sk_warmstart import WarmStartComparator

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def fitted() -> WarmStartComparator:
    """A comparison of three arms, which no test may change."""
    from comparators import X, Y, comparator

    return comparator(n_repeats=3, refit="best", policies=("warm", "cold", "shrink_perturb")).fit(X, Y)
