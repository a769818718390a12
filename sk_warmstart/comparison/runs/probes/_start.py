"""What the last phase of a stream starts from, and further fits from there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ....estimators import WarmStartMixin
from ....state import NetState
from ...phases._phase import Index
from .._estimators import copy_fitted
from .._task import Task
from ..arms._arm import Arm, Option
from ..fits._data import PhaseData
from ..fits._fit import Fit, make_fit
from ..fits._trajectory import Trajectory
from ..interruption._journal import Key
from ..measures._noise import add_noise, draw_noise

_COPIES = 4  # of its weights: gradients and the optimiser's state
_BYTES_PER_ROW = 32  # by which it knows the rows that trained it


@dataclass(frozen=True)
class ProbeStart:
    """What an arm's last fit started from: its estimator, the rows, and the rows that trained it before."""

    arm: Arm
    option: Option
    estimator: Any
    data: PhaseData
    trained: Index
    key: Key

    @property
    def inherits(self) -> bool:
        """Whether the fit starts from weights that noise can be put on."""
        if not isinstance(self.estimator, WarmStartMixin) or self.arm.cold:
            return False
        return self.option.params.get("warm_start_from") is None

    @property
    def varies(self) -> bool:
        """Whether a seed changes the fit."""
        return "random_state" in self.estimator.get_params(deep=False)

    @property
    def n_bytes(self) -> int:
        """What a net holds that was trained from here, roughly; 0 where an estimator is of another library."""
        if not isinstance(self.estimator, WarmStartMixin):
            return 0
        state = NetState.from_module(self.estimator.module_).unique()
        weights = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
        return _COPIES * weights + _BYTES_PER_ROW * len(self.data.rows)


def probe_fit(task: Task, start: ProbeStart, seed: int, noise: float, key: Key) -> Fit:
    """Set up a fit from a copy of a start, with noise on the weights that it inherits."""
    estimator, option = copy_fitted(start.estimator), start.option
    fit = make_fit(task, estimator, start.arm, option, seed, start.data, key, start.trained)
    if isinstance(estimator, WarmStartMixin):
        fit.setup["callbacks"] = _without_trajectory(fit.setup.get("callbacks", estimator.callbacks))
    if noise:
        inherited = NetState.from_module(estimator.module_)
        drawn = draw_noise(inherited, torch.Generator().manual_seed(seed))
        add_noise(inherited, drawn, noise).load_into(estimator.module_)
    return fit


def _without_trajectory(callbacks: list[Any]) -> list[Any]:
    """Leave out the callback that records the way: nothing of it is kept."""
    return [each for each in callbacks if not (isinstance(each, tuple) and isinstance(each[1], Trajectory))]


def probe_seed(seed: int, number: int) -> int:
    """Derive the seed of a further fit, the same for all arms, from that of the phase."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0]) % 2**31
