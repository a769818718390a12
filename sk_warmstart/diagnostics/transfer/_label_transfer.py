"""LEEP and NCE: relevance of a donor by its labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._inputs import as_codes, as_table
from .._measuring import Rows


def leep(source_probabilities: Rows, y: Any) -> float:
    r"""Compute LEEP: the log likelihood of labels given a donor's class probabilities.

    With the joint distribution :math:`P(y, z) = \frac{1}{n} \sum_{i: y_i = y} \theta(x_i)_z` of labels and donor's
    classes, it is :math:`\frac{1}{n} \sum_i \log \sum_z P(y_i | z) \theta(x_i)_z`. Higher is better; only scores
    of the same labels compare.

    Parameters
    ----------
    source_probabilities : Tensor or ndarray of shape (n_samples, n_source_classes)
        What the donor predicts for the new rows: ``predict_proba``, not logits.
    y : array-like of shape (n_samples,)
        Labels of the new rows, of any kind.

    Returns
    -------
    float
        The score, at most 0.

    Raises
    ------
    ValueError
        If rows are not probabilities, or y does not match.

    References
    ----------
    .. [1] Nguyen et al., "LEEP: A New Measure to Evaluate Transferability of Learned Representations", ICML
       2020, arXiv:2002.12462, equations 1 and 2.

    Examples
    --------
    >>> from sk_warmstart.diagnostics import leep
    >>> round(leep([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9]], ["a", "a", "b", "b"]), 4)
    -0.1985
    """
    theta = as_table(source_probabilities, "source_probabilities")
    # Single precision sums to one within about 1e-6 a class.
    if theta.min() < 0 or np.abs(theta.sum(axis=1) - 1).max() > 1e-3:
        raise ValueError("source_probabilities must be at least 0 and sum to 1 in each row: pass predict_proba")
    codes = as_codes(y, "y", len(theta))
    joint = np.zeros((codes.max() + 1, theta.shape[1]))
    np.add.at(joint, codes, theta)
    masses = joint.sum(axis=0)
    conditional = np.divide(joint, masses, out=np.zeros_like(joint), where=masses > 0)
    likelihoods = np.sum(conditional[codes] * theta, axis=1)
    return min(0.0, float(np.mean(np.log(likelihoods))))


def nce(source_labels: Any, y: Any) -> float:
    r"""Compute NCE: the negative conditional entropy of labels given a donor's labels.

    :math:`\sum_{y, z} P(y, z) \log P(y | z)` with the empirical distribution. Higher is better; only scores of the
    same labels compare.

    Parameters
    ----------
    source_labels : array-like of shape (n_samples,)
        The donor's labels of the new rows, such as what it predicts; of any kind.
    y : array-like of shape (n_samples,)
        Labels of the new rows, of any kind.

    Returns
    -------
    float
        The score, at most 0; 0 where the donor's label determines the label.

    Raises
    ------
    ValueError
        If the inputs are not one label per row each.

    References
    ----------
    .. [1] Tran, Nguyen and Hassner, "Transferability and Hardness of Supervised Classification Tasks", ICCV
       2019, arXiv:1908.08142, equation 8.

    Examples
    --------
    >>> from sk_warmstart.diagnostics import nce
    >>> nce(["cat", "cat", "dog"], [0, 0, 1])
    0.0
    >>> round(nce(["cat", "cat", "cat", "cat"], [0, 0, 1, 1]), 4)  # -log 2
    -0.6931
    """
    source = as_codes(source_labels, "source_labels")
    codes = as_codes(y, "y", len(source))
    counts = np.zeros((codes.max() + 1, source.max() + 1))
    np.add.at(counts, (codes, source), 1)
    totals = np.broadcast_to(counts.sum(axis=0), counts.shape)
    met = counts > 0
    return min(0.0, float(np.sum(counts[met] * np.log(counts[met] / totals[met])) / len(codes)))
