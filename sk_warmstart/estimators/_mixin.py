"""Mixin that makes the start of a skorch net a parameter."""

from __future__ import annotations

from typing import Any, Self

from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import Bunch

from ..policies import InitPolicy
from ..state import Donor, Lineage, NetState
from ..state.rows._standardizer import Standardizer
from ._fitting import fit, partial_fit
from ._from_donor import fitted_from, initialized_from
from .hooks._prediction import GuardedPrediction
from .parameters._checks import check_params
from .parameters._messages import words_for_lookups
from .run._progress import begin_progress
from .run._rollback import all_or_nothing
from .start._donation import donate
from .start._plan import donor_to_be


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
    warm_start_from : Checkpoint, Pretrained, path, FrozenEstimator, nn.Module, dict or None, default=None
        A donor that survives ``clone``.
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
    augment : callable or None, default=None
        What changes the rows of training batches, ``(X, generator) -> X``.
    random_state : int, RandomState or None, default=None
        Seed of everything random; None uses torch's global generator.
    early_stopping : bool, default=False
        Whether to hold rows out, stop when their score stalls, and return the best epoch.
    scoring : str, callable or None, default=None
        What the validation score is: None for the estimator's own, "loss" to watch the loss, or a scorer.
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
    __metadata_request__partial_fit = {"sample_id": True}
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
        augment: Any = None,
        random_state: Any = None,
        early_stopping: bool = False,
        scoring: Any = None,
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
        self.augment = augment
        self.random_state = random_state
        self.early_stopping = early_stopping
        self.scoring = scoring
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
        X : array-like, sparse matrix, DataFrame, dict, tuple or Dataset
            The rows: of shape (n_samples, n_features), or (n_samples, ...) for a module of your own. The parts
            of a dictionary are arguments of its ``forward``, by name, and a tuple is one argument; each part is
            such an array (or a tensor, a sparse matrix, a DataFrame of numbers). Decimals are cast to the
            network's dtype, whole numbers stay whole beside other parts and where the network has embeddings,
            and bytes of images stay bytes until they are in a batch. Of a torch ``Dataset`` of (row, target)
            pairs rows are read as they are needed, by ``iterator_train`` with its workers. If its labels are
            not in an attribute ``y``, they are read in one pass before training, unless the parameter
            ``classes`` names them; policies look at up to 4,096 rows of it, evenly spaced, and the score of the
            start is that of up to 1,024.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets; of a Dataset they take the place of its own.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; only their ratios matter. Not for a Dataset: its rows may be dictionaries with
            the weights as one part, which ``forward`` leaves alone and a ``get_loss`` of your own multiplies
            with the losses of ``criterion__reduction="none"``.
        sample_id : array-like of shape (n_samples,), default=None
            Identities of the rows, for the sticky split. Without them a row is known by its content, in all
            parts; one of a Dataset by its place, which is not remembered. A saved checkpoint holds hashes of
            either, unless it is saved with ``rows=False``.
        X_val, y_val : array-like, default=None
            Validation rows of your own, instead of held-out ones; a Dataset has its targets in it. With
            ``early_stopping`` the best epoch by them is returned; without it the last one, unless the start was
            better. In a Pipeline, ``pipe.fit(X, y, net__X_val=X_val, net__y_val=y_val)``, give them as X is
            given: where they are unlike the rows that reach the network, and transformed they are not, they
            pass through the steps before. To leave no doubt let the Pipeline do it: ``Pipeline(steps,
            transform_input=["X_val"])`` with metadata routing and ``set_fit_request(X_val=True, y_val=True)``.
        sample_weight_val : array-like, default=None
            Their weights.
        **fit_params
            Passed on to skorch: ``epochs`` in place of ``max_epochs``, arguments of the module's ``forward`` and
            of ``train_split``.

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
        progress = begin_progress(self, fit_params.get("epochs", self.max_epochs), X, y, sample_weight)
        with all_or_nothing(self), words_for_lookups(self, X):
            check_params(self.get_params(deep=False))
            validation = (X_val, y_val, sample_weight_val)
            fit(self, X, y, sample_weight, sample_id, validation, progress, fit_params)
        if progress is not None:
            progress.fit_ends()
        return self

    def partial_fit(
        self,
        X: Any,
        y: Any = None,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        sample_id: ArrayLike | None = None,
        **fit_params: Any,
    ) -> Self:
        """Train for one pass over the rows given, from where the last call stopped.

        Weights, optimiser, learning-rate schedule, callbacks and random numbers continue: n calls on the same
        rows equal one ``fit`` of n epochs. No rows are held out.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame, dict, tuple or Dataset
            The rows, as for ``fit``.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever occur; required in the first call of a classifier, unless it is fitted.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        sample_id : array-like of shape (n_samples,), default=None
            Identities of the rows, by which later fits and scores recognise them.
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
        with all_or_nothing(self, live=True), words_for_lookups(self, X):
            check_params(self.get_params(deep=False))
            partial_fit(self, X, y, classes, sample_weight, sample_id, fit_params)
        return self

    def initialize(self) -> Self:
        """Build everything anew; see skorch's ``initialize``. What was learned is gone, as there.

        With a donor in ``warm_start_from`` the net is then what the donor is, and predicts as it does: sizes,
        labels and columns are the donor's, and so are ``module__*`` parameters that are not set (of a module of
        your own numbers only), where the module is the donor's. Of a donor of another module, such as a
        :class:`~sk_warmstart.Pretrained`, what fits by name and shape is loaded; the sizes are the net's. A policy
        that keeps nothing of a donor begins anew.

        Returns
        -------
        self
            The estimator.
        """
        if "run_" in vars(self) or self.warm_start_from is None:
            return super().initialize()
        check_params(self.get_params(deep=False))
        donor = donor_to_be(self)
        if donor is None:
            return super().initialize()
        with all_or_nothing(self):
            return initialized_from(self, donor)

    def _train_by_skorch(self, X: Any, y: Any, **fit_params: Any) -> None:
        super().partial_fit(X, y, **fit_params)

    @property
    def start_(self) -> Bunch:
        """What the start of the last fit was."""
        return self._of_learned("start")

    @property
    def origin_(self) -> NetState:
        """Weights that the lineage first started from."""
        return self._of_learned("origin")

    @property
    def lineage_(self) -> Lineage:
        """Where the state comes from: generations, rows, epochs, seed and scores."""
        self._of_learned("start")
        return self._current.lineage

    @property
    def scaler_(self) -> Standardizer | None:
        """Statistics that the inputs are standardised by; None without ``standardize=True``."""
        self._of_learned("start")
        return self._current.scaler

    def _of_learned(self, name: str) -> Any:
        value = getattr(self._current, name)
        if value is None and "learned_" in vars(self):  # while a later fit has not made its start
            value = getattr(self.learned_, name)
        if value is None:
            raise AttributeError(f"this {type(self).__name__} has no {name}_ yet: call fit or partial_fit first")
        return value

    def _donate(self) -> Donor:
        """What this net hands on; the protocol of :meth:`Checkpoint.from_estimator`."""
        return donate(self)

    def _from_donor(self, donor: Donor) -> Self:
        """Return a fitted copy that predicts as a donor does; the protocol of :meth:`Checkpoint.to_estimator`."""
        return fitted_from(clone(self), donor)


def keywords_of(arguments: dict[str, Any], *own: str) -> dict[str, Any]:
    """Return what a constructor hands on by keyword, from its ``locals()``; its ``own`` parameters stay."""
    left_out = {"self", "__class__", "module", "args", "kwargs", *own}
    return {name: value for name, value in arguments.items() if name not in left_out} | arguments["kwargs"]
