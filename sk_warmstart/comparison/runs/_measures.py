"""What is measured of an arm beside its score: what it still knows, what flipped, how it bears noise."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import is_classifier

from ...estimators import WarmStartMixin
from ...state import Checkpoint, LeakageWarning, NetState
from ...statistics._transfer import negative_flip_rate, positive_flip_rate, retained_accuracy

if TYPE_CHECKING:
    from ._task import Judge

NOISES = (0.01, 0.05, 0.2)  # of the root mean square of each tensor
_DRAWS = 3


@dataclass
class Known:
    """What an arm predicted on the test rows of the phase before.

    Parameters
    ----------
    test : ndarray of int
        These rows.
    predictions : ndarray
        What it said of them.
    """

    test: NDArray
    predictions: NDArray


@dataclass
class Measured:
    """What was measured of all arms in one replicate, as rows of tables.

    Parameters
    ----------
    transfer : list of dict
        The score after a phase on the test rows of each phase so far, and of the next. Phase 0, of no arm, is
        the network before any training.
    flips : list of dict
        What a phase changed on the test rows of the phase before.
    noise : list of dict
        The score under noise on the weights.
    checkpoints : list of dict
        What it takes to keep a state.
    classes : list of dict
        The recall of each class after the last phase.
    challenges : list of dict
        What differs from the incumbent's predictions after the last phase.
    """

    transfer: list[dict[str, Any]] = field(default_factory=list)
    flips: list[dict[str, Any]] = field(default_factory=list)
    noise: list[dict[str, Any]] = field(default_factory=list)
    checkpoints: list[dict[str, Any]] = field(default_factory=list)
    classes: list[dict[str, Any]] = field(default_factory=list)
    challenges: list[dict[str, Any]] = field(default_factory=list)


def look_back(
    net: Any, judge: Judge, tests: dict[int, NDArray], now: int, before: Known | None, place: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], Known | None]:
    """Measure a fitted arm on the test rows of this phase and of others.

    Parameters
    ----------
    net : estimator
        The arm.
    judge : Judge
        Scores on rows as this phase sees them.
    tests : dict of int to ndarray
        The test rows of each phase that is looked at.
    now : int
        Number of this phase; later ones are what is yet to come.
    before : Known or None
        What the arm's predecessor predicted.
    place : dict
        Repeat, stream, phase and arm.

    Returns
    -------
    transfer, flips : list of dict
        As in :class:`Measured`.
    known : Known or None
        For the next phase; None where labels are none.
    """
    transfer: list[dict[str, Any]] = []
    flips: list[dict[str, Any]] = []
    scores: dict[bytes, float] = {}  # phases may share their test rows
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakageWarning)  # to look at rows that were trained on is the point
        for phase, index in tests.items():
            key = index.tobytes()
            if key not in scores:
                scores[key] = judge.score(net, index) if phase <= now else _score_ahead(net, judge, index)
            transfer.append({**place, "on_phase": phase, "score": scores[key]})
    if now not in tests or not is_classifier(net):
        return transfer, flips, None
    if before is not None:
        after, y = judge.predict(net, before.test), judge.y(before.test)
        retained = retained_accuracy(y, before.predictions, after)
        flips.append({**place, **flips_between(y, before.predictions, after), "retained": retained})
    return transfer, flips, Known(tests[now], judge.predict(net, tests[now]))


def _score_ahead(net: Any, judge: Judge, rows: NDArray) -> float:
    """The score on rows of a later phase, whose values may be none that the steps in front can take yet."""
    try:
        return judge.score(net, rows)
    except ValueError:
        return float("nan")


def flips_between(y: NDArray, before: NDArray, after: NDArray) -> dict[str, float]:
    """Count what changed from right to wrong, and from wrong to right.

    Parameters
    ----------
    y : ndarray
        What is true.
    before, after : ndarray
        Two predictions.

    Returns
    -------
    dict of str to float
        The rates of both.
    """
    return {
        "negative_flips": negative_flip_rate(y, before, after),
        "positive_flips": positive_flip_rate(y, before, after),
    }


def by_class(net: Any, judge: Judge, rows: NDArray, place: dict[str, Any]) -> list[dict[str, Any]]:
    """Measure the recall of each class.

    Parameters
    ----------
    net : estimator
        The arm, fitted.
    judge : Judge
        Scores on other rows.
    rows : ndarray of int
        Test rows.
    place : dict
        Repeat, stream, phase and arm.

    Returns
    -------
    list of dict
        One row a class; empty where labels are none, or several.
    """
    if not is_classifier(net) or judge.y(rows).ndim != 1:
        return []
    y = judge.y(rows)
    right = judge.predict(net, rows) == y
    return [{**place, "class": label, "recall": float(right[y == label].mean())} for label in np.unique(y)]


def under_noise(net: Any, judge: Judge, rows: NDArray, seed: int, place: dict[str, Any]) -> list[dict[str, Any]]:
    """Score a network whose weights are moved by noise in proportion to their size.

    Parameters
    ----------
    net : estimator
        The arm, fitted; left as it was.
    judge : Judge
        Scores on other rows.
    rows : ndarray of int
        Test rows.
    seed : int
        Seed of the noise, which is the same for all arms.
    place : dict
        Repeat, stream, phase and arm.

    Returns
    -------
    list of dict
        One row for each size of noise: the score without it, and its mean over a few draws.
    """
    if not isinstance(net, WarmStartMixin):
        return []
    module, kept = net.module_, NetState.from_module(net.module_)
    plain, told = judge.score(net, rows), []
    try:
        for noise in NOISES:
            generator = torch.Generator().manual_seed(seed)
            scores = []
            for _ in range(_DRAWS):
                _moved(kept, noise, generator).load_into(module)
                scores.append(judge.score(net, rows))
            told.append({**place, "noise": noise, "plain": plain, "score": float(np.mean(scores))})
    finally:
        kept.load_into(module)
    return told


def cost_of_keeping(net: Any, place: dict[str, Any]) -> list[dict[str, Any]]:
    """Measure what a checkpoint takes.

    Parameters
    ----------
    net : estimator
        The arm, fitted.
    place : dict
        Repeat, stream, phase and arm.

    Returns
    -------
    list of dict
        Bytes and seconds; empty for an estimator that has no checkpoints.
    """
    if not isinstance(net, WarmStartMixin):
        return []
    with TemporaryDirectory() as folder:
        began = time.perf_counter()
        path = Path(folder) / "state.safetensors"
        Checkpoint.from_estimator(net).save(path)
        return [{**place, "bytes": path.stat().st_size, "seconds": time.perf_counter() - began}]


def _moved(state: NetState, noise: float, generator: torch.Generator) -> NetState:
    def rule(name: str, tensor: torch.Tensor) -> torch.Tensor:
        if not state.is_parameter(name) or not tensor.is_floating_point():
            return tensor
        drawn = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
        size = float(tensor.double().square().mean().sqrt())
        return tensor + (noise * size * drawn).to(tensor)

    return state.map(rule)
