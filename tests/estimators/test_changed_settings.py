"""Settings that a row of partial fits cannot take up."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from helpers import Sine, iris, net

X, Y = iris()


@pytest.mark.parametrize("module", [{}, {"module": Sine}])
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"optimizer": torch.optim.SGD}, "optimizer changed since"),
        ({"optimizer": torch.optim.SGD, "optimizer__momentum": 0.9, "lr": 0.1}, "optimizer changed since"),
        ({"optimizer__wieght_decay": 0.5}, "optimizer__wieght_decay is no parameter of the optimizer AdamW"),
        ({"optimizer__momentum": 0.5}, "optimizer__momentum is no parameter of the optimizer AdamW"),
        ({"dtype": "float32"}, "dtype changed since"),
    ],
)
def test_partial_fit_refuses_what_it_would_not_use(module: Any, changes: Any, words: str) -> None:
    subject = net(classes=[0, 1, 2], **module).partial_fit(X, Y)
    before = subject.predict_proba(X)
    subject.set_params(**changes)
    with pytest.raises(ValueError, match=words):
        subject.partial_fit(X, Y)
    assert (subject.predict_proba(X) == before).all()
    if "wieght" not in words and "momentum" not in words:
        fitted = subject.set_params(warm_start=True).fit(X, Y)
        assert type(fitted.optimizer_) is subject.optimizer
        assert subject.partial_fit(X, Y) is subject


def test_numbers_of_the_optimizer_at_hand_are_taken_up() -> None:
    subject = net(classes=[0, 1, 2]).partial_fit(X, Y)
    subject.set_params(lr=0.5, optimizer__weight_decay=0.1).partial_fit(X, Y)
    group = subject.optimizer_.param_groups[0]
    assert (group["lr"], group["weight_decay"]) == (0.5, 0.1)
    assert subject.set_params(dtype="float64").partial_fit(X, Y) is subject
