"""The regressor."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from sklearn.utils import Tags
from skorch import NeuralNetRegressor

from ..modules import MLP
from ..policies import InitPolicy
from ._mixin import WarmStartMixin, keywords_of
from .input._targets import targets_of


class WarmStartRegressor(WarmStartMixin, NeuralNetRegressor):
    """Regressor over a PyTorch network, whose start is a parameter.

    A skorch ``NeuralNetRegressor``; targets may have several columns. For the parameters that it shares with
    the classifier see :class:`WarmStartClassifier`.

    Parameters
    ----------
    module : class, callable or nn.Module, default=MLP
        The network. Arguments named ``n_features`` and ``n_outputs`` are filled from the data.
    *args
        There for skorch's signature: pass all else by name.
    criterion : class, default=torch.nn.MSELoss
        The loss.
    optimizer : class, default=torch.optim.AdamW
        The optimiser.
    lr : float, default=1e-3
        Learning rate.
    max_epochs : int, default=100
        Epochs of one ``fit``; 0 makes, evaluates and keeps the start.
    batch_size : int, default=128
        Rows in a batch; -1 for all.
    init_policy : str or InitPolicy, default="warm"
        How the start is made from the previous state and a fresh draw.
    warm_start : bool, default=False
        Whether the next ``fit`` takes the state of the last one as donor. However often that is, what a net holds
        grows with nothing but the ids of the distinct rows it was trained on: 8 bytes each, 4 MB in all at most.
    warm_start_from : Checkpoint, Pretrained, path, FrozenEstimator, nn.Module, dict or None, default=None
        A donor that survives ``clone``.
    optimizer_state : {"reset", "keep", "mask"}, default="reset"
        What a warm ``fit`` does with the optimiser's moments.
    schema : {"strict", "adapt"}, default="strict"
        What happens if columns of X or y differ from the donor's (or, in ``partial_fit``, from the rows before):
        ``"strict"`` raises; ``"adapt"`` maps both by name, optimiser moments included.
        New targets begin with fresh units, new columns with weights of zero. Names come from a DataFrame or from
        the Pipeline around the estimator.
    standardize : bool, default=False
        Whether inputs are standardised inside, by statistics that belong to the state: ``fit`` takes them anew,
        ``partial_fit`` updates them, and the first layer is changed exactly so that predictions do not jump.
        ``module_`` alone takes standardised rows, ``scaler_.transform(X)``.
    dtype : {"auto", "float32", "float64"}, default="auto"
        The network's dtype.
    autocast : {"bfloat16", "float16"} or None, default=None
        Mixed precision of training steps.
    augment : callable or None, default=None
        What changes the rows of each training batch, ``(X, generator) -> X``, such as the classes of
        :mod:`sk_warmstart.augment`; see :class:`WarmStartClassifier`.
    random_state : int, RandomState or None, default=None
        Seed of weights, order and dropout.
    device : str, torch.device or None, default="auto"
        Where the network lives.
    early_stopping : bool, default=False
        Whether to hold out rows, stop when their score stalls, and return the best epoch. The score is R2 of what
        ``predict`` returns; with a criterion other than MSELoss, L1Loss, SmoothL1Loss and HuberLoss (Poisson,
        quantiles, shares, a loss of your own) the loss of these rows is watched instead.
    scoring : str, callable or None, default=None
        What early stopping watches on the validation rows instead: ``"loss"``, or a scorer of scikit-learn (a name
        such as ``"neg_mean_absolute_error"``, or what ``make_scorer`` returns). A scorer's value is also
        ``valid_score`` in the history and ``start_.score``; with "loss" these stay R2. ``score`` and the races of
        init policies are not changed by it.
    validation_fraction : float, default=0.1
        Share of rows that is held out, on average.
    n_iter_no_change : int, default=10
        Epochs without improvement before stopping.
    tol : float, default=1e-4
        The least gain in R2 (or of ``scoring``) that counts as improvement; where the loss is watched, as a share
        of the start's.
    train_split : callable or None, default=None
        A split of skorch's, for those who want it instead.
    iterator_train__shuffle : bool, default=True
        Whether each epoch has an order of its own.
    verbose : int, default=0
        With 1 skorch's log is printed.
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
    n_iter_ : int
        Epochs of the last ``fit``.
    loss_curve_ : list of float
        Training loss of each of them.
    history : skorch.History
        What was recorded: the epochs of the last call, with their batches, and those before it, without. It holds
        1000 epochs at most, or those of the last call if they are more. ``event_fit``
        marks the epochs where a warm fit began.
    start_ : Bunch
        What the start was; see :class:`WarmStartClassifier`.
    module_, optimizer_, criterion_
        The trained network, its optimiser and its loss.

    See Also
    --------
    WarmStartClassifier : The same for labels.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sk_warmstart import WarmStartRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> WarmStartRegressor(max_epochs=2, random_state=0).fit(X, y).predict(X[:3]).shape
    (3,)
    """

    def __init__(
        self,
        module: Any = MLP,
        *args: Any,
        criterion: Any = torch.nn.MSELoss,
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
        scoring: Any = None,
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
    def predict_proba(self) -> Any:
        """Hidden: a regressor has no probabilities."""
        raise AttributeError(f"{type(self).__name__!r} object has no attribute 'predict_proba'")

    def predict(self, X: Any) -> NDArray:
        """Predict the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or what skorch takes
            The rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            As many dimensions as the ``y`` that it was fitted with.
        """
        return targets_of(self).decode(self, self._outputs(X))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
