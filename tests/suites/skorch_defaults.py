"""The estimators with skorch's default values: its suite asks for no more."""

from __future__ import annotations

from typing import Any, Self

import skorch
import torch
from skorch.dataset import ValidSplit

from sk_warmstart import WarmStartClassifier, WarmStartMixin, WarmStartRegressor

_BY_CLASS, _IN_ORDER = ValidSplit(5, stratified=True), ValidSplit(5)


class _WholeFits:
    """In skorch ``partial_fit`` trains for ``max_epochs`` epochs by default."""

    max_epochs: int

    def partial_fit(self, X: Any, y: Any = None, classes: Any = None, **fit_params: Any) -> Self:
        fit_params.setdefault("epochs", self.max_epochs)
        return super().partial_fit(X, y, classes, **fit_params)  # type: ignore[misc]


class NeuralNetClassifier(_WholeFits, WarmStartClassifier):
    """The classifier with skorch's defaults; it also takes new labels as they come."""

    def __init__(
        self,
        module: Any,
        *args: Any,
        criterion: Any = torch.nn.NLLLoss,
        optimizer: Any = torch.optim.SGD,
        lr: float = 0.01,
        max_epochs: int = 10,
        schema: str = "adapt",
        train_split: Any = _BY_CLASS,
        iterator_train__shuffle: bool = False,
        device: Any = "cpu",
        verbose: int = 1,
        **kwargs: Any,
    ):
        super().__init__(
            module,
            *args,
            criterion=criterion,
            optimizer=optimizer,
            lr=lr,
            max_epochs=max_epochs,
            schema=schema,
            train_split=train_split,
            iterator_train__shuffle=iterator_train__shuffle,
            device=device,
            verbose=verbose,
            **kwargs,
        )


class NeuralNetRegressor(_WholeFits, WarmStartRegressor):
    """The regressor with skorch's defaults, and its ``predict_proba``, which this library hides."""

    def __init__(
        self,
        module: Any,
        *args: Any,
        optimizer: Any = torch.optim.SGD,
        lr: float = 0.01,
        max_epochs: int = 10,
        schema: str = "adapt",
        train_split: Any = _IN_ORDER,
        iterator_train__shuffle: bool = False,
        device: Any = "cpu",
        verbose: int = 1,
        **kwargs: Any,
    ):
        super().__init__(
            module,
            *args,
            optimizer=optimizer,
            lr=lr,
            max_epochs=max_epochs,
            schema=schema,
            train_split=train_split,
            iterator_train__shuffle=iterator_train__shuffle,
            device=device,
            verbose=verbose,
            **kwargs,
        )

    def predict_proba(self, X: Any) -> Any:
        """What skorch's regressor calls so: its predictions."""
        return skorch.regressor.NeuralNetRegressor.predict_proba(self, X)


class NeuralNetBinaryClassifier(_WholeFits, WarmStartMixin, skorch.NeuralNetBinaryClassifier):
    """skorch's net of one logit, with a warm start."""

    def __init__(self, module: Any, *args: Any, schema: str = "adapt", **kwargs: Any):
        super().__init__(module, *args, schema=schema, **kwargs)
