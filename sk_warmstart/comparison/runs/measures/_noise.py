"""Score of a network whose weights are moved by noise in proportion to their size."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ....estimators import WarmStartMixin
from ....state import NetState
from ...phases._phase import Index
from .._answers import Answers
from ._conditions import thinned

NOISES = (0.01, 0.05, 0.2)  # of the root mean square of each tensor
_LEAST_DRAWS, _DRAWS = 3, 10  # in a replicate, and in all


def score_under_noise(
    answers: Answers, rows: Index, seed: int, place: dict[str, Any], n_repeats: int = 1
) -> list[dict[str, Any]]:
    """Return for each size of noise the score without it, and its mean over draws, ten or more in all replicates.

    The estimator is left as it was; there are no rows where it is of another library. Of many rows some count.
    """
    if not isinstance(answers.estimator, WarmStartMixin):
        return []
    rows, n_draws = thinned(rows), max(_LEAST_DRAWS, -(-_DRAWS // n_repeats))
    kept, without = NetState.from_module(answers.estimator.module_), answers.score(rows)
    generator = torch.Generator().manual_seed(seed)
    draws = (draw_noise(kept, generator) for _ in range(n_draws))  # one at a time: each is as large as the net
    moved = (add_noise(kept, drawn, noise) for drawn in draws for noise in NOISES)
    scores = np.reshape(answers.scores_with(moved, rows), (n_draws, len(NOISES)))
    means = zip(NOISES, scores.mean(axis=0), strict=True)
    return [{**place, "noise": noise, "plain": without, "score": float(mean)} for noise, mean in means]


def draw_noise(state: NetState, generator: torch.Generator) -> NetState:
    """Draw normal noise for the parameters, of each tensor's root mean square; none for buffers."""

    def rule(name: str, tensor: torch.Tensor) -> torch.Tensor:
        if not state.is_parameter(name) or not tensor.is_floating_point():
            return torch.zeros_like(tensor)
        drawn = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
        return drawn * float(tensor.double().square().mean().sqrt())

    return state.map(rule)


def add_noise(state: NetState, drawn: NetState, noise: float) -> NetState:
    """Add a multiple of what was drawn to the parameters."""
    return state.map(
        lambda name, tensor: tensor + noise * drawn[name] if tensor.is_floating_point() else tensor  # counts stay
    )
