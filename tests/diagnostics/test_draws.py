"""Random numbers of the diagnostics: any kind of generator, and the old names of the parameter."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sk_warmstart.diagnostics import classifier_two_sample, linear_probe_score, mmd, sharpness

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(40, 2)), RNG.normal(0.2, size=(40, 2))
NETWORK = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1)).double()
ROWS, TARGETS = torch.from_numpy(A), torch.from_numpy(B[:, :1])


def measure(name: str, **params: Any) -> Any:
    """Call a measure that draws, on fixed data."""
    if name == "sharpness":
        return sharpness(NETWORK, nn.MSELoss(), ROWS, TARGETS, **params)
    if name == "linear_probe_score":
        return linear_probe_score(A, A[:, 0] + B[:, 0], **params)
    return {"mmd": mmd, "classifier_two_sample": classifier_two_sample}[name](A, B, **params)


DRAWING = ["mmd", "classifier_two_sample", "linear_probe_score", "sharpness"]


@pytest.mark.parametrize("name", DRAWING)
def test_any_kind_of_generator(name: str) -> None:
    assert measure(name) == measure(name, rng=None) == measure(name, rng=0) != measure(name, rng=1)
    makers = (np.random.default_rng, np.random.RandomState, lambda seed: torch.Generator().manual_seed(seed))
    for make in makers:
        assert measure(name, rng=make(1)) == measure(name, rng=make(1)) != measure(name, rng=make(2))
        used = make(1)
        assert measure(name, rng=used) != measure(name, rng=used)  # it moves
    for bad in (-1, 2**32, 0.5, "seed", True):
        with pytest.raises(ValueError, match=r"rng must be an integer from 0 to 2\*\*32 - 1"):
            measure(name, rng=bad)


@pytest.mark.parametrize("name", DRAWING)
def test_old_names_warn_where_they_are_used(name: str) -> None:
    old = "generator" if name == "sharpness" else "random_state"
    new = torch.Generator().manual_seed(2) if name == "sharpness" else 2
    with pytest.warns(FutureWarning, match=f"the parameter {old} of {name} is called rng") as caught:
        found = measure(name, **{old: new})
    assert caught[0].filename == __file__
    assert found == measure(name, rng=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        draws = {measure(name, **{old: None}) for _ in range(4)}
    assert (len(draws) == 1) == (name == "sharpness")  # its None was a fixed default, that of the others was not
