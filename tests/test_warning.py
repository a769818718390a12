"""Warnings point at the user's line, however many libraries lie between."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_warmstart import WarmStartClassifier, WarmStartComparator
from sk_warmstart._warning import warn_caller
from sk_warmstart.policies import ResetLayers
from sk_warmstart.state import Checkpoint, CheckpointStore

X, Y = load_iris(return_X_y=True)


def net(**params: Any) -> WarmStartClassifier:
    return WarmStartClassifier(**{"max_epochs": 1, "random_state": 0, **params})


def of_fresh_layers(folder: Path) -> None:
    donor = net(module__hidden_layer_sizes=(4,)).fit(X, Y)
    net(module__hidden_layer_sizes=(7, 3), warm_start_from=donor, schema="adapt").fit(X, Y)


def in_a_pipeline(folder: Path) -> None:
    donor = net(module__hidden_layer_sizes=(4,)).fit(X, Y)
    other = net(module__hidden_layer_sizes=(7, 3), warm_start_from=donor, schema="adapt")
    make_pipeline(StandardScaler(), other).fit(X, Y)


def of_a_leak(folder: Path) -> None:
    donor = FrozenEstimator(net().fit(X, Y))
    net(warm_start_from=donor).fit(X[:60], Y[:60]).score(X, Y)


def of_a_leak_in_a_search(folder: Path) -> None:
    donor = FrozenEstimator(net().fit(X[:149], Y[:149]))
    GridSearchCV(net(warm_start_from=donor), {"lr": [0.01]}, cv=3).fit(X, Y)


def of_an_incumbent_that_leaks(folder: Path) -> None:
    comparator = WarmStartComparator(net(), n_repeats=2, n_probes=0, incumbent=net().fit(X, Y))
    comparator.fit(X, Y)


def of_a_checkpoint_without_its_scaler(folder: Path) -> None:
    Checkpoint.from_estimator(make_pipeline(StandardScaler(), net()).fit(X, Y))


def of_scores_of_other_rows(folder: Path) -> None:
    store = CheckpointStore(folder)
    store.put(net().fit(X, Y), score=0.9, scored_on="January")
    store.put(net(random_state=1).fit(X, Y), score=0.8, scored_on="February")
    store.get("best")


def of_an_old_name(folder: Path) -> None:
    policy: Any = ResetLayers(which="last")  # type: ignore[arg-type]
    net(warm_start=True, init_policy=policy).fit(X, Y).fit(X, Y)


@pytest.mark.parametrize(
    "warns",
    [
        of_fresh_layers,
        in_a_pipeline,
        of_a_leak,
        of_a_leak_in_a_search,
        of_an_incumbent_that_leaks,
        of_a_checkpoint_without_its_scaler,
        of_scores_of_other_rows,
        of_an_old_name,
    ],
)
def test_the_line_is_the_users(warns: Callable[[Path], None], tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warns(tmp_path)
    assert caught
    lines = range(warns.__code__.co_firstlineno, warns.__code__.co_firstlineno + 8)
    for each in caught:
        assert (each.filename, each.lineno in lines) == (__file__, True), each


def test_in_a_thread_of_ours_it_is_our_own_line() -> None:
    code = compile(
        "from sk_warmstart._warning import warn_caller\ndef run(): warn_caller('words')", "ours.py", "exec"
    )
    names: dict[str, Any] = {"__name__": "sk_warmstart.made_up"}
    exec(code, names)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        thread = threading.Thread(target=names["run"])
        thread.start()
        thread.join()
    assert [each.filename for each in caught] == ["ours.py"]


def test_the_category_is_kept() -> None:
    with pytest.warns(FutureWarning, match="words"):
        warn_caller("words", FutureWarning)
