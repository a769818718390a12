"""Gradient norm of a network on rows."""

from __future__ import annotations

from torch import nn

from .._measuring import Loss, Rows, as_rows_and_targets, mean_gradient, norm, untouched


def gradient_norm(network: nn.Module, loss: Loss, X: Rows, y: Rows, *, batch_size: int | None = None) -> float:
    """Return the Euclidean norm of the gradient of the mean loss by the trainable parameters.

    A network that starts warm typically has a small one on old rows and a large one on new rows.

    Parameters
    ----------
    network : nn.Module
        The network; measured in evaluation mode and not changed, nor is any ``grad``.
    loss : callable
        ``loss(output, y)``, the mean over the rows as a tensor of one number, such as
        ``nn.CrossEntropyLoss()``. Of a network that returns a tuple it is given the first entry.
    X : Tensor or ndarray of shape (n_samples, ...)
        Rows as the network takes them. An array gets the network's dtype and device.
    y : Tensor or ndarray of shape (n_samples, ...)
        Targets as the loss takes them.
    batch_size : int or None, default=None
        Rows that are in memory at a time; None takes all. The result is the same to rounding.

    Returns
    -------
    float
        The norm, at least 0.

    Raises
    ------
    ValueError
        If rows and targets do not match or have missing values, if nothing is trainable, or if the loss is not
        one number.

    References
    ----------
    .. [1] Ash and Adams, "On Warm-Starting Neural Network Training", NeurIPS 2020, arXiv:1910.08475, section 4.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from sk_warmstart.diagnostics import gradient_norm
    >>> network = nn.Linear(1, 1, bias=False)
    >>> _ = network.weight.data.fill_(2.0)
    >>> gradient_norm(network, nn.MSELoss(), torch.ones(4, 1), torch.zeros(4, 1))
    4.0
    """
    rows, targets = as_rows_and_targets(network, X, y)
    with untouched(network, rows):
        return norm(mean_gradient(network, loss, rows, targets, batch_size)[1])
