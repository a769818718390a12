"""The line from warm to cold: how much of what was learned does a start keep?

A network is trained on a sixth of the digits, and then on all, from starts on the straight line between its own
weights (``Interpolate(fresh_share=0)``, warm) and a fresh draw (``fresh_share=1``, cold), and from shrunken ones
beside that line.
What a start can do before its first step, how soon training gets somewhere from there, and where it ends are three
things; the table tells all of them. One split and one seed illustrate and prove nothing: the comparator is for
that (``compare_and_report.py``).

Run ``python shrink_and_interpolate.py --out line.png`` to keep the picture.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split

from sk_warmstart import WarmStartClassifier
from sk_warmstart.policies import Interpolate, ShrinkPerturb


def main(picture: Path) -> None:
    X, X_test, y, y_test = train_test_split(*load_digits(return_X_y=True), test_size=597, random_state=0)
    net = WarmStartClassifier(standardize=True, max_epochs=40, batch_size=32, dtype="float32", random_state=0)
    donor = FrozenEstimator(net.fit(X[:200], y[:200]))

    policies = {f"fresh = {share:g}": Interpolate(share) for share in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)}
    policies |= {f"shrink {shrink:g} + 0.1 noise": ShrinkPerturb(shrink, 0.1) for shrink in (0.4, 0.8)}
    student = WarmStartClassifier(
        warm_start_from=donor, standardize=True, max_epochs=15, batch_size=32, dtype="float32", random_state=1
    )
    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    print("start                   accuracy at the start   epochs to 96 %   accuracy at the end")
    for number, (name, policy) in enumerate(policies.items()):
        student.set_params(init_policy=policy)
        student.fit(X, y, X_val=X_test, y_val=y_test)  # the test rows watch only: nothing is chosen by them
        curve = [student.start_.score, *(row["valid_acc"] for row in student.history)]
        soon = next((str(epoch) for epoch, score in enumerate(curve) if score >= 0.96), "never")
        print(f"{name:23s} {curve[0]:21.3f} {soon:>16s} {curve[-1]:21.3f}")
        on_line = isinstance(policy, Interpolate)
        colour = (
            plt.get_cmap("plasma")(0.9 * policy.fresh_share) if on_line else ("tab:green", "tab:cyan")[number % 2]
        )
        axis.plot(curve, color=colour, linestyle="-" if on_line else ":", marker=".", label=name)
    axis.set(
        xlabel="epochs after the start",
        ylabel="accuracy on test rows",
        title="From warm (fresh = 0) to cold (fresh = 1)",
        ylim=(0, 1.02),
    )
    axis.legend()
    figure.savefig(picture, dpi=120)
    print(f"\nThe picture is in {picture.name}.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path)
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as folder:
        main(out or Path(folder) / "line.png")
