"""Hooks of skorch's training loop."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any, Self

import numpy as np
import torch
from sklearn import get_config
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.metadata_routing import process_routing
from skorch import NeuralNet, NeuralNetClassifier
from skorch.callbacks import PassthroughScoring, PrintLog
from skorch.dataset import unpack_data
from skorch.utils import to_tensor
from torch.utils.data import DataLoader, IterableDataset, RandomSampler

from ..._warning import warn_caller
from ...modules import MLP, is_stochastic
from ...training import (
    Augmentation,
    RandomStreams,
    Rows,
    TensorBatches,
    autocast_of,
    batch_weights,
    cast_for,
    is_overridden,
    needs_scaling,
    run_epoch,
    shaped_like,
    uses_autocast,
    weighted_loss,
    widened,
)
from ..input._finite import check_rows_behind
from ..input._parts import are_parts, arrays_of, as_given, read_parts
from ..input._table import Table, is_array, rows_behind, to_rows, uses_default_dataset
from ..input._targets import targets_of
from ..parameters._messages import is_misfit, is_misfit_of_loss, misfit_of_criterion, misfit_of_module
from ..run._evaluation import UnsuitedOutputs, evaluate, evenly, repeatable_draws
from ..run._history import record_average
from ..run._packing import fit_in_pack, stop_if_given_up
from ..run._run import Run, StopTraining
from ..run._score import score_of
from ..run._validation import Validated, can_score, is_accuracy
from ..start._donation import resume
from ._building import BuildingHooks

_SUITED = (torch.nn.CrossEntropyLoss, torch.nn.MSELoss)  # any output of the default module will do for these
_ENDED_BY_CALLBACKS = ("on_epoch_end", "on_batch_begin", "on_batch_end", "on_grad_computed")
_TRIED_ROWS = 2
_START_ROWS = 10_000  # the start's training score needs no more


class LoopHooks(BuildingHooks):
    """What skorch calls while it trains a net."""

    callbacks_: Any
    verbose: int
    max_epochs: int
    augment: Any

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Call the callbacks; see skorch's ``notify``."""
        run = self._run_at_hand
        if run is None:
            super().notify(method_name, **cb_kwargs)  # type: ignore[misc]
            return
        if method_name == "on_train_begin" and run.continues:
            return  # beginning again would restart schedules and counters
        for name in cb_kwargs.keys() & {"dataset_train", "dataset_valid"}:
            cb_kwargs[name] = run.views.of(cb_kwargs[name])
        try:
            if method_name == "on_epoch_end" and not self.verbose and not is_overridden(self, "notify"):
                self._notify_without_log(run, method_name, **cb_kwargs)
            else:
                super().notify(method_name, **cb_kwargs)  # type: ignore[misc]
        except KeyboardInterrupt:  # skorch's callbacks end training by it, after an epoch that counts
            run.stopped = method_name in _ENDED_BY_CALLBACKS
            if method_name == "on_epoch_end":
                self._after_epoch(run, **cb_kwargs)
            raise
        except KeyError as error:
            if (
                method_name != "on_epoch_end"
                or "Key 'valid_" not in str(error)
                or "valid_batch_count" in self.history[-1]
            ):
                raise
            raise ValueError(
                f"a callback looks at validation rows, and there are none ({error.args[0]}): hold some out with "
                "train_split=ValidSplit(5), or use early_stopping=True in place of skorch's EarlyStopping"
            ) from error
        if method_name == "on_train_begin":
            run.remake = None
            if run.resume_from is not None:
                resume(self, run.resume_from)
        if method_name == "on_epoch_begin" and run.progress is not None:
            run.progress.epoch_begins()
        if method_name == "on_epoch_end":
            self._after_epoch(run, **cb_kwargs)
            stop_if_given_up()

    def _notify_without_log(self, run: Run, method_name: str, **cb_kwargs: Any) -> None:
        """skorch's log lays out a table for every epoch, also where it is not printed."""
        getattr(self, method_name)(self, **cb_kwargs)
        for _, callback in self.callbacks_:
            if run.validated is not None and is_accuracy(callback):
                callback._record_score(self.history, run.validated.accuracy(self))
            elif type(callback) is PassthroughScoring and record_average(self.history_, callback):
                pass
            elif type(callback) is PrintLog and callback.sink is print:
                callback.first_iteration_ = False
            else:
                getattr(callback, method_name)(self, **cb_kwargs)

    def on_epoch_begin(
        self, net: NeuralNet, dataset_train: Any = None, dataset_valid: Any = None, **kwargs: Any
    ) -> None:
        """Open an epoch in the history; numbers continue over calls."""
        super().on_epoch_begin(net, dataset_train, dataset_valid, **kwargs)  # type: ignore[misc]
        run = self._run_at_hand
        if run is not None:
            run.n_begun += 1
        before = self.history_[-2:-1] or ([] if run is None else run.past[-1:])
        if run is not None and before:
            self.history_.record("epoch", before[0]["epoch"] + 1)

    def fit_loop(self, X: Any, y: Any = None, epochs: int | None = None, **fit_params: Any) -> Self:
        """Evaluate the start, then train; see skorch's ``fit_loop``."""
        run = self._run_at_hand
        if run is None:
            return super().fit_loop(X, y, epochs=epochs, **fit_params)  # type: ignore[misc]
        run.forward_params = {key: value for key, value in fit_params.items() if key != "_routing_method"}
        n_epochs = self.max_epochs if epochs is None else epochs
        if run.evaluates_start:
            if get_config()["enable_metadata_routing"]:  # before what nobody asked for reaches the module
                process_routing(self, fit_params.get("_routing_method", "fit"), **run.forward_params)
            self._evaluate_start(run, trains=bool(n_epochs))
        elif self._needs_trial_batch(run):
            # Say in clear words what does not go together, before the first step of a stream.
            assert run.train is not None
            evaluate(self, run.train.evenly(_TRIED_ROWS), run.forward_params)
        streams = run.learned.streams
        assert streams is not None
        try:
            if fit_in_pack(self, X, y, n_epochs, run.forward_params):
                return self
            draws = not isinstance(run.train, Rows) or is_stochastic(self._network())  # a dataset may change rows
            with streams.forward(draws):
                return super().fit_loop(X, y, epochs=epochs, **fit_params)  # type: ignore[misc]
        except KeyboardInterrupt as wish:
            run.interrupted = not run.stopped and not isinstance(wish, StopTraining)
            raise

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any
    ) -> None:
        """Run one epoch; see skorch's ``run_single_epoch``."""
        if iterator is None:
            return
        run = self._run_at_hand
        if not training and run is not None and can_score(self, iterator):
            outputs: list[Any] = []
            run_epoch(self, iterator, training, prefix, step_fn, outputs=outputs, **fit_params)
            run.validated = Validated(iterator.dataset, outputs)
        else:
            draws = repeatable_draws() if targets_of(self).absent and not training else nullcontext()
            with draws:
                taken = run_epoch(self, iterator, training, prefix, step_fn, **fit_params)
            if taken is not None and run is not None and run.route is None:
                run.follow(self, taken)

    def get_dataset(self, X: Any, y: Any = None) -> Any:
        """Return the data as a dataset, on the device where that is possible."""
        if isinstance(X, Rows):
            return Rows(X.X, X.y, travels_to=X.travels_to)
        if are_parts(X) and uses_default_dataset(self):
            X = read_parts(X)
        if is_array(X) and uses_default_dataset(self) and all(a.dtype.kind in "fiub" for a in arrays_of(X)):
            table = Table(X, y, None if y is None else np.asarray(y), None)
            return to_rows(table, self._torch_dtype(), self._network(), self.device, self._current.scaler)
        return super().get_dataset(as_given(X), y)  # type: ignore[misc]

    def get_split_datasets(self, X: Any, y: Any = None, **fit_params: Any) -> tuple[Any, Any]:
        """Return training and validation data; the sticky split is made before training begins."""
        run = self._run_at_hand
        if run is None or run.train is None:
            return super().get_split_datasets(X, y, **fit_params)  # type: ignore[misc]
        if not self.train_split or run.valid is not None:
            return run.train, run.valid
        whole = run.views.of(run.train)
        parts = self.train_split(whole, *(() if y is None else (y,)), **fit_params)
        try:
            train, valid = parts
        except (TypeError, ValueError):
            raise TypeError(
                f"train_split must return training and validation data, a pair, and gave {parts!r}"
            ) from None
        return run.views.behind(self, train), run.views.behind(self, valid)

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Return batches of a dataset: cut on the device, or by a DataLoader where one was asked for."""
        prefix = "iterator_train" if training else "iterator_valid"
        behind = rows_behind(dataset)
        dataset = dataset if behind is None else behind
        streams = self._current.streams
        order = None if streams is None else streams.order
        if order is not None and not training:
            order = torch.Generator()  # looking at the network must not move the order of its training
        kwargs = self.get_params_for(prefix)
        plain = set(kwargs) <= {"batch_size", "shuffle", "drop_last"}
        if isinstance(dataset, Rows) and getattr(self, prefix) is DataLoader and plain:
            size = kwargs.pop("batch_size", self.batch_size)
            size = max(1, len(dataset)) if size == -1 else size
            return TensorBatches(dataset, size, generator=order, **kwargs)
        if isinstance(dataset, IterableDataset) and getattr(self, prefix) is DataLoader and kwargs.get("shuffle"):
            raise ValueError(
                f"the rows of {type(dataset).__name__} come in its own order: set {prefix}__shuffle=False, and "
                "let it shuffle itself"
            )
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
        x = cast_for(x, self._torch_dtype())
        try:
            if not uses_autocast(self) or not self._network().training:
                return self._infer_in_parts(x, **fit_params)
            with autocast_of(self):
                return widened(self._infer_in_parts(x, **fit_params))
        except TypeError as error:
            if not all(word in str(error) for word in ("invalid data type", "str")):
                raise
            raise ValueError("rows hold text: let the dataset encode it, by a tokenizer for example") from error
        except RuntimeError as error:
            if not is_misfit(error):
                raise
            raise misfit_of_module(self._network(), x, error) from error

    def _infer_in_parts(self, x: Any, **fit_params: Any) -> Any:
        """skorch's ``infer``, which makes a list of a tuple, as torch's loader does of those of a dataset."""
        if type(x) not in (tuple, list):
            return super().infer(x, **fit_params)  # type: ignore[misc]
        return self.module_(tuple(to_tensor(part, device=self.device) for part in x), **fit_params)

    def get_loss(
        self, y_pred: Any, y_true: Any, X: Any = None, training: bool = False, **kwargs: Any
    ) -> torch.Tensor:
        """Return the loss of a batch, weighted where its rows have weights."""
        weight = batch_weights()
        try:
            if weight is None:
                weight = self._class_weights_of(y_true)
            y_true = shaped_like(cast_for(y_true, self._torch_dtype()), y_pred, self.criterion_)
            with autocast_of(self) if training else nullcontext():
                if weight is None:
                    return super().get_loss(y_pred, y_true, X=X, training=training, **kwargs)  # type: ignore[misc]
                y_true = to_tensor(y_true, device=self.device)
                if isinstance(self.criterion_, torch.nn.NLLLoss) and isinstance(self, NeuralNetClassifier):
                    y_pred = torch.log(y_pred + torch.finfo(y_pred.dtype).eps)  # as skorch does
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
        scaler = self._loss_scaler()
        scaler.scale(loss).backward()
        for name in self._optimizers:
            scaler.unscale_(getattr(self, name + "_"))  # who looks at gradients is to see them as they are
        return {"loss": loss, "y_pred": y_pred}

    def _step_optimizer(self, step_fn: Any) -> None:
        if not needs_scaling(self):
            super()._step_optimizer(step_fn)  # type: ignore[misc]
            return
        step_fn()
        scaler = self._loss_scaler()
        for name in self._optimizers:
            scaler.step(getattr(self, name + "_"))  # it leaves out steps whose gradients are not finite
        scaler.update()

    def check_data(self, X: Any, y: Any = None) -> None:
        """Check what was not validated before; see skorch's ``check_data``."""
        run = self._run_at_hand
        if run is None or run.train is None:
            if run is not None and "classes_inferred_" in vars(self):
                return  # validated before, and skorch would take the codes for the labels
            super().check_data(X, y)  # type: ignore[misc]

    def with_labels(self, batch: Any) -> Any:
        """Return a batch as callbacks expect it: targets are the user's labels, not their codes."""
        return targets_of(self).with_labels(self, batch)

    def _augmentation(self) -> Augmentation | None:
        """What changes the rows of training batches."""
        if self.augment is None:
            return None
        return Augmentation(self.augment, self._current.streams or RandomStreams(None), self.device)

    def _class_weights_of(self, y_true: Any) -> torch.Tensor | None:
        """Weights of the rows of a batch by their classes, where the rows themselves have none."""
        weights = None if self._run_at_hand is None else self._run_at_hand.class_weight
        if weights is None:
            return None
        return weights[to_tensor(y_true, device="cpu").long().reshape(-1)].to(self._torch_dtype())

    def _loss_scaler(self) -> torch.amp.GradScaler:
        run = self._run_at_hand
        assert run is not None, "float16 trains inside of fit and partial_fit only"
        return run.loss_scaler()

    def _evaluate_start(self, run: Run, trains: bool) -> None:
        """Epoch 0: what the start is worth before the first step.

        A network that lacks outputs cannot be trained, but made.
        """
        run.evaluates_start = False
        rows = run.train if run.valid is None else run.valid
        if rows is None:
            return
        try:
            loss, score = evaluate(
                self, evenly(rows, _START_ROWS) if run.valid is None else rows, run.forward_params
            )
        except UnsuitedOutputs:
            if trains and (run.valid is not None or isinstance(rows, Rows)):
                raise
            loss = score = math.nan
        else:
            check_rows_behind(loss, rows)
        assert run.learned.start is not None
        run.learned.start.update(
            loss=loss, score=score, evaluated_on="training" if run.valid is None else "validation"
        )
        if run.monitor is not None:
            run.monitor.begin(score, loss, self._network(), self.optimizer_)

    def _needs_trial_batch(self, run: Run) -> bool:
        """Whether network, criterion and rows are yet to be seen together.

        A network that was made by hand, or only races, is left alone.
        """
        start = run.learned.start
        if not isinstance(run.train, Rows) or start is None or start["donor"] == "initialize":
            return False
        changed = run.learned.criterion_changed
        if changed:
            run.learn(criterion_changed=False)
        return changed or not run.n_history_before

    def _after_epoch(self, run: Run, dataset_train: Any = None, dataset_valid: Any = None, **others: Any) -> None:
        run.n_epochs += 1
        asked_to_stop = run.progress is not None and run.progress.epoch_ends()
        for name, dataset in (("train_loss", dataset_train), ("valid_loss", dataset_valid)):
            check_rows_behind(self.history_[-1].get(name, 0.0), dataset)
        self._judge_epoch(run)
        if asked_to_stop:
            raise StopTraining

    def _judge_epoch(self, run: Run) -> None:
        """Look at an epoch's loss, and at its validation score where rows are held out."""
        row = self.history_[-1]
        validated, run.validated = run.validated, None
        if not np.isfinite(row.get("train_loss", 0.0)):
            past = (run.past or self.history_[: run.n_history_before])[-1:]
            before = past[0].get("train_loss") if past else None
            first = self.history_[0]["batches"][0]["train_loss"] if before is None else before
            suited = type(self.module_) is MLP and isinstance(self.criterion_, _SUITED)
            _raise_or_warn_of_loss(first, suited)
        if run.monitor is None or run.valid is None:
            return
        loss, score = _mean_loss(row["batches"]), None
        if validated is not None and validated.rows is run.valid:
            placed = isinstance(validated.rows, Rows)
            weight = validated.rows.weight if placed else self._class_weights_of(validated.y)
            score = score_of(self, validated.y, validated.output, weight)
        elif not targets_of(self).absent:
            _, score = evaluate(self, run.valid, run.forward_params, with_loss=False)
        row["valid_score"] = score = -loss if score is None else score
        if run.monitor.update(score, loss, self._network(), self.optimizer_):
            raise StopTraining


def _mean_loss(batches: list[dict[str, Any]]) -> float:
    """The loss of the validation rows, from those of their batches."""
    pairs = [(b["valid_loss"], b["valid_batch_size"]) for b in batches if "valid_loss" in b]
    return sum(loss * size for loss, size in pairs) / sum(size for _, size in pairs) if pairs else math.nan


def _raise_or_warn_of_loss(first: float, suited: bool) -> None:
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
    warn_caller(
        "the training loss is not a finite number, and was none before the first step: does the criterion suit "
        "the module's output?",
        ConvergenceWarning,
    )
