"""Tables of what is measured of fitted arms besides their scores."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Measured:
    """What was measured of all arms in one replicate, as rows of tables.

    ``transfer``: the score after a phase on the test rows of each phase so far, and of the next; phase 0, of no
    arm, is the network before any training; none where phases have test rows in common. ``flips``: what a phase
    changed on all test rows of the phase before. ``parts``: scores on old and on new rows apart. ``conditions``:
    share and drift of the new rows of each phase. ``noise``: the score under noise on the final weights.
    ``probes``: the scores of further fits of the last phase, from the same start or with noise on the weights that
    it inherits. ``agreement``: how far the runs of an arm from the same start lie apart, pair by pair.
    ``checkpoints``: what it takes to keep a state. ``classes``:
    the recall of each class after the last phase. ``challenges``: what differs from the incumbent's predictions
    after the last phase. ``dummy``: what guessing scores on the test rows of each phase.
    """

    transfer: list[dict[str, Any]] = field(default_factory=list)
    flips: list[dict[str, Any]] = field(default_factory=list)
    parts: list[dict[str, Any]] = field(default_factory=list)
    conditions: list[dict[str, Any]] = field(default_factory=list)
    noise: list[dict[str, Any]] = field(default_factory=list)
    probes: list[dict[str, Any]] = field(default_factory=list)
    agreement: list[dict[str, Any]] = field(default_factory=list)
    checkpoints: list[dict[str, Any]] = field(default_factory=list)
    classes: list[dict[str, Any]] = field(default_factory=list)
    challenges: list[dict[str, Any]] = field(default_factory=list)
    dummy: list[dict[str, Any]] = field(default_factory=list)
