"""Warm starts for skorch nets: what fit and partial_fit do, told in terms of the rooms below."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import _check_sample_weight, validate_data
from skorch.history import History
from torch.utils.data import DataLoader, RandomSampler, Subset

from ..modules import MLP, build_module, is_stochastic, materialize
from ..policies import InitPolicy, resolve_policy
from ..training import (
    RandomStreams,
    Rows,
    TensorBatches,
    ValidationMonitor,
    draw_seed,
    peek_seed,
    run_epoch,
    seeded,
    weighted_loss,
)
from ._checks import check_params
from ._contract import SkorchContract, all_or_nothing
from ._data import Table, passes_through, split_rows, to_rows, uses_plain_dataset
from ._donor import find_donor, network_of
from ._start import Plan, carry_optimizer, make_start
from ._targets import targets_of

_FUSED = (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW)
_START_ROWS = 10_000  # the start's training score needs no more
_EVALUATION_BATCH = 4096
_PARTIAL_FIT_HISTORY = 1000
_DTYPES = {"float32": torch.float32, "float64": torch.float64}


class StopTraining(KeyboardInterrupt):
    """Ends training early: skorch's loop takes a KeyboardInterrupt for a wish to stop."""


@dataclass
class Session:
    """What belongs to the training at hand: one ``fit``, or a row of ``partial_fit`` calls.

    Parameters
    ----------
    streams : RandomStreams
        Random numbers of training.
    warm : bool
        Whether it starts from a donor.
    """

    streams: RandomStreams
    warm: bool
    train: Rows | None = None
    valid: Rows | None = None
    monitor: ValidationMonitor | None = None
    began: bool = False
    past: History = field(default_factory=History)


class WarmStartMixin(SkorchContract):
    """Make where training starts from a parameter of a skorch net.

    Put it before a skorch class: ``class Net(WarmStartMixin, MyNeuralNetClassifier)``. The two estimators
    of this library are built with it; see :class:`WarmStartClassifier` for the parameters.

    Parameters
    ----------
    module : class, callable or nn.Module
        The network; arguments named ``n_features`` and ``n_outputs`` are filled from the data. An instance is
        a template and never changed.
    *args
        Further positional parameters of the skorch class.
    init_policy : str or InitPolicy, default="warm"
        How the start is made from the previous state and a fresh draw.
    warm_start : bool, default=False
        Whether the next ``fit`` takes the last one's state as donor.
    warm_start_from : FrozenEstimator or None, default=None
        A fitted donor that survives ``clone``.
    optimizer_state : {"reset", "keep", "mask"}, default="reset"
        What a warm ``fit`` does with the optimiser's moments.
    schema : {"strict"}, default="strict"
        What happens if classes or columns differ from the donor's: an error.
    dtype : {"auto", "float32", "float64"}, default="auto"
        The network's dtype.
    random_state : int, RandomState or None, default=None
        Seed of everything random; None uses torch's global generator.
    early_stopping : bool, default=False
        Whether to hold rows out, stop when their score stalls, and return the best epoch.
    validation_fraction : float, default=0.1
        Share of rows that is held out.
    n_iter_no_change : int, default=10
        Epochs without improvement before stopping.
    tol : float, default=1e-4
        The least gain in the validation score that counts.
    **kwargs
        Parameters of skorch, and ``module__*``, ``optimizer__*``, ``init_policy__*`` and the like.

    Examples
    --------
    >>> from skorch import NeuralNetClassifier
    >>> from sk_warmstart import WarmStartMixin
    >>> class Net(WarmStartMixin, NeuralNetClassifier):
    ...     pass
    """

    history_: History
    criterion_: Any

    def __init__(
        self,
        module: Any,
        *args: Any,
        init_policy: str | InitPolicy = "warm",
        warm_start: bool = False,
        warm_start_from: Any = None,
        optimizer_state: str = "reset",
        schema: str = "strict",
        dtype: str = "auto",
        random_state: Any = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        **kwargs: Any,
    ):
        self.init_policy = init_policy
        self.warm_start_from = warm_start_from
        self.optimizer_state = optimizer_state
        self.schema = schema
        self.dtype = dtype
        self.random_state = random_state
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        super().__init__(module, *args, warm_start=warm_start, **kwargs)  # type: ignore[call-arg]
        self._forget_unset()

    # ---------------------------------------------------------------- training

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        sample_id: ArrayLike | None = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: ArrayLike | None = None,
        **fit_params: Any,
    ) -> Self:
        """Train for ``max_epochs`` epochs from the start that the init policy makes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or what skorch takes
            The rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; only their ratios matter.
        sample_id : array-like of shape (n_samples,), default=None
            Identities of the rows, for the sticky split. Without them a row is known by its content.
        X_val, y_val : array-like, default=None
            Validation rows of your own, instead of held-out ones.
        sample_weight_val : array-like, default=None
            Their weights.
        **fit_params
            Passed on to skorch: arguments of the module's ``forward`` and of ``train_split``.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ValueError
            If the input, a parameter or the donor does not fit. What was fitted before still works then.
        """
        with all_or_nothing(self):
            check_params(self.get_params(deep=False))
            plan = self._plan()
            table = self._begin(plan, X, y, sample_weight)
            self._build(plan, table)
            if table.is_array and not self._split_by_skorch():
                self._split(table, sample_id, X_val, y_val, sample_weight_val)
            elif X_val is not None or self.early_stopping:
                raise ValueError(
                    "early_stopping and X_val need X as an array and no train_split or dataset of skorch's; "
                    "use skorch's train_split and EarlyStopping callback instead"
                )
            self._evaluate_start(table)
            self._run(table, epochs=None, method="fit", **fit_params)
        return self

    def partial_fit(
        self,
        X: Any,
        y: Any = None,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        **fit_params: Any,
    ) -> Self:
        """Train for one pass over the rows given, from where the last call stopped.

        Weights, optimiser, learning-rate schedule, callbacks and random numbers go on: n calls on the same
        rows equal one ``fit`` of n epochs. No rows are held out.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or what skorch takes
            The rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever occur; required in the first call of a classifier, unless it is fitted.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        **fit_params
            Passed on to skorch.

        Returns
        -------
        self
            The estimator.

        Raises
        ------
        ValueError
            If the input or a parameter does not fit.
        """
        with all_or_nothing(self):
            check_params(self.get_params(deep=False))
            targets_of(self).check_partial_fit(self, classes)
            if not self._has_learned():
                plan = self._plan()
                table = self._begin(plan, X, y, sample_weight, classes)
                self._build(plan, table)
            else:
                self._check_same_architecture()
                table = self._validate(X, y, sample_weight, reset=False)
            self.session_.train = None
            if table.is_array and uses_plain_dataset(self):
                self.session_.train = to_rows(table, self._torch_dtype(), self._network(), self.device)
            self._run(
                table, epochs=fit_params.pop("epochs", 1), method="partial_fit", flat=True, **fit_params
            )
        return self

    def _plan(self) -> Plan:
        policy = resolve_policy(self.init_policy, **self.get_params_for("init_policy"))
        donor, seed = find_donor(self), draw_seed(self.random_state)
        plan = Plan(policy, donor, seed)
        if plan.donor is not None and seed is None:
            # skorch's warm fit draws nothing, so neither may the fresh network that it does not know.
            plan.seed = peek_seed()
        self.session_ = Session(RandomStreams(seed), warm=plan.donor is not None)
        return plan

    def _begin(
        self, plan: Plan, X: Any, y: Any, sample_weight: Any, classes: ArrayLike | None = None
    ) -> Table:
        """Validate the input of a fit, by the donor's schema where there is a donor."""
        for name in ("n_features_in_", "feature_names_in_"):
            self.__dict__.pop(name, None)
        donor = plan.donor
        if donor is not None:
            if donor.n_features is not None:
                self.n_features_in_ = donor.n_features
            if donor.feature_names is not None:
                self.feature_names_in_ = donor.feature_names
        targets_of(self).begin(self, None if donor is None else donor.classes, classes)
        known = donor is not None and donor.n_features is not None
        return self._validate(X, y, sample_weight, reset=not known)

    def _build(self, plan: Plan, table: Table) -> None:
        """Draw the network, put the start into it, and set up what trains it."""
        self.dtype_ = self._choose_dtype(plan, table)
        self.network_shape_ = self._shape(table)
        if plan.donor is not None:
            self.session_.past = _copied(self.history_) if plan.donor.is_self else History()
            self.initialized_ = False  # skorch would announce that it throws the old network away
        with seeded(plan.fresh_seed):
            self.redraw_ = plan.generation > 0
            self.initialize()
        network = self._network()
        if table.is_array:
            probe = to_rows(Table(table.X[:2], None, None, None), self._torch_dtype(), network, self.device)
            materialize(network, probe.X)
        self.start_, self.lineage_ = make_start(plan, network)
        carry_optimizer(self.optimizer_state, plan, network, self.optimizer_)
        self.architecture_ = self._architecture()

    def _split(self, table: Table, sample_id: Any, X_val: Any, y_val: Any, sample_weight_val: Any) -> None:
        session, dtype, network = self.session_, self._torch_dtype(), self._network()
        rows = to_rows(table, dtype, network, self.device)
        if X_val is not None:
            if y_val is None:
                raise ValueError("X_val needs y_val")
            checked = self._validate(X_val, y_val, sample_weight_val, reset=False)
            session.train, session.valid = rows, to_rows(checked, dtype, network, self.device)
        elif self.early_stopping:
            names = getattr(self, "feature_names_in_", None)
            session.train, session.valid = split_rows(
                rows, table.X, sample_id, names, float(self.validation_fraction)
            )
        else:
            session.train = rows
        if session.valid is not None:
            session.monitor = ValidationMonitor(
                bool(self.early_stopping), self.n_iter_no_change, float(self.tol)
            )

    def _evaluate_start(self, table: Table) -> None:
        """Epoch 0: what the start is worth before the first step."""
        session = self.session_
        rows = session.valid if session.valid is not None else session.train
        if rows is None:
            return
        loss, score = self._evaluate(rows.evenly(_START_ROWS) if session.valid is None else rows)
        self.start_.update(
            loss=loss, score=score, evaluated_on="training" if session.valid is None else "validation"
        )
        if session.monitor is not None:
            session.monitor.begin(score, self._network(), self.optimizer_)

    def _run(
        self, table: Table, epochs: int | None, method: str, flat: bool = False, **fit_params: Any
    ) -> None:
        """Train through skorch's own loop, whose history holds this call only meanwhile."""
        session = self.session_
        if flat:
            session.past, self.history_ = self.history_, History()
        passed_y = table.y if session.train is not None else table.target
        with session.streams.forward(is_stochastic(self._network())):
            super().partial_fit(  # type: ignore[misc]
                table.X, passed_y, epochs=epochs, _routing_method=method, **fit_params
            )
        if session.monitor is not None:
            session.monitor.finish(self._network(), self.optimizer_)
        session.train = session.valid = session.monitor = None
        done = self.history_
        self.n_iter_ = len(done)
        self.loss_curve_ = [row["train_loss"] for row in done if "train_loss" in row]
        self.history_ = _joined(
            session.past, done, mark=not flat, limit=_PARTIAL_FIT_HISTORY if flat else None
        )
        session.past = History()

    def _after_epoch(self) -> None:
        row, session = self.history_[-1], self.session_
        if not np.isfinite(row.get("train_loss", 0.0)):
            raise ValueError(
                "the training loss is no longer a finite number: lower lr, or scale the inputs and targets"
            )
        if session.monitor is None or session.valid is None:
            return
        _, score = self._evaluate(session.valid, with_loss=False)
        row["valid_score"] = score
        if session.monitor.update(score, self._network(), self.optimizer_):
            raise StopTraining

    def _evaluate(self, rows: Rows, with_loss: bool = True) -> tuple[float, float]:
        """Loss and score of the network as it stands; the network is left as it was found."""
        self._set_training(False)
        outputs, total = [], 0.0
        with torch.no_grad():
            for first in range(0, len(rows), _EVALUATION_BATCH):
                part = rows.take(slice(first, first + _EVALUATION_BATCH))
                output = self.infer(part.X)
                output = output[0] if isinstance(output, tuple) else output
                if with_loss:
                    self.batch_weight_ = part.weight
                    try:
                        total += float(self.get_loss(output, part.y, X=part.X, training=False)) * len(part)
                    finally:
                        self.batch_weight_ = None
                outputs.append(output)
        score = targets_of(self).score(rows.y, torch.cat(outputs), rows.weight)
        return total / len(rows), score

    # ---------------------------------------------------------------- skorch's hooks

    def initialize_module(self) -> Self:
        """Build the network by the shape of the data; see skorch's ``initialize_module``."""
        network = build_module(
            self.module,
            self.get_params_for("module"),
            getattr(self, "network_shape_", {}),
            redraw=getattr(self, "redraw_", False),
        )
        dtype = getattr(self, "dtype_", None)
        self.module_ = network if dtype is None else network.to(_DTYPES[dtype])
        return self

    def initialize_criterion(self) -> Self:
        """Build the criterion; a template is copied, so that it is never changed."""
        super().initialize_criterion()  # type: ignore[misc]
        if self.criterion_ is self.criterion:
            self.criterion_ = copy.deepcopy(self.criterion)
        dtype = getattr(self, "dtype_", None)
        if dtype is not None and isinstance(self.criterion_, torch.nn.Module):
            self.criterion_ = self.criterion_.to(_DTYPES[dtype])
        return self

    def initialize_history(self) -> Self:
        """Begin a new history; the one before stays whole in case the fit fails."""
        self.history_ = History()
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
        super().notify(method_name, **cb_kwargs)  # type: ignore[misc]
        if method_name == "on_epoch_end":
            self._after_epoch()

    def on_epoch_begin(
        self, net: Any, dataset_train: Any = None, dataset_valid: Any = None, **kwargs: Any
    ) -> None:
        """Open an epoch in the history; numbers go on over calls."""
        super().on_epoch_begin(net, dataset_train, dataset_valid, **kwargs)  # type: ignore[misc]
        past = self.session_.past if "session_" in self.__dict__ else ()
        if past:
            self.history_.record("epoch", past[-1]["epoch"] + len(self.history_))

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any
    ) -> None:
        """Run one epoch; see skorch's ``run_single_epoch``."""
        if iterator is not None:
            run_epoch(self, iterator, training, prefix, step_fn, **fit_params)

    def get_dataset(self, X: Any, y: Any = None) -> Any:
        """Return the data as a dataset, on the device where that is possible."""
        if isinstance(X, Rows):
            return Rows(X.X, X.y)
        if isinstance(X, np.ndarray) and X.dtype.kind in "fiub" and uses_plain_dataset(self):
            target = None if y is None else np.asarray(y)
            return to_rows(Table(X, y, target, None), self._torch_dtype(), self._network(), self.device)
        return super().get_dataset(X, y)  # type: ignore[misc]

    def get_split_datasets(self, X: Any, y: Any = None, **fit_params: Any) -> tuple[Any, Any]:
        """Return training and validation data; the sticky split is made before training begins."""
        session = self.__dict__.get("session_")
        if session is not None and session.train is not None:
            if not self.train_split or session.valid is not None:
                return session.train, session.valid
            parts = self.train_split(session.train, *(() if y is None else (y,)), **fit_params)
            return _unwrapped(parts[0]), _unwrapped(parts[1])
        return super().get_split_datasets(X, y, **fit_params)  # type: ignore[misc]

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Return batches of a dataset: cut on the device, or by a DataLoader where one was asked for."""
        prefix = "iterator_train" if training else "iterator_valid"
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

    def get_loss(self, y_pred: Any, y_true: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Return the loss of a batch, weighted where its rows have weights."""
        weight = self.__dict__.get("batch_weight_")
        y_true = _shaped_like(y_true, y_pred, self.criterion_)
        if weight is None:
            return super().get_loss(y_pred, y_true, *args, **kwargs)  # type: ignore[misc]
        return weighted_loss(self.criterion_, y_pred, y_true, weight.to(y_pred.device))

    def check_data(self, X: Any, y: Any = None) -> None:
        """Check what was not validated before; see skorch's ``check_data``."""
        if "session_" not in self.__dict__ or self.session_.train is None:
            super().check_data(X, y)  # type: ignore[misc]

    def spoken(self, batch: Any) -> Any:
        """Return a batch as callbacks expect it: targets are the user's labels, not their codes."""
        return targets_of(self).spoken(self, batch)

    # ---------------------------------------------------------------- prediction

    def predict_proba(self, X: Any) -> NDArray:
        """Return the network's outputs, as probabilities where the criterion implies them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or what skorch takes
            The rows.

        Returns
        -------
        ndarray
            The outputs.
        """
        return self._outputs(X)

    def predict(self, X: Any) -> NDArray:
        """Predict labels of ``classes_``, or numbers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or what skorch takes
            The rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predictions.
        """
        self.check_is_fitted()
        return targets_of(self).decode(self, super().predict(X))  # type: ignore[misc]

    def _outputs(self, X: Any) -> NDArray:
        self.check_is_fitted()
        return super().predict_proba(self._validate_X(X))  # type: ignore[misc]

    # ---------------------------------------------------------------- validation

    def _validate_X(self, X: Any) -> Any:
        if passes_through(X) or isinstance(X, Rows | Subset):
            return X
        if not hasattr(self, "n_features_in_"):
            return np.asarray(X) if not isinstance(X, torch.Tensor) else X.numpy()
        return validate_data(self, _as_numpy(X), reset=False, **self._array_rules())

    def _validate(self, X: Any, y: Any, sample_weight: Any, reset: bool) -> Table:
        targets = targets_of(self)
        if passes_through(X):
            if sample_weight is not None:
                raise ValueError(
                    "sample_weight needs X as an array; put the weights into the dataset instead"
                )
            target = None if y is None else targets.encode(self, np.asarray(y))
            return Table(X, y, target, None)
        if y is None:
            # scikit-learn's words, so that its users know them.
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None. It is part of a "
                "Dataset only"
            )
        X, y = validate_data(
            self, _as_numpy(X), _as_numpy(y), reset=reset, **self._array_rules(), **targets.rules
        )
        y = targets.check(self, y)
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        return Table(X, y, targets.encode(self, y), targets.weigh(self, y, weight))

    def _array_rules(self) -> dict[str, Any]:
        default = self.module is MLP or isinstance(self.module, MLP)
        return {"dtype": [np.float64, np.float32] if default else "numeric", "allow_nd": not default}

    def _check_same_architecture(self) -> None:
        changed = [
            name
            for name, value in self._architecture().items()
            if not _same(value, self.architecture_.get(name))
        ]
        if changed:
            raise ValueError(
                f"{', '.join(changed)} changed since the network was built, and partial_fit goes on with that "
                "network. Call fit (with warm_start=True it starts from what was learned), or set it back"
            )

    def _architecture(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in self.__dict__.items()
            if name == "module" or name.startswith("module__")
        }

    def _choose_dtype(self, plan: Plan, table: Table) -> str | None:
        """The parameter; else the donor's, so that a warm start predicts as before; else X's own."""
        if self.dtype != "auto":
            return self.dtype
        if plan.donor is not None:
            floats = [t.dtype for t in plan.donor.state.values() if t.is_floating_point()]
            return next((name for name, dtype in _DTYPES.items() if dtype in floats), None)
        if torch.device(self.device or "cpu").type != "cpu":
            return "float32"
        return "float64" if table.is_array and table.X.dtype == np.float64 else "float32"

    def _torch_dtype(self) -> torch.dtype:
        return next((p.dtype for p in self._network().parameters() if p.is_floating_point()), torch.float32)

    def _network(self) -> torch.nn.Module:
        return network_of(self)

    def _split_by_skorch(self) -> bool:
        return not uses_plain_dataset(self)

    def _shape(self, table: Table) -> dict[str, int]:
        shape = {"n_outputs": targets_of(self).n_outputs(self, table.target)}
        if table.is_array:
            shape["n_features"] = self.n_features_in_
        return {name: int(size) for name, size in shape.items() if size is not None}


def _as_numpy(data: Any) -> Any:
    return data.detach().numpy() if isinstance(data, torch.Tensor) and data.device.type == "cpu" else data


def _shaped_like(y_true: Any, y_pred: Any, criterion: Any) -> Any:
    """Fit a target to the output where torch would fail, or silently make n x n of (n,) and (n, 1)."""
    if not (isinstance(y_true, torch.Tensor) and isinstance(y_pred, torch.Tensor)):
        return y_true
    if y_true.is_floating_point() and y_true.shape != y_pred.shape and y_true.numel() == y_pred.numel():
        return y_true.reshape(y_pred.shape)
    if isinstance(criterion, torch.nn.BCEWithLogitsLoss | torch.nn.BCELoss):
        return y_true.to(y_pred.dtype).reshape(y_pred.shape)
    return y_true


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    try:
        return bool(a == b)
    except (TypeError, ValueError):
        return False


def _unwrapped(part: Any) -> Any:
    """skorch's splits are views one row at a time; cut the rows once instead."""
    if isinstance(part, Subset) and isinstance(part.dataset, Rows):
        return part.dataset.take(np.asarray(part.indices))
    return part


def _copied(history: History | None) -> History:
    return History(dict(row) for row in history or ())


def _joined(past: History, done: History, mark: bool, limit: int | None) -> History:
    """Append what was done to what was before; ``event_fit`` marks where a warm fit began."""
    if not past:
        return done
    if mark and done:
        done[0]["event_fit"] = True
    if limit is not None:
        # A stream of partial fits has no end, so neither batches nor old passes are kept for ever.
        for row in done:
            row["batches"] = []
        surplus = len(past) + len(done) - limit
        if surplus > 0:
            del past[: min(surplus, len(past))]
    past.extend(done)
    return past
