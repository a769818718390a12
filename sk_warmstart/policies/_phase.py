"""Rows of a phase, as policies see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ..modules import call, n_rows

# Rows are a tensor, or a dictionary or tuple of tensors.
Batch = tuple[Any, Tensor | None, Tensor | None]


class RowSource(Protocol):
    """Rows on the device, of which dense batches are made."""

    def __len__(self) -> int: ...

    def batch(self, index: Tensor | slice) -> Batch:
        """Return rows, targets and weights at an index; targets and weights may be None."""


@dataclass(frozen=True)
class PhaseData:
    """What a fit is about to train on, as its network takes it.

    Parameters
    ----------
    rows : RowSource
        The training rows, in the order given: older rows first, where data grow.
    loss : callable
        ``loss(output, y, weight)``, the mean loss of a batch as a scalar tensor, of what the network returns;
        weights may be None.
    valid : RowSource, default=None
        The validation rows, where there are any.
    classifies : bool, default=True
        Whether targets are codes of classes; otherwise they are numbers.
    find_new : callable, default=None
        Returns what :attr:`new` is; called only where a policy asks.
    predict : callable, default=None
        ``predict(output)``, the predictions that are made of outputs, where these are numbers; None: they are
        the outputs.
    scored_by_loss : bool, default=False
        Whether the loss is no distance of predictions from targets, such as that of a quantile, so that only
        the loss tells how good outputs are.
    without_targets : bool, default=False
        Whether the network computes its own loss, which is its output; targets are zeros then. It may draw random
        numbers whenever it is called: those of :meth:`PolicyContext.network` draw the same in each call.
    at_once : int, default=None
        How many rows may go through a network at a time; None: as many as a policy likes.

    Examples
    --------
    A policy looks at the rows of the phase:

    >>> from sk_warmstart.policies import InitPolicy
    >>> class WarmIfItKnows(InitPolicy):
    ...     def start(self, previous, fresh, context):
    ...         data = context.phase_data()
    ...         loss = {s: data.mean_loss(context.network(s)) for s in (previous, fresh)}
    ...         return min(loss, key=loss.get)
    """

    rows: RowSource
    loss: Callable[[Any, Tensor, Tensor | None], Tensor]
    valid: RowSource | None = None
    classifies: bool = True
    find_new: Callable[[], Tensor | None] | None = None
    predict: Callable[[Tensor], Tensor] | None = None
    scored_by_loss: bool = False
    without_targets: bool = False
    at_once: int | None = None

    @property
    def new(self) -> Tensor | None:
        """Which training rows the donor has not seen, as a mask; None where that is not known."""
        return None if self.find_new is None else self.find_new()

    def sample(self, n: int) -> Batch:
        """Return at most ``n`` training rows, evenly spaced.

        Parameters
        ----------
        n : int
            The most rows.

        Returns
        -------
        tuple of (rows, Tensor or None, Tensor or None)
            Rows (a tensor, or a dictionary or tuple of tensors), targets and weights.
        """
        step = max(1, -(-len(self.rows) // n))
        return self.rows.batch(slice(None, None, step))

    def batches(self, size: int, rows: RowSource | None = None) -> Iterator[Batch]:
        """Go through rows (by default those of training) in order, at most ``size`` at a time.

        Parameters
        ----------
        size : int
            Rows in a batch; fewer where they may not be so many.
        rows : RowSource, default=None
            Which rows.

        Yields
        ------
        tuple of (rows, Tensor or None, Tensor or None)
            Rows (a tensor, or a dictionary or tuple of tensors), targets and weights.
        """
        rows = self.rows if rows is None else rows
        size = size if self.at_once is None else min(size, self.at_once)
        for first in range(0, len(rows), size):
            yield rows.batch(slice(first, first + size))

    def mean_loss(self, network: nn.Module, rows: RowSource | None = None, size: int = 4096) -> float:
        """Return the mean loss of a network over rows (by default those of training), without training it.

        Parameters
        ----------
        network : nn.Module
            The network.
        rows : RowSource, default=None
            Which rows.
        size : int, default=4096
            Rows in a batch.

        Returns
        -------
        float
            The loss.
        """
        total = n = 0.0
        with torch.no_grad():
            for X, y, weight in self.batches(size, rows):
                assert y is not None
                total += float(self.loss(call(network, X), y, weight)) * n_rows(X)
                n += n_rows(X)
        return total / n
