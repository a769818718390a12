"""The default network: a multi-layer perceptron."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from .._parameters import check_number, check_option, is_integer


class _BatchNorm(nn.BatchNorm1d):
    """Batch normalisation that also takes a batch of one row, by the statistics it has: one row has no spread."""

    def forward(self, input: Tensor) -> Tensor:
        if self.training and len(input) == 1:
            return functional.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(input)


_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "logistic": nn.Sigmoid,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "leaky_relu": nn.LeakyReLU,
    "identity": nn.Identity,
}
_NORMS: dict[str, type[nn.Module]] = {"batch": _BatchNorm, "layer": nn.LayerNorm}


class MLP(nn.Module):
    """Multi-layer perceptron whose last layer gives logits or predictions.

    Each hidden block is linear, normalisation (if asked for), activation, dropout (if asked for). Names of weights
    do not depend on dropout: ``hidden.0``, ``hidden.2`` and so on without a normalisation.

    Parameters
    ----------
    n_features : int
        Number of input columns. An estimator fills it from the data.
    n_outputs : int
        Number of outputs: classes, or target columns. An estimator fills it from the data.
    hidden_layer_sizes : int or sequence of int, default=(128, 128)
        Units of each hidden layer; ``()`` gives a linear model.
    activation : {"relu", "tanh", "logistic", "gelu", "silu", "leaky_relu", "identity"}, default="relu"
        Activation of the hidden layers.
    dropout : float, default=0.0
        Probability of dropping a hidden activation in training, in [0, 1).
    norm : {"batch", "layer"} or None, default=None
        Normalisation between a hidden layer and its activation. A batch of one row, such as a last one, is
        normalised by the running statistics.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Examples
    --------
    >>> import torch
    >>> from sk_warmstart.modules import MLP
    >>> MLP(4, 3, hidden_layer_sizes=(8,))(torch.zeros(5, 4)).shape
    torch.Size([5, 3])
    """

    def __init__(
        self,
        n_features: int,
        n_outputs: int,
        hidden_layer_sizes: int | Sequence[int] = (128, 128),
        activation: str = "relu",
        dropout: float = 0.0,
        norm: str | None = None,
    ):
        super().__init__()
        self.hidden, width = hidden_blocks(n_features, hidden_layer_sizes, activation, dropout, norm)
        self.output = nn.Linear(width, n_outputs)

    def forward(self, X: Tensor) -> Tensor:
        """Map a batch of rows to outputs.

        Parameters
        ----------
        X : Tensor of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        Tensor of shape (n_samples, n_outputs)
            Logits, or predictions.
        """
        return self.output(self.hidden(X))


def hidden_blocks(
    n_features: int, hidden_layer_sizes: int | Sequence[int], activation: str, dropout: float, norm: str | None
) -> tuple[nn.Sequential, int]:
    """Return the hidden layers of an MLP, and how many units the last of them has."""
    sizes = _check_sizes(hidden_layer_sizes)
    check_option("activation", activation, sorted(_ACTIVATIONS))
    if norm is not None and norm not in _NORMS:
        raise ValueError(f"norm must be None or one of {sorted(_NORMS)}, got {norm!r}")
    check_number("dropout", dropout, 0, 1, exclude="high")
    hidden = nn.Sequential()
    width = n_features
    for size in sizes:
        layers = [nn.Linear(width, size), *([] if norm is None else [_NORMS[norm](size)])]
        first = sum(not isinstance(layer, nn.Dropout) for layer in hidden)
        for place, layer in enumerate([*layers, _ACTIVATIONS[activation]()], first):
            hidden.add_module(str(place), layer)
        if dropout:  # it holds no weights, so that it has no place among those that do
            hidden.add_module(f"dropout{place}", nn.Dropout(dropout))
        width = size
    return hidden, width


def _check_sizes(sizes: int | Sequence[int]) -> list[int]:
    listed = [sizes] if not hasattr(sizes, "__iter__") else list(sizes)
    if not all(is_integer(size, 1) for size in listed):
        raise ValueError(f"hidden_layer_sizes must be positive integers, got {sizes!r}")
    return [int(size) for size in listed]
