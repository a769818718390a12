"""One parameter for random numbers: rng."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sk_warmstart.diagnostics import classifier_two_sample, linear_probe_score, mmd, sharpness

A = np.random.default_rng(0).normal(size=(40, 2))
B = np.random.default_rng(1).normal(loc=0.3, size=(40, 2))
LABELS = np.arange(40) % 2


def of_network(**given: Any) -> Any:
    torch.manual_seed(0)
    return sharpness(nn.Linear(2, 2).double(), nn.CrossEntropyLoss(), A, LABELS, n_draws=3, **given)


MEASURES: list[Callable[..., Any]] = [
    lambda **given: mmd(A, B, n_permutations=200, **given),
    lambda **given: classifier_two_sample(A, B, **given),
    lambda **given: linear_probe_score(A, LABELS, **given),
    of_network,
]
SOURCES = [
    lambda: np.random.default_rng(3),
    lambda: np.random.RandomState(3),
    lambda: torch.Generator().manual_seed(3),
]


@pytest.mark.parametrize("measure", MEASURES)
def test_none_and_whole_numbers_draw_the_same_at_every_call(measure: Callable[..., Any]) -> None:
    assert measure() == measure(rng=None) == measure(rng=0)
    assert measure(rng=1) == measure(rng=np.int64(1)) != measure()


@pytest.mark.parametrize("make", SOURCES)
@pytest.mark.parametrize("measure", MEASURES)
def test_generators_of_both_libraries_move_on(measure: Callable[..., Any], make: Callable[[], Any]) -> None:
    source, same = make(), make()
    first = measure(rng=source)
    assert first == measure(rng=same)
    assert first != measure(rng=source)


@pytest.mark.parametrize("rng", [-1, 2**70, 1.5, True, "0", np.random])
@pytest.mark.parametrize("measure", MEASURES)
def test_other_sources_are_refused(measure: Callable[..., Any], rng: Any) -> None:
    with pytest.raises(ValueError, match="rng must be an integer"):
        measure(rng=rng)


def test_old_names_warn_and_work() -> None:
    for measure in MEASURES[:3]:
        with pytest.warns(FutureWarning, match=r"random_state of \w+ is called rng since version 0.2") as found:
            assert measure(random_state=1) == measure(rng=1)
        assert found[0].filename == __file__
    np.random.seed(0)  # noqa: NPY002
    for measure in MEASURES[:3]:
        with pytest.warns(FutureWarning, match="random_state"):
            assert len({measure(random_state=None) for _ in range(4)}) > 1  # as its None always did
    with pytest.warns(FutureWarning, match="generator of sharpness is called rng"):
        assert of_network(generator=torch.Generator().manual_seed(1)) == of_network(rng=1)
