"""Further fits of a replicate's last phase, and how far they come to different ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from ....estimators import WarmStartMixin
from ....state import NetState
from ...phases._phase import Index
from .._answers import Answers
from .._estimators import predicts
from .._scorer import PhaseScorer
from .._task import Task
from ..fits._fit import Fit, error_in_words
from ..measures._measured import Measured
from ..measures._noise import NOISES
from ._start import ProbeStart, probe_fit, probe_seed

_BYTES_AT_A_TIME = 2**27  # of the nets of fits that run together


@dataclass(frozen=True)
class End:
    """What a fit came to: its score, its predictions of the test rows and, of a net, its weights."""

    score: float
    predictions: NDArray[Any] | None
    state: NetState | None
    error: str = ""


def run_probes(
    task: Task, starts: Sequence[ProbeStart], seed: int, test: Index, place: dict[str, Any], measured: Measured
) -> Iterator[list[Fit]]:
    """Yield further fits from the same starts, as many at a time as have room, and measure what they come to.

    Without noise only their draws differ; with noise the weights that they inherit do, the draws being those of a
    fit without.
    """
    todo = [
        (start, number, level)
        for start in starts
        if start.varies
        for level in range(1 + len(NOISES) * start.inherits)
        for number in range(task.n_probes)
    ]
    size = max(1, _BYTES_AT_A_TIME // max([1, *(start.n_bytes for start in starts)]))
    plain: dict[tuple[str, int], End] = {}
    for first in range(0, len(todo), size):
        some = todo[first : first + size]
        fits = [
            probe_fit(task, start, probe_seed(seed, i), (0.0, *NOISES)[level], (*start.key, i, level))
            for start, i, level in some
        ]
        yield fits
        for (start, i, level), fit in zip(some, fits, strict=True):
            name, scorer = start.arm.name, start.data.scorer
            end = _end_of(fit, scorer, test, with_state=not level)
            row = {**place, "arm": name, "probe": i, "noise": (0.0, *NOISES)[level], "score": end.score}
            moved = float("nan")
            if level:
                moved = disagreement(plain[name, i], end, scorer.targets(test), is_classifier(fit.estimator))
            else:
                plain[name, i] = end
            measured.probes.append({**row, "disagreement": moved, "error": end.error})
    for start in starts:
        name, classes = start.arm.name, is_classifier(start.estimator)
        ends = [(i, end) for (arm, i), end in plain.items() if arm == name]
        for (i, one), (j, other) in combinations(ends, 2):
            apart = disagreement(one, other, start.data.scorer.targets(test), classes)
            row = {**place, "arm": name, "first": i, "second": j, "disagreement": apart}
            measured.agreement.append({**row, "distance": distance(one, other)})


def disagreement(one: End, other: End, targets: NDArray[Any], classes: bool) -> float:
    """Return the share of rows that two fits predict differently; NaN where one failed.

    Of numbers it is the root mean square of the differences over the target's standard deviation.
    """
    if one.predictions is None or other.predictions is None:
        return float("nan")
    if classes:
        return float((one.predictions != other.predictions).mean())
    spread = np.std(np.asarray(targets, dtype=float), axis=0)
    difference = np.asarray(one.predictions, dtype=float) - np.asarray(other.predictions, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.sqrt(np.mean((difference.reshape(np.shape(targets)) / spread) ** 2)))


def distance(one: End, other: End) -> float:
    """Return how far the weights of two fits lie apart, relative to their length; NaN without weights."""
    if one.state is None or other.state is None:
        return float("nan")
    zero = one.state.map(lambda _, tensor: tensor * 0)
    length = np.sqrt((one.state.distance(zero) ** 2 + other.state.distance(zero) ** 2) / 2)
    return float(one.state.distance(other.state) / length) if length else 0.0


def _end_of(fit: Fit, scorer: PhaseScorer, test: Index, with_state: bool) -> End:
    if fit.error:
        return End(float("nan"), None, None, fit.error)
    answers = Answers(fit.estimator, scorer)
    try:
        score = answers.score(test)
        predictions = answers.predict(test) if predicts(fit.estimator) else None
    except Exception as error:
        return End(float("nan"), None, None, error_in_words(error))
    net = with_state and isinstance(fit.estimator, WarmStartMixin)
    return End(score, predictions, NetState.from_module(fit.estimator.module_) if net else None)
