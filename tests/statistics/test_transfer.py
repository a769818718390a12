"""Transfer, forgetting and flips, by hand and by their laws."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score

from sk_warmstart.statistics import (
    average_accuracy,
    average_incremental_accuracy,
    backward_transfer,
    forgetting,
    forward_transfer,
    negative_flip_rate,
    positive_flip_rate,
    retained_accuracy,
)

NAN = math.nan
# Three phases; phase 1 is best known after phase 2.
R = [
    [0.80, 0.30, 0.20],
    [0.85, 0.70, 0.35],
    [0.60, 0.75, 0.90],
]
LOWER = [[0.80, NAN, NAN], [0.85, 0.70, NAN], [0.60, 0.75, 0.90]]

# -- a matrix of scores ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scores", [R, LOWER, np.array(R)])
def test_by_hand(scores: object) -> None:
    assert average_accuracy(scores) == pytest.approx((0.60 + 0.75 + 0.90) / 3)
    assert backward_transfer(scores) == pytest.approx(((0.60 - 0.80) + (0.75 - 0.70)) / 2)
    if scores is LOWER:
        assert forgetting(scores) == pytest.approx(((0.85 - 0.60) + (0.70 - 0.75)) / 2)


def test_forward_transfer_by_hand() -> None:
    assert forward_transfer(R, 0.1) == pytest.approx(((0.30 - 0.1) + (0.35 - 0.1)) / 2)
    assert forward_transfer(R, [NAN, 0.25, 0.05]) == pytest.approx((0.05 + 0.30) / 2)
    assert math.isnan(forward_transfer(LOWER, 0.1))  # what was not measured is not made up


def test_forgetting_counts_from_the_best_score_not_the_first() -> None:
    assert forgetting(R) == pytest.approx(((0.85 - 0.60) + (0.70 - 0.75)) / 2)
    assert forgetting([[0.8, 0.1], [0.9, 0.5]]) == pytest.approx(-0.1)  # below 0 where it got better


def test_with_two_phases_forgetting_is_backward_transfer_turned_round() -> None:
    two = [[0.9, NAN], [0.6, 0.8]]
    assert forgetting(two) == pytest.approx(-backward_transfer(two)) == pytest.approx(0.3)


def test_one_phase() -> None:
    assert average_accuracy([[0.7]]) == 0.7
    for measure in (backward_transfer, forgetting, lambda r: forward_transfer(r, 0.0)):
        with pytest.raises(ValueError, match="scores must be those of at least 2 phases"):
            measure([[0.7]])


@pytest.mark.parametrize("scores", [[0.1, 0.2], [[0.1, 0.2]], [[[0.1]]]])
def test_scores_are_a_square(scores: list) -> None:
    with pytest.raises(ValueError, match="scores must have one row and one column for each phase"):
        average_accuracy(scores)


def test_no_scores_and_the_wrong_baseline() -> None:
    with pytest.raises(ValueError, match="scores must be those of at least 1 phase"):
        average_accuracy(np.empty((0, 0)))
    with pytest.raises(ValueError, match="baseline must be one number or one for each of the 3 phases"):
        forward_transfer(R, [0.1, 0.1])
    with pytest.raises(ValueError, match="at least one number above the last in each column"):
        forgetting([[NAN, NAN], [0.6, 0.8]])


# -- predictions before and after ------------------------------------------------------------------------

Y = np.array(["a", "a", "a", "b", "b", "b", "c", "c", "c", "c"])
BEFORE = np.array(["a", "a", "b", "b", "b", "a", "c", "c", "b", "a"])  # 6 right
AFTER = np.array(["a", "b", "a", "b", "a", "a", "c", "c", "c", "c"])  # of these 4 still, and 3 more


def test_flips_by_hand() -> None:
    assert negative_flip_rate(Y, BEFORE, AFTER) == 2 / 10
    assert positive_flip_rate(Y, BEFORE, AFTER) == 3 / 10
    assert retained_accuracy(Y, BEFORE, AFTER) == pytest.approx(4 / 6)


labels = st.lists(st.tuples(*[st.integers(0, 2)] * 3), min_size=1, max_size=30)


@given(labels)
def test_flips_add_up_to_the_gain_in_accuracy(rows: list[tuple[int, int, int]]) -> None:
    y, before, after = np.array(rows).T
    was, now = accuracy_score(y, before), accuracy_score(y, after)
    lost = negative_flip_rate(y, before, after)
    assert positive_flip_rate(y, before, after) - lost == pytest.approx(now - was)
    if was:
        assert retained_accuracy(y, before, after) == pytest.approx(1 - lost / was)
    else:
        assert math.isnan(retained_accuracy(y, before, after))


def test_predictions_must_fit() -> None:
    with pytest.raises(ValueError, match="there are 2 labels, but predictions have the shape"):
        negative_flip_rate([0, 1], [0, 1], [0])
    with pytest.raises(ValueError, match="y_true must be a list of labels, and at least one"):
        retained_accuracy([], [], [])


# -- classes that arrive ---------------------------------------------------------------------------------


def test_average_incremental_accuracy_is_the_mean_over_the_phases() -> None:
    assert average_incremental_accuracy([0.9, 0.6, 0.6]) == pytest.approx(0.7)
    with pytest.raises(ValueError, match="accuracies must be a list of numbers, one for each phase"):
        average_incremental_accuracy([])
