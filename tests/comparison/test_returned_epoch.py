"""What is compared is the fit that the user would have: its last epoch, or with early stopping its best."""

from __future__ import annotations

import pytest
from comparators import X, Y, comparator, net

ARMS = {"cold": "cold", "warm": "warm", "harmed": {"init_policy": "warm", "lr": 0.5}}


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_a_start_comes_back_only_with_early_stopping(early_stopping: bool, packed: bool) -> None:
    estimator = net(max_epochs=6, lr=0.01, early_stopping=early_stopping, batch_size=16)
    compared = comparator(estimator, policies=ARMS, n_repeats=3, packed=packed).fit(X, Y)
    runs = compared.results_.set_index(["repeat", "phase", "arm"])
    ended_below_the_start = 0
    for key, curve in compared.curves_.groupby(["repeat", "phase", "arm"]):
        scores = curve.sort_values("epoch")["valid_score"].to_numpy()
        expected = scores.max() if early_stopping else scores[-1]
        assert runs.loc[key, "final_valid_score"] == pytest.approx(expected)
        ended_below_the_start += int(scores[-1] < scores[0])
    assert ended_below_the_start  # otherwise this tells nothing
