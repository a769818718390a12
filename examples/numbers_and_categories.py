"""Numbers beside categories: rows in a dictionary, with embeddings, early stopping and a comparison.

Each order of a shop has two numbers and two categories. The network is given them by name, as it would be a
dictionary of tokens: numbers take its dtype, categories stay whole and are looked up. All else is as for one
array: labels of text, held-out rows, a warm start, ``partial_fit``, the comparator.

The orders are made up: how late one comes depends on its carrier, its city, and how they go together.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from sk_warmstart import DataIncremental, WarmStartClassifier, WarmStartComparator

N_CITIES, N_CARRIERS = 20, 6


class Orders(nn.Module):
    """Embeddings of the categories, joined to the numbers."""

    def __init__(self, n_outputs: int, width: int = 32):
        super().__init__()
        self.city, self.carrier = nn.Embedding(N_CITIES, 8), nn.Embedding(N_CARRIERS, 4)
        self.hidden, self.head = nn.Linear(2 + 8 + 4, width), nn.Linear(width, n_outputs)

    def forward(self, numbers: torch.Tensor, city: torch.Tensor, carrier: torch.Tensor) -> torch.Tensor:
        joined = torch.cat([numbers, self.city(city), self.carrier(carrier)], dim=1)
        return self.head(torch.relu(self.hidden(joined)))


def make_orders(n_orders: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(n_orders, 2)).astype(np.float32)  # weight and distance, scaled
    city, carrier = rng.integers(0, N_CITIES, n_orders), rng.integers(0, N_CARRIERS, n_orders)
    together = rng.normal(size=(N_CITIES, N_CARRIERS))
    lateness = together[city, carrier] + 0.7 * numbers[:, 1] + 0.3 * rng.normal(size=n_orders)
    return {"numbers": numbers, "city": city, "carrier": carrier}, np.where(lateness > 0, "late", "in time")


def main() -> None:
    X, y = make_orders(1600)
    net = WarmStartClassifier(
        Orders, early_stopping=True, n_iter_no_change=5, max_epochs=30, lr=0.01, batch_size=64
    )

    first = {name: part[:800] for name, part in X.items()}
    net.set_params(warm_start=True, random_state=0).fit(first, y[:800])
    print(f"Half of the orders: {net.n_iter_} epochs, {net.score(X, y):.3f} right.")
    net.fit(X, y)
    print(f"All, from there:    {net.n_iter_} epochs, {net.score(X, y):.3f} right.\n")

    comparator = WarmStartComparator(
        net.set_params(warm_start=False), ("cold", "warm"), DataIncremental(3), n_repeats=2, random_state=0
    ).fit(X, y)
    columns = ["score", "gain", "gain_low", "gain_high", "speedup", "verdict"]
    print(comparator.gain_[columns].to_string(float_format="{:.3f}".format))
    for sentence in [*comparator.summary_, *comparator.notes_]:
        print(sentence)


if __name__ == "__main__":
    main()
