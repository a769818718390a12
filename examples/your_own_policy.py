"""A policy of your own in ten lines.

A policy turns the previous weights and a fresh draw into a start. This one keeps the strongest weights of each
layer and draws the others anew. Its parameters are scikit-learn's, so they can be searched, compared and cloned
like any other; ``resolve_policy``, ``Compose``, ``BestOf`` and the comparator take it as they take ours.
"""

from __future__ import annotations

from sklearn.datasets import load_digits
from sklearn.preprocessing import minmax_scale

from sk_warmstart import DataIncremental, WarmStartClassifier, WarmStartComparator
from sk_warmstart.policies import InitPolicy


class KeepStrongest(InitPolicy):
    """Keep a share of each tensor's entries, the largest ones, and take the others from the fresh draw."""

    def __init__(self, share=0.5):
        self.share = share

    def start(self, previous, fresh, context):
        def rule(name, tensor):
            if not previous.is_parameter(name):
                return tensor.clone()
            limit = tensor.abs().quantile(1 - self.share)
            return tensor.where(tensor.abs() >= limit, fresh[name])

        return previous.map(rule)


def main() -> None:
    X, y = load_digits(return_X_y=True)
    X = minmax_scale(X)
    net = WarmStartClassifier(
        warm_start=True, init_policy=KeepStrongest(), max_epochs=10, batch_size=32, dtype="float32", random_state=0
    )
    start = net.fit(X[:600], y[:600]).fit(X[:1200], y[:1200]).start_
    print(f"started by {start.policy} {start.params}; what is left of each tensor (1 is all, 0 nothing):")
    print(*(f"  {name:18s} {share:.2f}" for name, share in start.kept.items()), sep="\n")

    comparator = WarmStartComparator(
        net,
        {"cold": "cold", "warm": "warm", **{f"keep {s:.0%}": KeepStrongest(s) for s in (0.2, 0.5, 0.8)}},
        DataIncremental(n_phases=2, test_size=0.5),
        n_repeats=5,
        refit=None,
        random_state=0,
    ).fit(X, y)
    columns = ["score", "gain", "gain_low", "gain_high", "speedup", "verdict"]
    print()
    print(comparator.gain_[columns].to_string(float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
