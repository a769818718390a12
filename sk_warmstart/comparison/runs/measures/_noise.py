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
    rows = thinned(rows)
    kept, without, measured = NetState.from_module(answers.estimator.module_), answers.score(rows), []
    for noise in NOISES:
        generator = torch.Generator().manual_seed(seed)
        draws = range(max(_LEAST_DRAWS, -(-_DRAWS // n_repeats)))
        scores = answers.scores_with((with_noise(kept, noise, generator) for _ in draws), rows)
        measured.append({**place, "noise": noise, "plain": without, "score": float(np.mean(scores))})
    return measured


def with_noise(state: NetState, noise: float, generator: torch.Generator) -> NetState:
    """Add normal noise to the parameters, of a size relative to each tensor's root mean square."""

    def rule(name: str, tensor: torch.Tensor) -> torch.Tensor:
        if not state.is_parameter(name) or not tensor.is_floating_point():
            return tensor
        drawn = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
        size = float(tensor.double().square().mean().sqrt())
        return tensor + (noise * size * drawn).to(tensor)

    return state.map(rule)
