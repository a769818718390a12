"""The transformer, which learns without labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from skorch import NeuralNet
from skorch.dataset import get_len
from skorch.utils import is_dataset, to_numpy, to_tensor

from .._compat._sklearn import num_samples
from ..modules import MaskedAutoencoder, OwnLoss, embed
from ..policies import InitPolicy
from ..training import Rows
from ._mixin import WarmStartMixin, keywords_of
from .input._datasets import Encoded, is_indexed
from .input._finite import check_rows_behind
from .input._identity import warn_where_leaking
from .input._pipeline_names import is_scoring
from .input._table import rows_behind, validate_rows
from .input._targets import NoTargets
from .run._evaluation import own_loss_of, repeatable_draws

_FEW = 2  # rows that tell how wide embeddings are


class WarmStartTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, WarmStartMixin, NeuralNet):
    """Transformer over a PyTorch network that learns without labels, and whose start is a parameter.

    It turns rows into embeddings. What it learned is a start for :class:`WarmStartClassifier` and
    :class:`WarmStartRegressor`: learn from all rows, then fine-tune on the few that have labels. For the
    parameters that it shares with the classifier see there.

    Parameters
    ----------
    module : class, callable or nn.Module, default=MaskedAutoencoder
        The network. Called with a batch, it returns its loss: a number for each row, one number, or an output that
        has such a tensor as ``loss``. Its method ``embed`` maps a batch to embeddings, shape (n_samples,
        n_components). What it draws, as masks, comes from torch's global generator. An argument named
        ``n_features`` is filled from the data.
    *args
        There for skorch's signature: pass all else by name.
    criterion : class, default=OwnLoss
        Passes on the loss that the module returned. One of your own is called with this and a zero for each row.
    optimizer : class, default=torch.optim.AdamW
        The optimiser.
    lr : float, default=1e-3
        Learning rate.
    max_epochs : int, default=100
        Epochs of one ``fit``; 0 makes, evaluates and keeps the start.
    batch_size : int, default=128
        Rows in a batch; -1 for all.
    init_policy : str or InitPolicy, default="warm"
        How the start is made from the previous state and a fresh draw. ``"linear_probe"`` needs targets, and there
        are none.
    warm_start : bool, default=False
        Whether the next ``fit`` takes the state of the last one as donor.
    warm_start_from : Checkpoint, Pretrained, path, FrozenEstimator, nn.Module, dict or None, default=None
        A donor that survives ``clone``.
    optimizer_state : {"reset", "keep", "mask"}, default="reset"
        What a warm ``fit`` does with the optimiser's moments.
    schema : {"strict", "adapt"}, default="strict"
        What happens if columns of X differ from the donor's (or, in ``partial_fit``, from the rows before):
        ``"strict"`` raises; ``"adapt"`` maps them by name.
    standardize : bool, default=False
        Whether inputs are standardised inside, by statistics that belong to the state. When they move, the first
        layer is changed exactly so that embeddings do not jump.
    dtype : {"auto", "float32", "float64"}, default="auto"
        The network's dtype.
    autocast : {"bfloat16", "float16"} or None, default=None
        Mixed precision of training steps.
    augment : callable or None, default=None
        What changes the rows of each training batch, ``(X, generator) -> X``, before the module masks them; see
        :class:`WarmStartClassifier`.
    random_state : int, RandomState or None, default=None
        Seed of weights, order, dropout and masks.
    device : str, torch.device or None, default="auto"
        Where the network lives.
    early_stopping : bool, default=False
        Whether to hold out rows, stop when their loss stalls, and return the best epoch.
    validation_fraction : float, default=0.1
        Share of rows that is held out, on average.
    n_iter_no_change : int, default=10
        Epochs without improvement before stopping.
    tol : float, default=1e-4
        The least gain in the loss that counts as improvement, as a share of the start's.
    train_split : callable or None, default=None
        A split of skorch's, for those who want it instead.
    iterator_train__shuffle : bool, default=True
        Whether each epoch has an order of its own.
    verbose : int, default=0
        With 1 skorch's log is printed.
    scoring : "loss" or None, default=None
        There for the classifier and the regressor: early stopping watches the loss.
    iterator_train, iterator_valid, dataset : class
        As in skorch's ``NeuralNet``, with its defaults.
    callbacks : list, "disable" or None, default=None
        Callbacks of skorch, such as those of :mod:`sk_warmstart.callbacks`.
    predict_nonlinearity, compile, use_caching, torch_load_kwargs : object
        As in skorch's ``NeuralNet``.
    **kwargs
        Further parameters of skorch, and ``module__*``, ``optimizer__*``, ``callbacks__*`` and the like.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of str
        Names of the columns, where X had any.
    n_components_ : int
        Number of columns of an embedding.
    n_iter_ : int
        Epochs of the last ``fit``.
    loss_curve_ : list of float
        Training loss of each of them.
    history : skorch.History
        What was recorded.
    start_ : Bunch
        What the start was; see :class:`WarmStartClassifier`. ``score`` is minus the loss.
    module_, optimizer_, criterion_
        The trained network, its optimiser and its loss.

    See Also
    --------
    WarmStartClassifier : Learns from labels, and may start from what this has learned.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_warmstart import WarmStartTransformer
    >>> X, _ = load_iris(return_X_y=True)
    >>> learner = WarmStartTransformer(max_epochs=5, standardize=True, random_state=0).fit(X)
    >>> learner.transform(X).shape
    (150, 128)
    """

    _targets = NoTargets()

    def __init__(
        self,
        module: Any = MaskedAutoencoder,
        *args: Any,
        criterion: Any = OwnLoss,
        optimizer: Any = torch.optim.AdamW,
        lr: float = 1e-3,
        max_epochs: int = 100,
        batch_size: int = 128,
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
        device: Any = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        train_split: Any = None,
        iterator_train__shuffle: bool = True,
        verbose: int = 0,
        **kwargs: Any,
    ):
        super().__init__(module, *args, **keywords_of(locals()))

    @property
    def predict(self) -> Any:
        """Hidden: a transformer predicts nothing."""
        raise AttributeError(f"{type(self).__name__!r} object has no attribute 'predict'")

    @property
    def predict_proba(self) -> Any:
        """Hidden: a transformer has no probabilities."""
        raise AttributeError(f"{type(self).__name__!r} object has no attribute 'predict_proba'")

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_id: ArrayLike | None = None,
        X_val: Any = None,
        y_val: Any = None,
        **fit_params: Any,
    ) -> Self:
        """Learn from rows, from the start that the init policy makes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or what skorch takes
            The rows.
        y : object, default=None
            Not used.
        sample_id : array-like of shape (n_samples,), default=None
            Identities of the rows, for the sticky split.
        X_val : array-like, default=None
            Validation rows of your own, instead of held-out ones.
        y_val : object, default=None
            Not used.
        **fit_params
            Passed on to skorch: arguments of the module's ``forward`` and of ``train_split``.

        Returns
        -------
        self
            The fitted transformer.

        Raises
        ------
        TypeError
            If the module returns no loss, or has no method ``embed``.
        ValueError
            If the input, a parameter or the donor does not fit. What was fitted before still works then.
        """
        _refuse(fit_params)
        given = {} if X_val is None else {"X_val": X_val, "y_val": _zeros(X_val)}
        return super().fit(X, _zeros(X), sample_id=sample_id, **given, **fit_params)

    def partial_fit(  # type: ignore[override]
        self,
        X: Any,
        y: Any = None,
        sample_id: ArrayLike | None = None,
        **fit_params: Any,
    ) -> Self:
        """Learn for one pass over the rows given, from where the last call stopped.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or what skorch takes
            The rows.
        y : object, default=None
            Not used.
        sample_id : array-like of shape (n_samples,), default=None
            Identities of the rows.
        **fit_params
            Passed on to skorch.

        Returns
        -------
        self
            The transformer.

        Raises
        ------
        TypeError
            If the module returns no loss, or has no method ``embed``.
        ValueError
            If the input or a parameter does not fit.
        """
        _refuse(fit_params)
        return super().partial_fit(X, _zeros(X), sample_id=sample_id, **fit_params)

    def transform(self, X: Any) -> NDArray:
        """Return the embedding of each row, as the network makes it of whole rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or what skorch takes
            The rows.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            The embeddings.
        """
        self.check_is_fitted()
        if is_scoring():
            warn_where_leaking(self, X)
        rows = self._readable(X)
        batches = self.get_iterator(rows, training=False)
        with repeatable_draws():
            embeddings = np.concatenate([to_numpy(self._embed(batch[0])) for batch in batches])
        check_rows_behind(embeddings, rows)
        return embeddings

    def score(self, X: Any, y: Any = None, sample_id: ArrayLike | None = None) -> float:
        """Return minus the mean loss; what the network draws is the same each time.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or what skorch takes
            The rows.
        y : object, default=None
            Not used.
        sample_id : array-like of shape (n_samples,), default=None
            Identities of the rows, as given to ``fit``.

        Returns
        -------
        float
            The score; greater is better.

        Warns
        -----
        LeakageWarning
            If a donor was trained on some of the rows and the last fit was not: they are not held out.
        """
        self.check_is_fitted()
        if sample_id is not None and num_samples(sample_id) != num_samples(X):
            raise ValueError(f"sample_id has {num_samples(sample_id)} entries for {num_samples(X)} rows")
        warn_where_leaking(self, X, sample_id)
        rows = self._readable(X)
        loss = own_loss_of(self, rows)
        check_rows_behind(loss, rows)
        return -loss

    @property
    def n_components_(self) -> int:
        """Number of columns of an embedding."""
        found = self._current.shape.get("n_components")
        if found is None:
            raise AttributeError(f"this {type(self).__name__} has no n_components_ yet: call fit first")
        return found

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def fit_loop(self, X: Any, y: Any = None, epochs: int | None = None, **fit_params: Any) -> Self:
        """Learn how wide embeddings are, then train; see skorch's ``fit_loop``."""
        run = self._run_at_hand
        if run is not None and "n_components" not in run.learned.shape:
            rows = self.get_dataset(X, y) if run.train is None else run.train
            few = rows.evenly(_FEW) if isinstance(rows, Rows) else rows
            with repeatable_draws():
                width = self._embed(next(iter(self.get_iterator(few, training=False)))[0]).shape[1]
            run.learn(shape={**run.learned.shape, "n_components": int(width)})
        return super().fit_loop(X, y, epochs=epochs, **fit_params)

    def _readable(self, X: Any) -> Any:
        """Rows as a dataset of pairs, whether they have targets or not."""
        rows = validate_rows(self, X)
        if is_indexed(rows) and not isinstance(rows, Rows) and rows_behind(rows) is None:
            return Encoded(rows, np.zeros(len(rows), dtype=np.float32))
        return self.get_dataset(rows, _zeros(rows))

    def _embed(self, batch: Any) -> torch.Tensor:
        self._set_training(False)
        with torch.no_grad():
            return embed(self.module_, to_tensor(batch, device=self.device))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _refuse(fit_params: Mapping[str, Any]) -> None:
    """Refuse what an estimator with targets would take."""
    given = [name for name in ("sample_weight", "sample_weight_val", "classes") if name in fit_params]
    if given:
        raise TypeError(f"a WarmStartTransformer takes no {given[0]}: it learns from the rows alone, each once")


def _zeros(X: Any) -> NDArray | None:
    """Stand-ins for targets, one a row; None where nobody knows how many there are."""
    if is_dataset(X) and not is_indexed(X):
        return None
    try:
        in_parts = isinstance(X, Mapping | tuple) and not issparse(X)
        n_rows = len(X) if is_dataset(X) else get_len(X) if in_parts else num_samples(X)
    except (TypeError, ValueError):
        n_rows = 0  # validation says what is wrong with X
    return np.zeros(n_rows, dtype=np.float32)
