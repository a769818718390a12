"""What the rooms of the estimators ask of a net."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from skorch.history import History
from torch import nn

from ..training import Route, TrainableNet
from ._learned import Learned


class WarmStartNet(TrainableNet, Protocol):
    """A skorch net with the parameters of this library, what it has learned, and skorch's hooks."""

    module: Any
    dataset: Any
    iterator_train: Any
    iterator_valid: Any
    predict_nonlinearity: Any
    train_split: Any
    device: Any
    schema: str
    standardize: bool
    dtype: str
    autocast: str | None
    augment: Any
    random_state: Any
    init_policy: Any
    warm_start: bool
    warm_start_from: Any
    optimizer_state: str
    early_stopping: bool
    scoring: Any
    validation_fraction: float
    n_iter_no_change: int
    tol: float
    max_epochs: int
    batch_size: int
    verbose: int
    module_: Any
    criterion_: Any
    optimizer_: Any
    callbacks_: Any
    history_: History
    initialized_: bool
    n_iter_: int
    loss_curve_: list[float]
    classes_inferred_: Any
    classes_: Any
    training_route_: Route | None
    n_features_in_: int
    feature_names_in_: Any
    learned_: Learned
    run_: Any

    @property
    def history(self) -> History: ...

    @property
    def _current(self) -> Learned: ...

    def get_params(self, deep: bool = True) -> dict[str, Any]: ...

    def get_params_for(self, prefix: str) -> dict[str, Any]: ...

    def set_params(self, **params: Any) -> Any: ...

    def initialize(self) -> Any: ...

    def initialize_optimizer(self) -> Any: ...

    def fit_loop(self, X: Any, y: Any = None, epochs: int | None = None, **fit_params: Any) -> Any: ...

    def get_dataset(self, X: Any, y: Any = None) -> Any: ...

    def get_iterator(self, dataset: Any, training: bool = False) -> Any: ...

    def get_split_datasets(self, X: Any, y: Any = None, **fit_params: Any) -> Any: ...

    def get_loss(self, y_pred: Any, y_true: Any, X: Any = None, training: bool = False) -> torch.Tensor: ...

    def infer(self, x: Any, **fit_params: Any) -> Any: ...

    def notify(self, method_name: str, **cb_kwargs: Any) -> None: ...

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any
    ) -> None: ...

    def train_step(self, batch: Any, **fit_params: Any) -> Any: ...

    def validation_step(self, batch: Any, **fit_params: Any) -> Any: ...

    def _train_by_skorch(self, X: Any, y: Any, **fit_params: Any) -> None: ...

    def _init_callback_context(self, *, max_subtasks: int) -> Any: ...

    def _set_training(self, training: bool = True) -> None: ...

    def _class_weights_of(self, y_true: Any) -> torch.Tensor | None: ...

    def _get_predict_nonlinearity(self) -> Any: ...

    def _has_learned(self) -> bool: ...

    def _initialize_module(self, reason: str | None = None) -> Any: ...

    def _initialize_criterion(self, reason: str | None = None) -> Any: ...

    def _initialize_optimizer(self, reason: str | None = None) -> Any: ...

    def _network(self) -> nn.Module: ...

    def _torch_dtype(self) -> torch.dtype: ...
