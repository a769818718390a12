"""Score of a linear probe on features."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..._parameters import check_integer
from ..._warning import warn_renamed
from .._inputs import as_class_codes, as_table, as_targets, classifies
from .._measuring import Rows
from .._rng import Rng, numpy_rng, rng_of_random_state
from ._probe import Probe


class ProbeScore(NamedTuple):
    """Scores of a linear model in cross-validation.

    Parameters
    ----------
    value : float
        Their mean.
    scores : tuple of float
        One per fold.

    Examples
    --------
    >>> from sk_warmstart.diagnostics import ProbeScore
    >>> ProbeScore(value=0.75, scores=(0.5, 1.0)).value
    0.75
    """

    value: float
    scores: tuple[float, ...]


def linear_probe_score(
    features: Rows,
    y: Any,
    *,
    task: str = "auto",
    cv: int = 5,
    scoring: Any = None,
    rng: Rng = None,
    random_state: Any = "deprecated",
) -> ProbeScore:
    """Score a linear model on frozen features in cross-validation.

    The simplest measure of a donor's relevance, and one that compares across targets: standardised features,
    then logistic regression, or ridge regression whose penalty is chosen inside each fold.

    Parameters
    ----------
    features : Tensor or ndarray of shape (n_samples, n_features)
        What the network in question gives to its head.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Labels, or numbers to regress on.
    task : {"auto", "classification", "regression"}, default="auto"
        What y holds; ``"auto"`` takes floating numbers as regression targets, anything else as labels.
    cv : int, default=5
        Folds, shuffled, at least 2; by class where y holds labels.
    scoring : str, callable or None, default=None
        A scorer of scikit-learn that sees labels as codes 0, 1, ... in sorted order; None takes accuracy or R².
    rng : int, Generator, RandomState, torch.Generator or None, default=None
        Shuffles the folds; a generator moves on. None shuffles alike at every call.
    random_state : int, RandomState or None
        Old name of ``rng``, whose None draws anew at every call.

        .. deprecated:: 0.2
            Use ``rng``.

    Returns
    -------
    ProbeScore
        Mean, and the score of each fold.

    Raises
    ------
    ValueError
        If features are not a table of finite numbers, y does not match or has a single class or value, or there
        are too few rows for the folds.

    References
    ----------
    .. [1] Alain and Bengio, "Understanding intermediate layers using linear classifier probes", 2016,
       arXiv:1610.01644.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_warmstart.diagnostics import linear_probe_score
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(2, size=100)
    >>> linear_probe_score(y[:, None] + 0.1 * rng.normal(size=(100, 4)), y).value
    1.0
    """
    if not isinstance(random_state, str):
        warn_renamed("the parameter random_state of linear_probe_score", "rng")
        rng = rng_of_random_state(random_state)
    check_integer("cv", cv, 2)
    table = as_table(features, "features", min_rows=2)
    source = numpy_rng(rng)
    target: NDArray
    if classifies(task, y):
        target = as_class_codes(y, "y", len(table))
        fewest, where = int(np.bincount(target).min()), "the smallest class of y"
        folds = StratifiedKFold(cv, shuffle=True, random_state=source)
        model = Probe(classifies=True).pipeline()
    else:
        target = as_targets(y, "y", len(table))
        target = target[:, 0] if target.shape[1] == 1 else target
        fewest, where = len(table) // 2, "half of y"  # R² needs two rows to a fold
        folds = KFold(cv, shuffle=True, random_state=source)
        model = make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-3, 3, 13)))
    if fewest < cv:
        raise ValueError(f"cv={cv} folds need as many rows in {where}, got {fewest}: give more rows or lower cv")
    scores = cross_val_score(model, table, target, cv=folds, scoring=scoring)
    return ProbeScore(float(scores.mean()), tuple(scores.tolist()))
