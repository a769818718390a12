"""Two-sample test by a classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest, mannwhitneyu
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import train_test_split
from sklearn.utils import get_tags

from ..._parameters import check_number, check_option
from ..._warning import warn_renamed
from .._inputs import as_pair
from .._measuring import Rows
from .._rng import Rng, numpy_rng, rng_of_random_state
from ._mixed import as_numbers, in_pandas
from ._two_sample import TwoSample


def classifier_two_sample(
    a: Rows,
    b: Rows,
    *,
    classifier: BaseEstimator | None = None,
    metric: str = "auc",
    test_size: float = 0.5,
    rng: Rng = None,
    random_state: Any = "deprecated",
) -> TwoSample:
    """Test whether two samples differ, by how well a classifier tells them apart on held-out rows.

    Parameters
    ----------
    a, b : DataFrame, Tensor or ndarray of shape (n_samples, n_features)
        The samples, at least 4 rows each and with the same columns. Those of two data frames may hold words, which
        the classifier sees as numbers, in the order of the alphabet. Values may be missing (NaN) where the
        classifier takes that, as the default does.
    classifier : scikit-learn classifier or None, default=None
        What tells them apart; it is cloned. None takes a random forest, which sees differences of any kind and
        does not mind units.
    metric : {"auc", "accuracy"}, default="auc"
        ``"auc"`` is tested by the rank-sum test and suits samples of any sizes. ``"accuracy"`` is tested by the
        binomial test against the share of the larger sample, which loses power where sizes differ.
    test_size : float, default=0.5
        Share of the rows that is held out for the test, in (0, 1), of each sample alike.
    rng : int, Generator, RandomState, torch.Generator or None, default=None
        Draws the split, and seeds the classifier where its own ``random_state`` is None; a generator moves on.
        None draws the same at every call.
    random_state : int, RandomState or None
        Old name of ``rng``, whose None draws anew at every call.

        .. deprecated:: 0.2
            Use ``rng``.

    Returns
    -------
    TwoSample
        The area under the curve or the accuracy on the held-out rows, and its p-value. Alike samples have 0.5
        (for accuracy, the share of the larger sample).

    Raises
    ------
    ValueError
        If the samples are not tables with the same columns, hold infinity or what the classifier does not take,
        are too small, or a setting is wrong.

    References
    ----------
    .. [1] Lopez-Paz and Oquab, "Revisiting Classifier Two-Sample Tests", ICLR 2017, arXiv:1610.06545, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_warmstart.diagnostics import classifier_two_sample
    >>> rng = np.random.default_rng(0)
    >>> old, new = rng.normal(size=(100, 2)), rng.normal(loc=2, size=(100, 2))
    >>> classifier_two_sample(old, new).p_value < 0.001
    True
    """
    if not isinstance(random_state, str):
        warn_renamed("the parameter random_state of classifier_two_sample", "rng")
        rng = rng_of_random_state(random_state)
    check_option("metric", metric, ("auc", "accuracy"))
    check_number("test_size", test_size, 0, 1, exclude="low high")
    may_miss = classifier is None or get_tags(classifier).input_tags.allow_nan
    a, b = in_pandas(a), in_pandas(b)
    if isinstance(a, pd.DataFrame) and isinstance(b, pd.DataFrame):
        a, b = as_numbers(a, b)
    first, second = as_pair(a, b, min_rows=4, may_miss=may_miss)
    rows = np.concatenate([first, second])
    labels = np.repeat([0, 1], [len(first), len(second)])
    source = numpy_rng(rng)
    held = [round(test_size * len(sample)) for sample in (first, second)]
    if min(held) < 2 or min(len(first) - held[0], len(second) - held[1]) < 2:
        raise ValueError("test_size leaves fewer than 2 rows of a sample on a side: change it or give more rows")
    X_train, X_test, y_train, y_test = train_test_split(
        rows, labels, test_size=test_size, stratify=labels, random_state=source
    )
    model = _seeded(classifier, source).fit(X_train, y_train)
    if metric == "accuracy":
        right = int(np.sum(model.predict(X_test) == y_test))
        chance = max(np.mean(y_test), 1 - np.mean(y_test))
        test = binomtest(right, len(y_test), chance, alternative="greater")
        return TwoSample(right / len(y_test), float(test.pvalue))
    score = _scores(model, X_test)
    ranks = mannwhitneyu(score[y_test == 1], score[y_test == 0], alternative="greater")
    pairs = int(np.sum(y_test == 1)) * int(np.sum(y_test == 0))
    # Where all scores are equal there is no rank to test.
    p_value = 1.0 if np.ptp(score) == 0 else float(ranks.pvalue)
    return TwoSample(float(ranks.statistic) / pairs, p_value)


def _seeded(classifier: BaseEstimator | None, rng: np.random.RandomState) -> Any:
    """Return a copy of the classifier, or a random forest, whose random numbers all come from rng."""
    if classifier is None:
        # Imported here: trees take a while to import, and few need them.
        from sklearn.ensemble import RandomForestClassifier

        classifier = RandomForestClassifier(min_samples_leaf=5)
    model = clone(classifier)
    free = [
        name
        for name, value in sorted(model.get_params().items())
        if value is None and name.split("__")[-1] == "random_state"
    ]
    return model.set_params(**{name: int(rng.randint(2**31 - 1)) for name in free})


def _scores(model: Any, X: NDArray) -> NDArray[np.float64]:
    """Return how sure a classifier is that each row is of the second sample."""
    scores = model.decision_function(X) if hasattr(model, "decision_function") else model.predict_proba(X)[:, 1]
    return np.asarray(scores, dtype=np.float64)
