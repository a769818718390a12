"""scikit-learn's names for a perceptron over the estimators of this library, for scikit-learn's own tests.

Labels, columns, warm starts, partial fits, held-out rows and training are the library's. What stands here are
names, scikit-learn's rule for stopping on the training loss, its two schedules, and its printing.
"""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.metaestimators import available_if
from skorch.callbacks import Callback

from sk_warmstart import WarmStartClassifier, WarmStartRegressor


class _Penalised:
    """L-BFGS knows no weight decay, so its penalty is part of the loss."""

    penalty: float = 0.0
    module_: torch.nn.Module

    def get_loss(self, y_pred: Any, y_true: Any, X: Any = None, training: bool = False, **kwargs: Any) -> Any:
        loss = super().get_loss(y_pred, y_true, X=X, training=training, **kwargs)  # type: ignore[misc]
        if not training:
            return loss
        weights = [p for name, p in self.module_.named_parameters() if name.endswith("weight")]
        return loss + self.penalty / 2 / len(X) * sum((weight**2).sum() for weight in weights)


class _PenalisedClassifier(_Penalised, WarmStartClassifier):
    pass


class _PenalisedRegressor(_Penalised, WarmStartRegressor):
    pass


class _SummedOverLabels(torch.nn.BCEWithLogitsLoss):
    """scikit-learn adds the losses of the labels of a row."""

    def forward(self, input: Any, target: Any) -> Any:
        return super().forward(input, target) * input.shape[1]


class _Plateau(Callback):
    """Stop as scikit-learn does where the training loss stalls, or lower the rate."""

    def __init__(self, owner: Any = None):
        self.owner = owner

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        self.best_, self.count_ = np.inf, 0

    def on_epoch_end(self, net: Any, dataset_train: Any = None, **kwargs: Any) -> None:
        owner, loss = self.owner, net.history[-1, "train_loss"]
        if owner.verbose:
            print(f"Iteration {len(net.history)}, loss = {loss:.8f}")
        owner._seen = getattr(owner, "_seen", 0) + len(dataset_train)
        group = net.optimizer_.param_groups
        if owner.solver == "sgd" and owner.learning_rate == "invscaling":
            self._set(group, owner.learning_rate_init / (owner._seen + 1) ** owner.power_t)
        if owner.early_stopping:
            return
        self.count_ = self.count_ + 1 if loss > self.best_ - owner.tol else 0
        self.best_ = min(self.best_, loss)
        owner._no_improvement_count, owner.best_loss_ = self.count_, self.best_
        if self.count_ > owner.n_iter_no_change and net.max_epochs > 1:
            if owner.solver == "sgd" and owner.learning_rate == "adaptive" and group[0]["lr"] > 1e-6:
                self._set(group, group[0]["lr"] / 5)
                self.count_ = 0
                return
            owner._converged = True
            raise KeyboardInterrupt  # skorch's way to end training

    def _set(self, groups: Any, rate: float) -> None:
        for group in groups:
            group["lr"] = rate


class _Optimizer:
    def __init__(self, optimizer: Any):
        self.learning_rate = optimizer.param_groups[0]["lr"]


class _Perceptron(BaseEstimator):
    _net_classes: ClassVar[dict[bool, Any]]
    _criteria: ClassVar[dict[str, Any]]

    def __init__(
        self,
        loss: str = "",
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: Any = 10,
        max_fun: int = 15000,
    ):
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun

    def _params(self, X: Any, y: Any) -> dict[str, Any]:
        n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
        size = min(200, n_rows) if self.batch_size == "auto" else self.batch_size
        decay = {"optimizer__weight_decay": self.alpha / size}
        decay["optimizer__param_groups"] = [("*.bias", {"weight_decay": 0.0})]  # type: ignore[assignment]
        sgd = {"optimizer__momentum": self.momentum, "optimizer__nesterov": self.momentum > 0, **decay}
        solvers: dict[str, dict[str, Any]] = {
            "sgd": {"optimizer": torch.optim.SGD, **sgd},
            "adam": {"optimizer": torch.optim.Adam, **decay},
            "lbfgs": {
                "optimizer": torch.optim.LBFGS,
                "optimizer__max_iter": self.max_iter,
                "optimizer__max_eval": self.max_fun,
                "optimizer__tolerance_grad": self.tol,
                "optimizer__line_search_fn": "strong_wolfe",
                "optimizer__history_size": 10,
            },
        }
        lbfgs = self.solver == "lbfgs"
        return {
            "module__hidden_layer_sizes": self.hidden_layer_sizes,
            "module__activation": self.activation,
            "max_epochs": 1 if lbfgs else self.max_iter,
            "lr": 0.3 if lbfgs else self.learning_rate_init,
            "batch_size": -1 if lbfgs else size,
            "iterator_train__shuffle": self.shuffle and not lbfgs,
            "random_state": self.random_state,
            "warm_start": self.warm_start,
            "early_stopping": self.early_stopping and not lbfgs,
            "validation_fraction": self.validation_fraction,
            "n_iter_no_change": self.n_iter_no_change,
            "tol": self.tol,
            "criterion": self._criteria[self.loss],
            **solvers[self.solver],
        }

    def _prepare(self, X: Any, y: Any) -> Any:
        several = np.ndim(y) == 2
        if not hasattr(self, "net_") or several != self._several:
            self._several = several
            self.net_ = self._new_net(several, callbacks=[_Plateau(self)], device="cpu", **self._params(X, y))
            self.net_.penalty = self.alpha
        return self.net_

    def _new_net(self, several: bool, **params: Any) -> Any:
        raise NotImplementedError

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        if not self.warm_start:
            self.__dict__.pop("net_", None)
            self.__dict__.pop("_seen", None)
        net = self._prepare(X, y)
        params = self._params(X, y)
        net.set_params(**{name: params[name] for name in params if name in ("max_epochs", "optimizer__max_iter")})
        self._converged, self._no_improvement_count, self.best_loss_ = False, 0, None
        net.fit(X, y, sample_weight=sample_weight)
        if self.solver == "lbfgs":
            self.n_iter_, evaluations = (self._lbfgs()[name] for name in ("n_iter", "func_evals"))
            self._converged = self.n_iter_ < self.max_iter and evaluations < self.max_fun
        else:
            self.n_iter_ = net.n_iter_
        if not self._converged and (self.n_iter_ == self.max_iter or self.solver == "lbfgs"):
            warnings.warn("Maximum iterations reached", ConvergenceWarning, stacklevel=2)
        scores = [row["valid_score"] for row in net.history if "valid_score" in row]
        self.validation_scores_ = scores if self.early_stopping else None
        self.best_validation_score_ = max(scores) if scores else None
        return self

    @available_if(lambda self: self.solver != "lbfgs")
    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        net = self._prepare(X, y)
        if classes is None or self._several:
            net.partial_fit(X, y)
        else:
            net.partial_fit(X, y, classes=classes)
        return self

    def predict(self, X: Any) -> Any:
        return self.net_.predict(X)

    def _lbfgs(self) -> dict[str, Any]:
        """State of torch's L-BFGS, which runs all its iterations in one step."""
        return next(iter(self.net_.optimizer_.state.values()))

    @property
    def _optimizer(self) -> _Optimizer:
        return _Optimizer(self.net_.optimizer_)

    @property
    def coefs_(self) -> list[Any]:
        return [layer.weight.detach().numpy().T for layer in self._layers()]

    @property
    def intercepts_(self) -> list[Any]:
        return [layer.bias.detach().numpy() for layer in self._layers()]

    def _layers(self) -> list[Any]:
        return [layer for layer in self.net_.module_.modules() if isinstance(layer, torch.nn.Linear)]


class MLPClassifier(ClassifierMixin, _Perceptron):
    """A perceptron for labels; several at once are a table of zeros and ones."""

    _criteria: ClassVar[dict[str, Any]] = {"": torch.nn.CrossEntropyLoss}

    def _new_net(self, several: bool, **params: Any) -> Any:
        if several:
            params |= {"criterion": _SummedOverLabels, "predict_nonlinearity": torch.sigmoid}
        cls = _PenalisedRegressor if several else _PenalisedClassifier
        plain = WarmStartRegressor if several else WarmStartClassifier
        return (cls if self.solver == "lbfgs" else plain)(**params)

    @property
    def classes_(self) -> Any:
        return self.net_.classes_

    def predict(self, X: Any) -> Any:
        return (self.net_.predict(X) > 0.5).astype(int) if self._several else self.net_.predict(X)

    def predict_proba(self, X: Any) -> Any:
        return self.net_.predict(X) if self._several else self.net_.predict_proba(X)

    def predict_log_proba(self, X: Any) -> Any:
        return np.log(self.predict_proba(X))


class MLPRegressor(RegressorMixin, _Perceptron):
    """A perceptron for numbers."""

    _criteria: ClassVar[dict[str, Any]] = {
        "": torch.nn.MSELoss,
        "squared_error": torch.nn.MSELoss,
        "poisson": torch.nn.PoissonNLLLoss,
    }

    def _new_net(self, several: bool, **params: Any) -> Any:
        if self.loss == "poisson":
            params["predict_nonlinearity"] = torch.exp
        return (_PenalisedRegressor if self.solver == "lbfgs" else WarmStartRegressor)(**params)
