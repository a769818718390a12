"""Holm's adjustment for several arms."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sk_warmstart.statistics import holm

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def rejected_by_holm(p: list[float], alpha: float) -> set[int]:
    """The procedure as published: step down until one is too large."""
    out: set[int] = set()
    for step, i in enumerate(np.argsort(p, kind="stable")):
        if p[i] > alpha / (len(p) - step):
            break
        out.add(int(i))
    return out


@given(p_values, st.sampled_from([0.01, 0.05, 0.2]))
def test_adjusted_p_values_reject_what_the_procedure_rejects(p: list[float], alpha: float) -> None:
    adjusted = holm(p)
    clear = np.abs(adjusted - alpha) > 1e-9
    if clear.all():
        assert set(np.flatnonzero(adjusted <= alpha).tolist()) == rejected_by_holm(p, alpha)


@given(p_values)
def test_adjusting_never_makes_smaller_nor_changes_the_order(p: list[float]) -> None:
    adjusted = holm(p)
    assert (adjusted >= np.asarray(p)).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


def test_a_worked_example() -> None:
    # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_the_reference_has_no_p_value_and_does_not_count() -> None:
    adjusted = holm([math.nan, 0.01, 0.03])
    assert math.isnan(adjusted[0])
    assert adjusted[1:] == pytest.approx([0.02, 0.03])
    assert holm([]).shape == (0,)


def test_no_probability_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"p_values must be in \[0, 1\]"):
        holm([0.1, 1.2])
