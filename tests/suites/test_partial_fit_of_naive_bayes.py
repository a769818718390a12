"""scikit-learn's test of a first partial fit, which takes any classifier."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.tests.test_naive_bayes import test_NB_partial_fit_no_first_classes as _check

from sk_warmstart import WarmStartClassifier


@pytest.mark.parametrize("seed", [0, 1])
def test_the_first_call_asks_for_all_classes_and_later_ones_for_the_same(seed: int) -> None:
    def classifier() -> Any:
        return WarmStartClassifier(random_state=seed)

    _check(classifier, seed)
