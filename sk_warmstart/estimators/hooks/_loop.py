"""The hooks of skorch's training loop, filled in."""

from __future__ import annotations

import copy
import math
import warnings
from contextlib import nullcontext
from typing import Any, Self

import numpy as np
import torch
from sklearn import get_config
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.metadata_routing import process_routing
from skorch.callbacks import PrintLog
from skorch.dataset import unpack_data
from skorch.history import History
from skorch.utils import to_tensor
from torch.utils.data import DataLoader, RandomSampler

from ...modules import MLP, build_module, first_output, is_stochastic
from ...state import network_of
from ...training import (
    Rows,
    TensorBatches,
    autocast_of,
    is_own,
    needs_scaling,
    run_epoch,
    shaped_like,
    uses_autocast,
    weighted_loss,
    widened,
)
from ..input._table import DTYPES, Table, is_array, rows_behind, to_rows, uses_plain_dataset
from ..input._targets import targets_of
from ..parameters._contract import SkorchContract
from ..parameters._messages import is_misfit, is_misfit_of_loss, misfit_of_criterion, misfit_of_module, unmakeable
from ..run._packing import fit_in_pack, stop_if_given_up
from ..run._run import StopTraining
from ..run._validation import Validated, can_score, is_accuracy
from ..start._donation import resume

_FUSED = (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW)
_SUITED = (torch.nn.CrossEntropyLoss, torch.nn.MSELoss)  # any output of the default module will do for these
_EVALUATION_BATCH = 4096
_EVALUATION_NUMBERS = 2**24  # of a wide table fewer rows: sparse ones are made dense here
_TRIED_ROWS = 2
_START_ROWS = 10_000  # the start's training score needs no more


class UnsuitedOutputs(ValueError):
    """The network has other outputs than the targets need."""


class SkorchHooks(SkorchContract):
    """What skorch calls while it initialises and trains a net."""

    history_: History
    criterion_: Any
    callbacks_: Any
    verbose: int

    def initialize(self) -> Self:
        """Build everything anew; see skorch's ``initialize``. What was learned is gone, as there."""
        super().initialize()  # type: ignore[misc]
        self.__dict__.pop("start_", None)
        if "session_" in self.__dict__:
            self.session_.began = False
        return self

    def initialize_module(self) -> Self:
        """Build the network by the shape of the data; see skorch's ``initialize_module``."""
        network = build_module(
            self.module,
            self.get_params_for("module"),
            getattr(self, "network_shape_", {}),
            redraw=self.__dict__.pop("redraw_", False),
        )
        dtype = getattr(self, "dtype_", None)
        self.module_ = network if dtype is None else network.to(DTYPES[dtype])
        return self

    def initialize_criterion(self) -> Self:
        """Build the criterion; a template is copied, so that it is never changed."""
        super().initialize_criterion()  # type: ignore[misc]
        if self.criterion_ is self.criterion:
            self.criterion_ = copy.deepcopy(self.criterion)
        dtype = getattr(self, "dtype_", None)
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
            told = {**rate, **{f"optimizer__{name}": value for name, value in given.items()}}
            raise unmakeable("optimizer", self.optimizer, told, error) from error
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
            kwargs["fused"] = True
        return args, kwargs

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Call the callbacks; see skorch's ``notify``."""
        session = self.__dict__.get("session_")
        if method_name == "on_train_begin" and session is not None:
            if session.began:
                return  # partial_fit goes on: beginning again would restart schedules and counters
            session.began = True
        if session is not None:
            for name in cb_kwargs.keys() & {"dataset_train", "dataset_valid"}:
                cb_kwargs[name] = session.shown.of(cb_kwargs[name])
        if method_name == "on_epoch_end" and not self.verbose and not is_own(self, "notify"):
            self._notify_quietly(method_name, **cb_kwargs)
        else:
            super().notify(method_name, **cb_kwargs)  # type: ignore[misc]
        if method_name == "on_train_begin" and session is not None:
            session.remake = None
            if session.resumes is not None:
                resume(self, session.resumes)
                session.resumes = None
        if method_name == "on_epoch_begin" and session is not None and session.progress is not None:
            session.progress.epoch_begins()
        if method_name == "on_epoch_end":
            self._after_epoch()
            stop_if_given_up()

    def _notify_quietly(self, method_name: str, **cb_kwargs: Any) -> None:
        """skorch's log lays out a table for every epoch, also where nobody is to see it."""
        getattr(self, method_name)(self, **cb_kwargs)
        session = self.__dict__.get("session_")
        validated = None if session is None else session.validated
        for _, callback in self.callbacks_:
            if validated is not None and is_accuracy(callback):
                callback._record_score(self.history, validated.accuracy(self))
            elif type(callback) is PrintLog and callback.sink is print:
                callback.first_iteration_ = False
            else:
                getattr(callback, method_name)(self, **cb_kwargs)

    def on_epoch_begin(
        self, net: Any, dataset_train: Any = None, dataset_valid: Any = None, **kwargs: Any
    ) -> None:
        """Open an epoch in the history; numbers go on over calls."""
        super().on_epoch_begin(net, dataset_train, dataset_valid, **kwargs)  # type: ignore[misc]
        if "session_" not in self.__dict__:
            return
        before = self.history_[-2:-1] or self.session_.past[-1:]
        if before:
            self.history_.record("epoch", before[0]["epoch"] + 1)

    def fit_loop(self, X: Any, y: Any = None, epochs: int | None = None, **fit_params: Any) -> Self:
        """Evaluate the start, then train; see skorch's ``fit_loop``."""
        if "session_" not in self.__dict__:
            return super().fit_loop(X, y, epochs=epochs, **fit_params)  # type: ignore[misc]
        forward_params = {key: value for key, value in fit_params.items() if key != "_routing_method"}
        if self.session_.evaluates_start:
            if get_config()[
                "enable_metadata_routing"
            ]:  # refuse what nobody asked for, before it reaches the module
                process_routing(self, fit_params.get("_routing_method", "fit"), **forward_params)
            self._evaluate_start(forward_params, trains=bool(self.max_epochs if epochs is None else epochs))
        elif self._is_untried():
            # Say in clear words what does not go together, before the first step of a stream.
            self.session_.forward_params = forward_params
            self._evaluate(self.session_.train.evenly(_TRIED_ROWS))
        if fit_in_pack(self, X, y, self.max_epochs if epochs is None else epochs, forward_params):
            return self
        with self.session_.streams.forward(is_stochastic(self._network())):
            return super().fit_loop(X, y, epochs=epochs, **fit_params)  # type: ignore[misc]

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any
    ) -> None:
        """Run one epoch; see skorch's ``run_single_epoch``."""
        if iterator is None:
            return
        if not training and "session_" in self.__dict__ and can_score(self, iterator):
            outputs: list[Any] = []
            run_epoch(self, iterator, training, prefix, step_fn, outputs=outputs, **fit_params)
            self.session_.validated = Validated(iterator.dataset, outputs)
        else:
            run_epoch(self, iterator, training, prefix, step_fn, **fit_params)

    def get_dataset(self, X: Any, y: Any = None) -> Any:
        """Return the data as a dataset, on the device where that is possible."""
        if isinstance(X, Rows):
            return Rows(X.X, X.y, travels_to=X.travels_to)
        if is_array(X) and X.dtype.kind in "fiub" and uses_plain_dataset(self):
            target = None if y is None else np.asarray(y)
            scaler = self.__dict__.get("scaler_")
            return to_rows(Table(X, y, target, None), self._torch_dtype(), self._network(), self.device, scaler)
        return super().get_dataset(X, y)  # type: ignore[misc]

    def get_split_datasets(self, X: Any, y: Any = None, **fit_params: Any) -> tuple[Any, Any]:
        """Return training and validation data; the sticky split is made before training begins."""
        session = self.__dict__.get("session_")
        if session is not None and session.train is not None:
            if not self.train_split or session.valid is not None:
                return session.train, session.valid
            whole = session.shown.of(session.train)
            parts = self.train_split(whole, *(() if y is None else (y,)), **fit_params)
            try:
                train, valid = parts
            except (TypeError, ValueError):
                raise TypeError(
                    f"train_split must return training and validation data, a pair, and gave {parts!r}"
                ) from None
            return session.shown.behind(self, train), session.shown.behind(self, valid)
        return super().get_split_datasets(X, y, **fit_params)  # type: ignore[misc]

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Return batches of a dataset: cut on the device, or by a DataLoader where one was asked for."""
        prefix = "iterator_train" if training else "iterator_valid"
        behind = rows_behind(dataset)
        dataset = dataset if behind is None else behind
        order = self.session_.streams.order if "session_" in self.__dict__ else None
        if order is not None and not training:
            order = torch.Generator()  # looking at the network must not move the order of its training
        kwargs = self.get_params_for(prefix)
        plain = set(kwargs) <= {"batch_size", "shuffle", "drop_last"}
        if isinstance(dataset, Rows) and getattr(self, prefix) is DataLoader and plain:
            size = kwargs.pop("batch_size", self.batch_size)
            size = max(1, len(dataset)) if size == -1 else size
            return TensorBatches(dataset, size, generator=order, **kwargs)
        iterator = super().get_iterator(dataset, training)  # type: ignore[misc]
        if isinstance(iterator, DataLoader) and iterator.generator is None and order is not None:
            iterator.generator = order
            if isinstance(iterator.sampler, RandomSampler):
                iterator.sampler.generator = order
        return iterator

    def infer(self, x: Any, **fit_params: Any) -> Any:
        """Return what the network puts out for a batch: in training under autocast, where that is asked for.

        A prediction is always made in the network's own precision: it depends on what was learned alone.
        """
        try:
            if not uses_autocast(self) or not self._network().training:
                return super().infer(x, **fit_params)  # type: ignore[misc]
            with autocast_of(self):
                return widened(super().infer(x, **fit_params))  # type: ignore[misc]
        except RuntimeError as error:
            if not is_misfit(error):
                raise
            raise misfit_of_module(self._network(), x, error) from error

    def get_loss(
        self, y_pred: Any, y_true: Any, X: Any = None, training: bool = False, **kwargs: Any
    ) -> torch.Tensor:
        """Return the loss of a batch, weighted where its rows have weights."""
        weight = self.__dict__.get("batch_weight_")
        try:
            y_true = shaped_like(y_true, y_pred, self.criterion_)
            with autocast_of(self) if training else nullcontext():
                if weight is None:
                    return super().get_loss(y_pred, y_true, X=X, training=training, **kwargs)  # type: ignore[misc]
                y_true = to_tensor(y_true, device=self.device)
                return weighted_loss(self.criterion_, y_pred, y_true, weight.to(y_pred.device))
        except (RuntimeError, TypeError, ValueError, AttributeError, IndexError) as error:
            if not is_misfit_of_loss(self.criterion_, error):
                raise
            raise misfit_of_criterion(self.criterion_, y_pred, y_true, error) from error

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Compute the gradients of a batch; see skorch's ``train_step_single``. Those of float16 are scaled."""
        if not needs_scaling(self):
            return super().train_step_single(batch, **fit_params)  # type: ignore[misc]
        self._set_training(True)
        X, y = unpack_data(batch)
        y_pred = self.infer(X, **fit_params)
        loss = self.get_loss(y_pred, y, X=X, training=True)
        scaler = self.session_.scaled()
        scaler.scale(loss).backward()
        for name in self._optimizers:
            scaler.unscale_(getattr(self, name + "_"))  # who looks at gradients is to see them as they are
        return {"loss": loss, "y_pred": y_pred}

    def _step_optimizer(self, step_fn: Any) -> None:
        if not needs_scaling(self):
            super()._step_optimizer(step_fn)  # type: ignore[misc]
            return
        step_fn()
        scaler = self.session_.scaled()
        for name in self._optimizers:
            scaler.step(getattr(self, name + "_"))  # it leaves out steps whose gradients are not finite
        scaler.update()

    def check_data(self, X: Any, y: Any = None) -> None:
        """Check what was not validated before; see skorch's ``check_data``."""
        if "session_" not in self.__dict__ or self.session_.train is None:
            super().check_data(X, y)  # type: ignore[misc]

    def spoken(self, batch: Any) -> Any:
        """Return a batch as callbacks expect it: targets are the user's labels, not their codes."""
        return targets_of(self).spoken(self, batch)

    def _evaluate_start(self, forward_params: dict[str, Any], trains: bool) -> None:
        """Epoch 0: what the start is worth before the first step.

        A network that lacks outputs cannot be trained, but made.
        """
        session = self.session_
        session.evaluates_start = False
        rows = session.valid if session.valid is not None else session.train
        if rows is None:
            return
        session.forward_params = forward_params
        try:
            loss, score = self._evaluate(rows.evenly(_START_ROWS) if session.valid is None else rows)
        except UnsuitedOutputs:
            if trains:
                raise
            loss = score = math.nan
        self.start_.update(
            loss=loss, score=score, evaluated_on="training" if session.valid is None else "validation"
        )
        if session.monitor is not None:
            session.monitor.begin(score, loss, self._network(), self.optimizer_)

    def _is_untried(self) -> bool:
        """Whether network, criterion and rows are yet to be seen together.

        A network that was made by hand, or only races, is left alone.
        """
        untried = self.__dict__.pop("untried_", False) or not self.session_.known
        donor = self.__dict__.get("start_", {}).get("donor", "initialize")
        return untried and self.session_.train is not None and donor != "initialize"

    def _after_epoch(self) -> None:
        session = self.session_
        session.epochs += 1
        asked_to_stop = session.progress is not None and session.progress.epoch_ends()
        self._judge_epoch()
        if asked_to_stop:
            raise StopTraining

    def _judge_epoch(self) -> None:
        """Look at an epoch's loss, and at its validation score where rows are held out."""
        row, session = self.history_[-1], self.session_
        validated, session.validated = session.validated, None
        if not np.isfinite(row.get("train_loss", 0.0)):
            past = (session.past or self.history_[: session.known])[-1:]
            known = past[0].get("train_loss") if past else None
            first = self.history_[0]["batches"][0]["train_loss"] if known is None else known
            _complain_of_loss(first, suited=type(self.module_) is MLP and isinstance(self.criterion_, _SUITED))
        if session.monitor is None or session.valid is None:
            return
        if validated is not None and validated.rows is session.valid:
            rows = validated.rows
            score = targets_of(self).score(self, rows.y, validated.output, rows.weight)
        else:
            _, score = self._evaluate(session.valid, with_loss=False)
        row["valid_score"] = score
        if session.monitor.update(score, _mean_loss(row["batches"]), self._network(), self.optimizer_):
            raise StopTraining

    def _outputs_of(self, rows: Rows) -> torch.Tensor:
        """What the network puts out as it stands, in evaluation mode."""
        self._set_training(False)
        outputs = []
        step = affordable_rows(rows)
        with torch.no_grad():
            for first in range(0, len(rows), step):
                outputs.append(first_output(self.infer(rows.batch(slice(first, first + step))[0])))
        return torch.cat(outputs)

    def _evaluate(self, rows: Rows, with_loss: bool = True) -> tuple[float, float]:
        """Loss and score of the network as it stands, in evaluation mode."""
        self._set_training(False)
        outputs: list[torch.Tensor] = []
        total = 0.0
        step = affordable_rows(rows)
        with torch.no_grad():
            for first in range(0, len(rows), step):
                X, y, weight = rows.batch(slice(first, first + step))
                output = self.infer(X, **self.session_.forward_params)
                if not isinstance(first_output(output), torch.Tensor):
                    raise TypeError(
                        f"the module {type(self._network()).__name__} puts out {type(output).__name__}: it must "
                        "put out a tensor, or a tuple that begins with one"
                    )
                if with_loss and not outputs:
                    lacking = targets_of(self).lacking(self, first_output(output))
                    if lacking is not None:
                        raise UnsuitedOutputs(lacking)
                if with_loss:
                    self.batch_weight_ = weight
                    try:
                        total += float(self.get_loss(output, y, X=X, training=False)) * len(X)
                    finally:
                        self.batch_weight_ = None
                outputs.append(first_output(output))
        score = targets_of(self).score(self, rows.y, torch.cat(outputs), rows.weight)
        return total / len(rows), score

    def _torch_dtype(self) -> torch.dtype:
        return next((p.dtype for p in self._network().parameters() if p.is_floating_point()), torch.float32)

    def _network(self) -> torch.nn.Module:
        return network_of(self)


def affordable_rows(rows: Rows) -> int:
    """Return how many rows may be evaluated at once.

    Parameters
    ----------
    rows : Rows
        The rows.

    Returns
    -------
    int
        Fewer of a wide table.
    """
    return max(1, min(_EVALUATION_BATCH, _EVALUATION_NUMBERS // max(1, rows.X.shape[1:].numel())))


def _mean_loss(batches: list[dict[str, Any]]) -> float:
    """The loss of the validation rows, from those of their batches."""
    told = [(b["valid_loss"], b["valid_batch_size"]) for b in batches if "valid_loss" in b]
    return sum(loss * size for loss, size in told) / sum(size for _, size in told) if told else math.nan


def _complain_of_loss(first: float, suited: bool) -> None:
    """A loss that was a number before the first step went astray in training; another never was one.

    Where the criterion suits the module, that is for the rows.
    """
    if np.isfinite(first):
        raise ValueError(
            "the training loss is no longer a finite number: lower lr, or scale the inputs and targets"
        )
    if suited:
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
            "preprocessed."
        )
    warnings.warn(
        "the training loss is not a finite number, and was none before the first step: does the criterion suit "
        "the module's output?",
        ConvergenceWarning,
        stacklevel=4,
    )
