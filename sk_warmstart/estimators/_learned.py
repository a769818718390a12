"""What a net has learned, as one value beside the live network and its optimiser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from sklearn.utils import Bunch

from ..state import FeatureSummary, Lineage, NetState, Schema
from ..state.rows._row_memory import RowMemory
from ..state.rows._standardizer import Standardizer
from ..training import RandomStreams


@dataclass(frozen=True)
class Learned:
    """What a net has learned: a donor less its live tensors.

    ``start`` is None before the first training, and again after ``initialize``. ``shape`` and ``dtype`` say which
    network was built, ``architecture`` by which parameters.
    """

    schema: Schema = field(default_factory=Schema)
    shape: Mapping[str, int] = field(default_factory=dict)
    dtype: str | None = None
    architecture: Mapping[str, Any] = field(default_factory=dict)
    target_ndim: int = 2
    scaler: Standardizer | None = None
    features: FeatureSummary | None = None
    memory: RowMemory = field(default_factory=RowMemory)
    lineage: Lineage = field(default_factory=Lineage)
    origin: NetState | None = None
    start: Bunch | None = None
    streams: RandomStreams | None = None
    seed: int | None = None
    loss_scaler: torch.amp.GradScaler | None = None
    criterion_changed: bool = False


NOTHING = Learned()
