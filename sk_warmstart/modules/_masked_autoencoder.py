"""Masked autoencoder of tables: the default network that learns without labels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from .._parameters import check_number
from ._mlp import hidden_blocks


class MaskedAutoencoder(nn.Module):
    """Multi-layer perceptron that learns rows of a table by completing them.

    In each row a share of the entries is replaced by those that other rows of the batch have in the same column.
    From what the hidden layers make of it, a linear layer tells each column's true entry, and whether it was
    replaced. Draws come from torch's global generator.

    The hidden layers are those of :class:`MLP`, under the same names, so that what they learned is a start for a
    classifier or regressor.

    Parameters
    ----------
    n_features : int
        Number of input columns. An estimator fills it from the data.
    hidden_layer_sizes : int or sequence of int, default=(128, 128)
        Units of each hidden layer; those of the last are the embedding.
    activation : {"relu", "tanh", "logistic", "gelu", "silu", "leaky_relu", "identity"}, default="relu"
        Activation of the hidden layers.
    dropout : float, default=0.0
        Probability of dropping a hidden activation in training, in [0, 1).
    norm : {"batch", "layer"} or None, default=None
        Normalisation between a hidden layer and its activation.
    corruption : float, default=0.3
        Share of the entries that are replaced, in (0, 1].
    reconstruction : float, default=2.0
        Weight of the squared error of the entries, against that of telling which were replaced.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Notes
    -----
    Corruption and loss are those of VIME's self-supervised part [1]_, with its defaults: an entry is replaced by
    a draw from its column's own distribution, and the loss of a row is the cross-entropy of telling which entries
    changed plus ``reconstruction`` times the squared error of the entries, both averaged over the columns. SCARF
    [2]_ corrupts in the same way, and compares embeddings instead of completing rows. Columns of larger numbers
    weigh more in the squared error: scale them, or set ``standardize=True`` on the estimator.

    References
    ----------
    .. [1] Yoon et al., "VIME: Extending the Success of Self- and Semi-supervised Learning to Tabular Domain",
       NeurIPS 2020.
    .. [2] Bahri et al., "SCARF: Self-Supervised Contrastive Learning using Random Feature Corruption", ICLR 2022,
       arXiv:2106.15147.

    Examples
    --------
    >>> import torch
    >>> from sk_warmstart.modules import MaskedAutoencoder
    >>> network = MaskedAutoencoder(4, hidden_layer_sizes=(8,))
    >>> network(torch.zeros(5, 4)).shape, network.embed(torch.zeros(5, 4)).shape
    (torch.Size([5]), torch.Size([5, 8]))
    """

    column_output = "decoder"  # has one output or more for each column: first outputs, then second ones, ...

    def __init__(
        self,
        n_features: int,
        hidden_layer_sizes: int | Sequence[int] = (128, 128),
        activation: str = "relu",
        dropout: float = 0.0,
        norm: str | None = None,
        corruption: float = 0.3,
        reconstruction: float = 2.0,
    ):
        super().__init__()
        self.hidden, width = hidden_blocks(n_features, hidden_layer_sizes, activation, dropout, norm)
        if not len(self.hidden):
            raise ValueError("hidden_layer_sizes of MaskedAutoencoder must name at least one layer, got none")
        self.corruption = check_number("corruption", corruption, 0, 1, exclude="low")
        self.reconstruction = check_number("reconstruction", reconstruction, 0)
        self.decoder = nn.Linear(width, 2 * n_features)

    def embed(self, X: Tensor) -> Tensor:
        """Map rows, as they are, to what the last hidden layer makes of them.

        Parameters
        ----------
        X : Tensor of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        Tensor of shape (n_samples, n_units)
            The embeddings.
        """
        return self.hidden(X)

    def forward(self, X: Tensor) -> Tensor:
        """Return the loss of completing corrupted rows.

        Parameters
        ----------
        X : Tensor of shape (n_samples, n_features)
            The rows of a batch.

        Returns
        -------
        Tensor of shape (n_samples,)
            The loss of each row.
        """
        chosen = torch.rand(X.shape, device=X.device) < self.corruption
        # Floor of a uniform draw: whole numbers below n, drawn as fast as the mask.
        places = (torch.rand(X.shape, device=X.device) * len(X)).long().clamp_(max=len(X) - 1)
        corrupted = torch.where(chosen, X.gather(0, places), X)
        changed = (corrupted != X).to(X.dtype)
        entries, logits = self.decoder(self.hidden(corrupted)).chunk(2, dim=-1)
        told = functional.binary_cross_entropy_with_logits(logits, changed, reduction="none").mean(-1)
        return told + self.reconstruction * (entries - X).square().mean(-1)
