"""Score of validation rows: the estimator's own, or that of a scorer of the user's."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch.utils import to_numpy

from ..._compat._scorers import takes_weights
from .._protocol import WarmStartNet
from ..hooks._outputs import KnownOutputs
from ..input._targets import targets_of
from ..parameters._checks import scorer_of

LOSS = "loss"


def name_of_scoring(scoring: Any) -> str | None:
    """Return the scorer's name; None where the score is the estimator's own."""
    return None if scorer_of(scoring) is None else scoring if isinstance(scoring, str) else repr(scoring)


def digest_of_rows(net: WarmStartNet, ids: NDArray[np.uint64], target: Any) -> str:
    """Return a digest of rows, by their identities, and of their targets; their order does not matter."""
    order = np.argsort(ids, kind="stable")
    y = _as_given(net, target)[order]
    texts = "\0".join(map(str, y.tolist())).encode() if targets_of(net).are_labels else y.astype("<f4").tobytes()
    sha = hashlib.blake2b(ids[order].astype("<u8").tobytes(), digest_size=8)
    sha.update(texts)
    return sha.hexdigest()


def _as_given(net: WarmStartNet, target: Any) -> NDArray:
    """Return targets as the user has them."""
    y = to_numpy(target)
    return targets_of(net).decode(net, y.astype(np.int64) if targets_of(net).are_labels else y)


def watched(net: WarmStartNet) -> str:
    """Return what early stopping watches, as the monitor calls it: a loss has a scale of its own."""
    if targets_of(net).absent and scorer_of(net.scoring) is not None:
        raise ValueError(
            f"scoring={net.scoring!r} scores predictions, and a {type(net).__name__} makes none: leave it"
        )
    by_loss = net.scoring == LOSS or (net.scoring is None and targets_of(net).watches(net) == "loss")
    return "relative_loss" if by_loss else "score"


def score_of(net: WarmStartNet, target: Any, output: torch.Tensor, weight: torch.Tensor | None) -> float | None:
    """Score outputs; greater is better. None where the estimator's own score could not."""
    scorer = scorer_of(net.scoring)
    if scorer is None:
        return targets_of(net).score(net, target, output, weight)
    y = _as_given(net, target)
    given = {} if weight is None or not takes_weights(scorer) else {"sample_weight": to_numpy(weight)}
    try:
        score = float(scorer(net, KnownOutputs(output), y, **given))
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"scoring={net.scoring!r} cannot score these rows and outputs: {error}") from error
    if math.isnan(score):
        raise ValueError(
            f"scoring={net.scoring!r} is not a number on these {len(y)} rows (does it need several classes among "
            "them?): hold out more rows (validation_fraction), or use scoring='loss'"
        )
    return score
