"""Dash and Fire: starts from the gradient on the new rows, and from orthogonal weights.

Dash follows the gradient on the new rows: it shrinks each group of weights by how far it points away from the
direction of descent. ``start_.frac_clamped`` says how many groups were shrunk by the full factor. In the
small kernels of a convolution the factors differ; in the wide rows of a linear layer all groups get the
full one.

Fire needs no rows: it gives each weight matrix singular values that are all equal. The directions that were
learned stay, their unequal strengths go.
"""

from __future__ import annotations

import warnings

import torch
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from torch import nn

from sk_warmstart import WarmStartClassifier
from sk_warmstart.policies import PlainShrinkWarning


def make_net() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 16, 3),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


def spread(net: WarmStartClassifier) -> str:
    """The largest singular value over the smallest one; of convolutions the mean over the places of the kernel."""
    ratios = []
    for name, weight in net.module_.state_dict().items():
        if name.endswith("weight"):
            values = torch.linalg.svdvals(weight.flatten(2).movedim(-1, 0) if weight.ndim > 2 else weight)
            ratios.append(f"{name} {float((values.amax(-1) / values.amin(-1)).mean()):.3g}")
    return ", ".join(ratios)


def main() -> None:
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X / 16, y, test_size=597, random_state=0)
    params = {"module": make_net, "batch_size": 32, "dtype": "float32"}
    donor = WarmStartClassifier(max_epochs=60, random_state=0, **params).fit(X[:300], y[:300])
    print(f"donor, trained on 300 rows: accuracy {donor.score(X_test, y_test):.3f}")
    print(f"  singular values, largest by smallest: {spread(donor)}")

    student = WarmStartClassifier(warm_start_from=FrozenEstimator(donor), random_state=1, **params)
    for policy in ("warm", "dash", "fire"):
        student.set_params(init_policy=policy, max_epochs=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PlainShrinkWarning)  # the shares are printed below
            student.fit(X, y)  # the start alone
            print(f"\n{policy}: accuracy {student.score(X_test, y_test):.3f} before the first step")
            if policy == "dash":
                shares = {k: v for k, v in student.start_.frac_clamped.items() if k.endswith("weight")}
                listed = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
                print(f"  shrunk by the full factor: {listed} of the groups")
            if policy == "fire":
                print(f"  singular values, largest by smallest: {spread(student)}")
            student.set_params(max_epochs=15).fit(X, y)
        print(f"  {student.score(X_test, y_test):.3f} after {student.n_iter_} epochs on all {len(X)} rows")


if __name__ == "__main__":
    main()
