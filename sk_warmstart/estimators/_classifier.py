"""The classifier."""

from __future__ import annotations

from typing import Any

import torch
from skorch import NeuralNetClassifier

from ..modules import MLP
from ..policies import InitPolicy
from ._mixin import WarmStartMixin, keywords_of


class WarmStartClassifier(WarmStartMixin, NeuralNetClassifier):
    """Classifier over a PyTorch network, whose start is a parameter.

    A skorch ``NeuralNetClassifier``: any ``nn.Module``, names like ``module__*`` and ``optimizer__*`` in a
    grid, callbacks and history work as they do there. Labels may be of any kind.

    Parameters
    ----------
    module : class, callable or nn.Module, default=MLP
        The network, giving logits. Arguments named ``n_features`` and ``n_outputs`` are filled from the data.
        An instance is a template and never changed.
    *args
        There for skorch's signature: pass all else by name.
    criterion : class, default=torch.nn.CrossEntropyLoss
        The loss, on logits.
    optimizer : class, default=torch.optim.AdamW
        The optimiser.
    lr : float, default=1e-3
        Learning rate.
    max_epochs : int, default=100
        Epochs of one ``fit``. With 0 the start is made, evaluated and kept.
    batch_size : int, default=128
        Rows in a batch; -1 for all.
    init_policy : str or InitPolicy, default="warm"
        How the start is made from the previous state and a fresh draw: a name or object of
        :mod:`sk_warmstart.policies`. Without a donor every policy is a cold start. ``init_policy__shrink``
        and the like can be searched.
    warm_start : bool, default=False
        Whether the next ``fit`` takes the state of the last one as donor. However often that is, what a net holds
        grows with nothing but the ids of the distinct rows it was trained on: 8 bytes each, 4 MB in all at most.
    warm_start_from : Checkpoint, Pretrained, path, FrozenEstimator, nn.Module, dict or None, default=None
        A donor that survives ``clone``, so that a grid search can start warm: a :class:`Checkpoint`, a path to
        one, or ``sklearn.frozen.FrozenEstimator(fitted)``, where ``fitted`` may be a Pipeline or a search; or
        weights of another module, as :class:`Pretrained`, a module, its state dict, or the path of a
        ``.safetensors`` file of another library. The estimator's own state wins over it when ``warm_start=True``
        and fitted.
    optimizer_state : {"reset", "keep", "mask"}, default="reset"
        What a warm ``fit`` does with the optimiser's moments: forget them, keep them, or forget those of the
        numbers that the policy changed. The learning-rate schedule restarts with every ``fit``.
    schema : {"strict", "adapt"}, default="strict"
        What happens if classes or columns differ from the donor's (or, in ``partial_fit``, from the rows before):
        ``"strict"`` raises; ``"adapt"`` maps classes by label and columns by name, optimiser moments included.
        New classes begin with fresh units, new columns with weights of zero. What fresh units answer says nothing
        yet, and beside a network that is not sure it may outweigh the old classes: ``init_policy="linear_probe"``
        fits the whole head, to old and new classes, before the first step. Names come from a DataFrame or from
        the Pipeline around the estimator.
    standardize : bool, default=False
        Whether inputs are standardised inside, by statistics that belong to the state: ``fit`` takes them anew,
        ``partial_fit`` updates them, and the first layer is changed exactly so that predictions do not jump.
        ``module_`` alone takes standardised rows, ``scaler_.transform(X)``.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied into ``sample_weight``.
    dtype : {"auto", "float32", "float64"}, default="auto"
        The network's dtype: X's own on a CPU, float32 on an accelerator, the donor's in a warm fit.
    autocast : {"bfloat16", "float16"} or None, default=None
        Mixed precision: forward and loss of a training step run under ``torch.autocast`` in this precision,
        float16 with scaled gradients (CUDA only). Parameters stay float32; validation and predictions are float32
        too, so that they depend on what was learned alone. Such a fit uses autograd, and trains outside of packs.
    augment : callable or None, default=None
        What changes the rows of each training batch, ``(X, generator) -> X``, such as the classes of
        :mod:`sk_warmstart.augment`. X is what the network is given (a tensor, a dictionary or a tuple of them), on
        its device, standardised with ``standardize=True``; the generator is on the same device and seeded by
        ``random_state``. Shape, dtype and device must stay. Validation rows, the evaluation of the start,
        predictions and what an init policy looks at are as they are; a race trains as the fit does. ``train_loss``
        is that of the augmented rows.
    random_state : int, RandomState or None, default=None
        Seed of weights, order and dropout. None uses torch's global generator, as skorch does.
    device : str, torch.device or None, default="auto"
        Where the network lives; ``"auto"`` takes CUDA where there is one.
    early_stopping : bool, default=False
        Whether to hold out rows, stop when their accuracy stalls, and return the best epoch; the start counts
        as epoch 0. Which rows are held out is decided by each row's content (or ``sample_id``), so a row
        that trained once never validates later. The best weights are kept in memory, where skorch's ``Checkpoint``
        writes files; inside of a parallel call these go to a folder of each fit's own, which it removes.
    scoring : str, callable or None, default=None
        What early stopping watches on the validation rows, where it is not their accuracy: ``"loss"``, or a scorer
        of scikit-learn (a name such as ``"roc_auc"`` or ``"balanced_accuracy"``, or what ``make_scorer`` returns).
        A scorer's value is also ``valid_score`` in the history and ``start_.score``; with "loss" these stay the
        accuracy. ``score`` and the races of init policies are not changed by it.
    validation_fraction : float, default=0.1
        Share of rows that is held out, on average.
    n_iter_no_change : int, default=10
        Epochs without improvement before stopping.
    tol : float, default=1e-4
        The least gain in accuracy (or of ``scoring``) that counts as improvement; where the loss is watched, as a
        share of the start's.
    train_split : callable or None, default=None
        A split of skorch's, for those who want it instead.
    iterator_train__shuffle : bool, default=True
        Whether each epoch has an order of its own.
    verbose : int, default=0
        With 1 skorch's log is printed.
    classes : sequence or None, default=None
        All labels, where they cannot be learned from ``y``.
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
    classes_ : ndarray of shape (n_classes,)
        The labels, in the order of the columns of ``predict_proba``.
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
        What the start was: ``policy``, ``params``, ``donor``, ``donor_id``, ``kept`` (for each parameter the
        share of the donor's that it holds), ``seconds``, and where X is an array ``loss`` and ``score`` before the
        first step;
        with ``schema="adapt"`` also ``classes_added``, ``columns_added``, ``columns_dropped``, and
        ``layers_fresh``: the layers with a parameter of which the donor had nothing that fits. Of a donor of
        another module ``loaded`` and ``missing`` tell the share of the network's numbers by tensor, ``left_over``
        that of the donor's which found no place; else they are None.
    module_, optimizer_, criterion_
        The trained network, its optimiser and its loss.

    See Also
    --------
    WarmStartRegressor : The same for numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_warmstart import WarmStartClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> old = WarmStartClassifier(warm_start=True, max_epochs=20, random_state=0).fit(X[::2], y[::2])
    >>> old.fit(X, y).start_.policy
    'Warm'
    """

    def __init__(
        self,
        module: Any = MLP,
        *args: Any,
        criterion: Any = torch.nn.CrossEntropyLoss,
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
        class_weight: Any = None,
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
        classes: Any = None,
        **kwargs: Any,
    ):
        self.class_weight = class_weight
        super().__init__(module, *args, **keywords_of(locals(), "class_weight"))
