"""Hooks of skorch that build network, criterion, optimiser and history."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, Self

import torch
from skorch.history import History

from ...modules import build_module
from ...state import network_of
from ..input._table import DTYPES
from ..parameters._contract import SkorchContract
from ..parameters._messages import unmakeable

_FUSED = (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW)


class BuildingHooks(SkorchContract):
    """What skorch calls while it initialises a net."""

    history_: History
    criterion_: Any

    def initialize(self) -> Self:
        """Build everything anew; see skorch's ``initialize``. What was learned is gone, as there."""
        super().initialize()  # type: ignore[misc]
        if self._run_at_hand is None and "learned_" in vars(self):
            self.learned_ = replace(self.learned_, start=None)
        return self

    def initialize_module(self) -> Self:
        """Build the network by the shape of the data; see skorch's ``initialize_module``."""
        run, learned = self._run_at_hand, self._current
        network = build_module(
            self.module,
            self.get_params_for("module"),
            dict(learned.shape),
            redraw=run is not None and run.redraws,
        )
        dtype = learned.dtype
        self.module_ = network if dtype is None else network.to(DTYPES[dtype])
        return self

    def initialize_criterion(self) -> Self:
        """Build the criterion; a template is copied, so that it is never changed."""
        super().initialize_criterion()  # type: ignore[misc]
        if self.criterion_ is self.criterion:
            self.criterion_ = copy.deepcopy(self.criterion)
        dtype = self._current.dtype
        if dtype is not None and isinstance(self.criterion_, torch.nn.Module):
            self.criterion_ = self.criterion_.to(DTYPES[dtype])
        return self

    def initialize_optimizer(self, *args: Any, **kwargs: Any) -> Self:
        """Build the optimiser; see skorch's ``initialize_optimizer``."""
        try:
            return super().initialize_optimizer(*args, **kwargs)  # type: ignore[misc]
        except TypeError as error:
            given = self.get_params_for("optimizer")
            rate = {} if "lr" in given else {"lr": self.lr}
            asked = {**rate, **{f"optimizer__{name}": value for name, value in given.items()}}
            raise unmakeable("optimizer", self.optimizer, asked, error) from error
        except ValueError as error:
            if "empty parameter list" not in str(error):
                raise
            raise ValueError(f"the module {type(self._network()).__name__} has no parameters to train") from error

    def initialize_history(self) -> Self:
        """Begin a new history; the one before stays whole in case the fit fails."""
        self.history_ = History() if self.history_ is None else type(self.history_)()
        return self

    def get_params_for_optimizer(self, prefix: str, named_parameters: Any) -> tuple[Any, dict[str, Any]]:
        """Collect the optimiser's arguments; its fused version is the default where there is one."""
        args, kwargs = super().get_params_for_optimizer(prefix, named_parameters)  # type: ignore[misc]
        if getattr(self, prefix, None) in _FUSED and not {"fused", "foreach", "differentiable"} & set(kwargs):
            sparse = any(getattr(layer, "sparse", False) is True for layer in self._network().modules())
            kwargs["fused"] = not sparse  # torch's fused kernels take no sparse gradients, as of embeddings
        return args, kwargs

    def _torch_dtype(self) -> torch.dtype:
        return next((p.dtype for p in self._network().parameters() if p.is_floating_point()), torch.float32)

    def _network(self) -> torch.nn.Module:
        return network_of(self)
