"""Warm starts for skorch nets: what fit and partial_fit do, told in terms of the rooms below."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.callback import CallbackSupportMixin, with_callbacks
from skorch.history import History

from ..modules import materialize
from ..policies import InitPolicy, resolve_policy
from ..state import Donor, FeatureSummary, Lineage, Schema, Standardizer
from ..training import RandomStreams, Rows, ValidationMonitor, draw_seed, peek_seed, seeded
from .hooks._prediction import GuardedPrediction
from .input._columns import expect_columns, forget_columns, learn_columns
from .input._identity import Recognised, begin_memory, recognise
from .input._table import Table, split_rows, to_rows, uses_plain_dataset, validate
from .input._targets import targets_of
from .input._views import Shown
from .parameters._checks import check_params
from .run._progress import begin_progress
from .run._rollback import all_or_nothing, live_or_back
from .run._run import Session, copied, joined, trimmed
from .start._architecture import architecture_of, check_same_architecture, choose_dtype, shape_from
from .start._donation import donate, schema_of
from .start._donors import find_donors
from .start._growth import follow_features, follow_rows, grow
from .start._start import Plan, adopted_start, carry_optimizer, make_start


class WarmStartMixin(CallbackSupportMixin, GuardedPrediction):
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
    schema : {"strict", "adapt"}, default="strict"
        What happens if classes or columns differ from the donor's: an error, or they are mapped by label and name.
    standardize : bool, default=False
        Whether inputs are standardised inside, by statistics that belong to the state.
    dtype : {"auto", "float32", "float64"}, default="auto"
        The network's dtype.
    autocast : {"bfloat16", "float16"} or None, default=None
        Mixed precision of training steps.
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

    # Identities are there to be used: metadata routing hands them on without being asked.
    __metadata_request__fit = {"sample_id": True}
    __metadata_request__score = {"sample_id": True}

    def __init__(
        self,
        module: Any,
        *args: Any,
        init_policy: str | InitPolicy = "warm",
        warm_start: bool = False,
        warm_start_from: Any = None,
        optimizer_state: str = "reset",
        schema: str = "strict",
        standardize: bool = False,
        dtype: str = "auto",
        autocast: str | None = None,
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
        self.standardize = standardize
        self.dtype = dtype
        self.autocast = autocast
        self.random_state = random_state
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        super().__init__(module, *args, warm_start=warm_start, **kwargs)
        self._forget_unset()

    # ---------------------------------------------------------------- training

    @with_callbacks
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
        self.check_training_readiness()
        epochs = fit_params.pop("epochs", None)
        progress = begin_progress(self, self.max_epochs if epochs is None else epochs, X, y, sample_weight)
        with all_or_nothing(self):
            check_params(self.get_params(deep=False))
            for name, value in (("y_val", y_val), ("sample_weight_val", sample_weight_val)):
                if value is not None and X_val is None:
                    raise ValueError(f"{name} needs X_val")
            plan = self._plan()
            self.session_.progress = progress
            table = self._begin(plan, X, y, sample_weight)
            own_split = X_val is not None or bool(self.early_stopping)
            on_device = table.is_array and uses_plain_dataset(self) and not (own_split and self.train_split)
            rows = self._recognise(plan, table, sample_id, own_split and on_device and X_val is None)
            if own_split and not on_device:
                raise ValueError(
                    "early_stopping and X_val need X as an array, and neither a train_split nor a dataset class "
                    "of your own: with those use skorch's EarlyStopping callback instead"
                )
            if progress is not None:
                progress.rows = rows
            probe = self._draw(plan, table)
            if on_device:
                self._split(table, rows, X_val, y_val, sample_weight_val)
            self._start(plan, probe, table.X, rows)
            self.session_.remake = lambda: self._remake(plan, table, rows)
            if self.session_.monitor is not None:
                self.session_.monitor.suit(self.start_.get("patience", 1.0), self.start_.get("watch", "score"))
            self.session_.evaluates_start = True
            self._run(table, epochs=epochs, method="fit", **fit_params)
            self._conclude(rows)
        if progress is not None:
            progress.fit_ends()
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
        self.check_training_readiness()
        with all_or_nothing(self):
            check_params(self.get_params(deep=False))
            schema = schema_of(self)
            targets_of(self).check_partial_fit(self, classes)
            with live_or_back(self):
                if not self.initialized_:
                    plan = self._plan()
                    table = self._begin(plan, X, y, sample_weight, classes)
                    rows = self._recognise(plan, table, None, own_split=False)
                    if plan.donor is not None:
                        self._continue_statistics(plan.donor, table)
                    probe = self._draw(plan, table)
                    self._place(table)
                    previous = self._start(plan, probe, table.X, rows)
                    self.session_.remake = lambda: self._remake(plan, table, rows)
                    if plan.donor is not None and self.optimizer_state == "keep":
                        self.session_.streams.restore(previous.streams)
                        self.session_.resumes = previous
                else:
                    if self._has_learned():
                        table = self._go_on(X, y, sample_weight, schema)
                    else:
                        table = self._adopt(X, y, sample_weight, classes)
                    rows = recognise(self, table.X)
                    self._place(table)
                self._run(table, epochs=fit_params.pop("epochs", 1), method="partial_fit", flat=True, **fit_params)
            self._conclude(rows)
        return self

    def _donate(self) -> Donor:
        """What this net hands on; the protocol of :meth:`Checkpoint.from_estimator`."""
        return donate(self)

    def _plan(self) -> Plan:
        policy = resolve_policy(self.init_policy, **self.get_params_for("init_policy"))
        donors, kind = find_donors(self, policy.donors())
        seed = draw_seed(self.random_state)
        plan = Plan(policy, donors[0] if donors else None, kind, seed, donors[1:])
        if plan.donor is not None and seed is None:
            # skorch's warm fit draws nothing, so neither may the fresh network that it does not know.
            plan.seed = peek_seed()
        self.session_ = Session(RandomStreams(seed), warm=plan.donor is not None, seed=seed)
        return plan

    def _begin(self, plan: Plan, X: Any, y: Any, sample_weight: Any, classes: ArrayLike | None = None) -> Table:
        """Validate the input of a fit, by the donor's schema where there is a donor."""
        donor, adapts = plan.donor, self.schema == "adapt"
        forget_columns(self)
        if donor is not None and not adapts:
            expect_columns(self, donor.schema)
        targets_of(self).begin(self, None if donor is None else donor.schema.classes, classes)
        known = donor is not None and donor.schema.n_features is not None
        table = validate(self, X, y, sample_weight, reset=adapts or not known)
        learn_columns(self, X, y, None if donor is None else donor.schema)
        return table

    def _recognise(self, plan: Plan, table: Table, sample_id: Any, own_split: bool) -> Recognised:
        """Know the rows, split them, and measure their columns."""
        sticky = own_split and self.early_stopping
        # A cold start remembers nothing, and a start that is cold by policy does what a fresh clone does.
        previous = None if plan.donor is None else [donor.memory for donor in (plan.donor, *plan.others)]
        self.memory_ = begin_memory(self, previous, sticky_by_content=sticky and sample_id is None)
        rows = recognise(self, table.X, sample_id, float(self.validation_fraction) if sticky else None)
        part = table if rows.valid is None else table.rows(rows.train)
        self.scaler_ = Standardizer.from_rows(part.X, part.weight) if self.standardize else None
        self.features_ = FeatureSummary.from_rows(part.X) if rows.n_rows else None
        return rows

    def _continue_statistics(self, donor: Donor, table: Table) -> None:
        """A partial fit adds its rows to those of the donor."""
        if self.standardize:
            self.scaler_ = follow_rows(self, donor.scaler, donor.schema, table)
        if donor.features is not None:
            self.features_ = follow_features(self, donor.features, donor.schema, table)

    def _draw(self, plan: Plan, table: Table) -> torch.Tensor | None:
        """Draw the network anew, with what trains it; return a few rows as it takes them."""
        self.dtype_ = choose_dtype(self, plan.donor, table)
        self.network_shape_ = shape_from(self, table)
        if plan.donor is not None:
            self.session_.past = copied(self.history_) if plan.kind == "self" else History()
            self.initialized_ = False  # skorch would announce that it throws the old network away
        with seeded(plan.fresh_seed):
            self.redraw_ = plan.generation > 0
            self.initialize()
            probe = self._probe(table)
            if probe is not None:
                materialize(self._network(), probe)
        return probe

    def _start(self, plan: Plan, probe: torch.Tensor | None, X: Any, rows: Recognised) -> Donor:
        """Put the start into the network; its rows are on the device by now."""
        network = self._network()
        self.start_, previous = make_start(plan, self, network, probe, X, rows)
        self.origin_ = previous.state if previous.origin is None else previous.origin
        self.lineage_ = replace(plan.lineage(), parent=self.start_.donor_id)
        carry_optimizer(self.optimizer_state, previous, network, self.optimizer_)
        self.architecture_ = architecture_of(self)
        return previous

    def _remake(self, plan: Plan, table: Table, rows: Recognised) -> None:
        """Make the start of a network that a callback had built anew, as skorch's InputShapeSetter does."""
        with seeded(plan.fresh_seed):
            self.redraw_ = plan.generation > 0
            self._initialize_module()
            self._initialize_criterion()
            self._initialize_optimizer()
            probe = self._probe(table)
            if probe is not None:
                materialize(self._network(), probe)
        self._start(plan, probe, table.X, rows)

    def _adopt(self, X: Any, y: Any, sample_weight: Any, classes: ArrayLike | None) -> Table:
        """Begin with a network that was initialised by hand, perhaps with weights loaded into it."""
        seed = draw_seed(self.random_state)
        self.session_ = Session(RandomStreams(seed), warm=False, seed=seed)
        targets_of(self).begin(self, None, classes)
        forget_columns(self)
        table = validate(self, X, y, sample_weight, reset=True)
        learn_columns(self, X, y, None)
        self.start_, previous = adopted_start(self._network())
        self.origin_, self.lineage_ = previous.state, Lineage(policy="Warm", seed=seed)
        self.memory_ = begin_memory(self, None, sticky_by_content=False)
        self.scaler_ = Standardizer.from_rows(table.X, table.weight) if self.standardize else None
        self.features_ = None
        self.architecture_ = architecture_of(self)
        return table

    def _go_on(self, X: Any, y: Any, sample_weight: Any, schema: Schema) -> Table:
        """Take in the rows of a further partial fit, and let the network follow what changed."""
        check_same_architecture(self)
        adapts = self.schema == "adapt"
        table = validate(self, X, y, sample_weight, reset=adapts)
        learn_columns(self, X, y, schema)
        scaler = self.scaler_
        if self.standardize and table.is_array:
            scaler = follow_rows(self, scaler, schema, table)
        self.features_ = follow_features(self, self.features_, schema, table)
        grow(self, schema, scaler, table)
        return table

    def _split(self, table: Table, known: Recognised, X_val: Any, y_val: Any, sample_weight_val: Any) -> None:
        session = self.session_
        rows = self._to_rows(table)
        if X_val is not None:
            if y_val is None:
                raise ValueError("X_val needs y_val")
            checked = validate(self, X_val, y_val, sample_weight_val, reset=False, learn=False)
            session.train, session.valid = rows, self._to_rows(checked)
            session.shown.keep(table, rows)
            session.shown.keep(checked, session.valid)
        elif known.valid is not None:
            session.train, session.valid = split_rows(rows, known.valid)
            whole = session.shown.keep(table, rows)
            session.shown.keep_part(whole, ~known.valid, session.train)
            session.shown.keep_part(whole, known.valid, session.valid)
        else:
            session.train = rows
            session.shown.keep(table, rows)
        if session.valid is not None:
            session.monitor = ValidationMonitor(bool(self.early_stopping), self.n_iter_no_change, float(self.tol))

    def _place(self, table: Table) -> None:
        """Put the rows of a partial fit on the device, where that is possible."""
        on_device = table.is_array and uses_plain_dataset(self)
        self.session_.train = self._to_rows(table) if on_device else None
        if self.session_.train is not None:
            self.session_.shown.keep(table, self.session_.train)

    def _to_rows(self, table: Table) -> Rows:
        return to_rows(table, self._torch_dtype(), self._network(), self.device, self.scaler_)

    def _probe(self, table: Table) -> torch.Tensor | None:
        """A few rows as the network takes them."""
        return self._to_rows(Table(table.X[:2], None, None, None)).X[:] if table.is_array else None

    def _conclude(self, rows: Recognised) -> None:
        """Remember what was trained on, once it was."""
        rows.remember(self.memory_)
        line, known = self.lineage_, {**self.start_, "valid_score": self.session_.valid_score}
        scores = {f"start_{name}": known.get(name) for name in ("loss", "score")}
        scores["train_loss"] = self.loss_curve_[-1] if self.loss_curve_ else None
        scores["valid_score"] = known["valid_score"]
        self.lineage_ = replace(
            line,
            rows=line.rows + rows.n_train,
            rows_seen=line.rows_seen + rows.n_train,
            epochs=line.epochs + self.n_iter_,
            scores={
                name: float(score) for name, score in scores.items() if score is not None and np.isfinite(score)
            },
        )

    def _run(self, table: Table, epochs: int | None, method: str, flat: bool = False, **fit_params: Any) -> None:
        """Train through skorch's own loop; of a fit its history holds this one only meanwhile."""
        session = self.session_
        session.epochs, session.known = 0, 0
        if flat and type(self.history_) is History:
            self.history_ = History(self.history_)  # a call that fails leaves the old one as it was
            session.known = len(self.history_)
        passed_y = table.y if session.train is not None else table.target
        super().partial_fit(table.X, passed_y, epochs=epochs, _routing_method=method, **fit_params)
        session.valid_score = None
        if session.monitor is not None:
            session.valid_score = session.monitor.finish(self._network(), self.optimizer_)
        session.train = session.valid = session.monitor = session.fresh = session.previous = None
        session.shown, session.remake, session.progress = Shown(), None, None
        done = self.history_
        self.n_iter_ = session.epochs
        ran = list(done)[len(done) - session.epochs :]  # a callback may have loaded older rows
        self.loss_curve_ = [row["train_loss"] for row in ran if "train_loss" in row]
        self.history_ = trimmed(done, session.known) if flat else joined(session.past, done)
        session.past, session.known = History(), 0
