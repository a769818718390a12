"""A comparison that was cut off goes on from its folder and comes to the same."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_warmstart import WarmStartClassifier, WarmStartComparator
from sk_warmstart.comparison import DataIncremental

X, Y = load_iris(return_X_y=True)
CLOCK = ["seconds", "process_seconds", "memory"]


def comparator(folder: Path | None, estimator: Any = None, **params: Any) -> WarmStartComparator:
    if estimator is None:
        estimator = make_pipeline(
            StandardScaler(), WarmStartClassifier(max_epochs=4, module__hidden_layer_sizes=(8,), random_state=0)
        )
    settings: dict[str, Any] = {"phases": DataIncremental(4), "n_repeats": 3, "resume": folder, "refit": None}
    settings["n_probes"] = 0
    settings["random_state"] = 0
    return WarmStartComparator(estimator, ("cold", "warm", "shrink_perturb"), **(settings | params))


def fits_in(folder: Path) -> dict[str, float]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("step-*/*.joblib")}


SCRIPT = """
import os, signal, sys
from sklearn.base import BaseEstimator
from skorch.callbacks import Callback
sys.path.insert(0, {tests!r})
import test_resume as t
from sk_warmstart.comparison.runs.interruption._journal import Journal

save = Journal.save
calls = []

def save_and_die(self, results):
    if len(calls) == {at}:
        # In the middle of writing: one file is there, the folder is not yet named.
        os.kill(os.getpid(), signal.SIGKILL)
    calls.append(1)
    save(self, results)

Journal.save = save_and_die
t.comparator(t.Path({folder!r}), packed={packed}).fit(t.X, t.Y)
"""


@pytest.mark.parametrize("packed", [True, False])
def test_killed_in_the_middle_it_goes_on_and_comes_to_the_same(tmp_path: Path, packed: bool) -> None:
    folder = tmp_path / "kept"
    at = 2 if packed else 13
    script = SCRIPT.format(tests=str(Path(__file__).parent), at=at, folder=str(folder), packed=packed)
    died = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=os.environ)
    assert died.returncode == -signal.SIGKILL, died.stderr
    before = fits_in(folder)
    # In a pack: the base fits, and the arms of the first phase. Alone one fit after the other.
    assert len(before) == (3 + 9 if packed else 13)
    resumed = comparator(folder, packed=packed).fit(X, Y)
    after = fits_in(folder)
    assert len(after) == 3 * (1 + 3 * 3)
    assert {name: after[name] for name in before} == before  # none was done again
    straight = comparator(None, packed=packed).fit(X, Y)
    for name in ("results_", "gain_", "curves_"):
        one, other = getattr(resumed, name), getattr(straight, name)
        pd.testing.assert_frame_equal(
            one.drop(columns=CLOCK, errors="ignore"), other.drop(columns=CLOCK, errors="ignore")
        )
    again = comparator(folder, packed=packed).fit(X, Y)
    pd.testing.assert_frame_equal(again.gain_, resumed.gain_)  # the seconds too: nothing was fitted
    assert fits_in(folder) == after


def test_what_was_not_finished_writing_is_done_again(tmp_path: Path) -> None:
    whole = comparator(tmp_path / "kept").fit(X, Y)
    broken = sorted((tmp_path / "kept").glob("step-*/*.joblib"))[4]
    broken.write_bytes(broken.read_bytes()[:100])
    again = comparator(tmp_path / "kept").fit(X, Y)
    pd.testing.assert_frame_equal(again.gain_.drop(columns=CLOCK[:1]), whole.gain_.drop(columns=CLOCK[:1]))


def test_it_refits_and_predicts_alike(tmp_path: Path) -> None:
    first = comparator(tmp_path / "kept", refit="warm").fit(X, Y)
    second = comparator(tmp_path / "kept", refit="warm").fit(X, Y)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))


def test_without_a_seed_it_keeps_those_that_it_was_begun_with(tmp_path: Path) -> None:
    first = comparator(tmp_path / "kept", random_state=None).fit(X, Y)
    second = comparator(tmp_path / "kept", random_state=None).fit(X, Y)
    pd.testing.assert_frame_equal(first.gain_, second.gain_)


def test_arms_that_failed_are_remembered(tmp_path: Path) -> None:
    estimator = WarmStartClassifier(max_epochs=2, module__hidden_layer_sizes=(8,))
    policies = {"cold": "cold", "torn": {"init_policy": "warm", "lr": 1e30, "criterion": "no such thing"}}
    settings: dict[str, Any] = {
        "phases": DataIncremental(2),
        "n_repeats": 2,
        "refit": None,
        "resume": tmp_path / "k",
        "random_state": 0,
    }
    first = WarmStartComparator(estimator, policies, **settings).fit(X, Y)
    second = WarmStartComparator(estimator, policies, **settings).fit(X, Y)
    assert first.gain_.loc["torn", "verdict"] == "failed"
    assert first.summary_ == second.summary_


def test_other_estimators_go_on_too(tmp_path: Path) -> None:
    net = MLPClassifier((4,), max_iter=300, tol=0.1)
    settings: dict[str, Any] = {"phases": DataIncremental(3), "n_repeats": 2, "resume": tmp_path / "kept"}
    settings["random_state"] = 0
    first = WarmStartComparator(net, ("cold", "warm"), **settings).fit(X, Y)
    second = WarmStartComparator(net, ("cold", "warm"), **settings).fit(X, Y)
    pd.testing.assert_frame_equal(first.gain_, second.gain_)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"n_repeats": 4}, "n_repeats"),
        ({"phases": DataIncremental(3)}, "phases"),
        ({"random_state": 7}, "random_state"),
        ({"policies": ("cold", "warm")}, "arms"),
        ({"scoring": "balanced_accuracy"}, "scoring"),
    ],
)
def test_the_folder_of_another_comparison_is_refused(tmp_path: Path, change: dict[str, Any], part: str) -> None:
    comparator(tmp_path / "kept").fit(X, Y)
    before = fits_in(tmp_path / "kept")
    with pytest.raises(ValueError, match=f"holds another comparison, which differs in {part}:"):
        comparator(tmp_path / "kept").set_params(**change).fit(X, Y)
    with pytest.raises(ValueError, match="differs in X:"):
        comparator(tmp_path / "kept").fit(X + 1, Y)
    assert fits_in(tmp_path / "kept") == before


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ValueError, match="holds something else"):
        comparator(tmp_path).fit(X, Y)
    with pytest.raises(ValueError, match="holds something else"):
        comparator(tmp_path / "thesis.tex").fit(X, Y)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["thesis.tex"]


def test_what_cannot_be_pickled_is_said(tmp_path: Path) -> None:
    with pytest.raises((ValueError, pickle.PicklingError), match="pickle"):
        comparator(tmp_path / "kept", scoring=lambda net, X, y: 0.0).fit(X, Y)
