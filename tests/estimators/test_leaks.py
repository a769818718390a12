"""Rows are recognised: laws 8 and 9, and the leak guard."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sk_warmstart import Checkpoint, LeakageWarning, WarmStartClassifier, WarmStartRegressor
from sk_warmstart.policies import policy_names
from sk_warmstart.state.rows._row_sketch import RowSketch

rng = np.random.default_rng(0)
X = rng.normal(size=(240, 10))
y = rng.integers(0, 2, 240)  # nothing to be learned


def net(**params: Any) -> WarmStartClassifier:
    defaults: dict[str, Any] = {
        "module__hidden_layer_sizes": (64,),
        "max_epochs": 60,
        "lr": 0.01,
        "batch_size": 32,
        "random_state": 0,
    }
    return WarmStartClassifier(**{**defaults, **params})


@pytest.fixture(scope="module")
def clean() -> WarmStartClassifier:
    return net().fit(rng.normal(size=(240, 10)), rng.integers(0, 2, 240))


@pytest.fixture(scope="module")
def contaminated() -> WarmStartClassifier:
    return net().fit(X, y)


@pytest.mark.parametrize("policy", policy_names())
@pytest.mark.parametrize("scoring", [None, "accuracy", "neg_log_loss"])
def test_9_a_clean_donor_scores_chance_and_is_not_warned_of(
    policy: str, scoring: str | None, clean: WarmStartClassifier
) -> None:
    heir = net(warm_start_from=FrozenEstimator(clean), init_policy=policy, max_epochs=10)
    scores = cross_val_score(heir, X, y, cv=4, scoring=scoring)  # warnings are errors here
    if scoring != "neg_log_loss":
        assert abs(scores.mean() - 0.5) < 5 * 0.5 / np.sqrt(240)


@pytest.mark.parametrize("scoring", [None, "accuracy", "roc_auc", ["accuracy", "neg_log_loss"]])
@pytest.mark.parametrize("source", ["frozen", "checkpoint"])
def test_9_a_contaminated_donor_is_warned_of_whatever_the_scorer(
    scoring: Any, source: str, contaminated: WarmStartClassifier
) -> None:
    donor = FrozenEstimator(contaminated) if source == "frozen" else Checkpoint.from_estimator(contaminated)
    heir = net(warm_start_from=donor, max_epochs=1)
    with pytest.warns(LeakageWarning, match=r"100.0% of the 60 rows scored"):
        cross_validate(heir, X, y, cv=4, scoring=scoring)


def told_by_a_search(action: str, **params: Any) -> list[str]:
    """Warnings that a search over a donor shows; Python forgets what it showed whenever filters change."""
    shown: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter(action)  # type: ignore[arg-type]
        warnings.showwarning = lambda message, *where, **more: shown.append(str(message))
        GridSearchCV(net(max_epochs=1, **params), {"lr": [0.001, 0.01, 0.1]}, cv=3, refit=False).fit(X, y)
    return shown


def test_a_search_says_the_same_of_a_donor_once() -> None:
    donor = FrozenEstimator(net(max_epochs=1, random_state=5).fit(X[:60], y[:60]))
    every = told_by_a_search("always", warm_start_from=donor)
    once = told_by_a_search("default", warm_start_from=donor)
    assert len(every) == 3 * len(once)
    assert sorted(set(every)) == sorted(once)
    assert told_by_a_search("default", warm_start_from=donor) == []
    assert told_by_a_search("always", warm_start_from=donor) == every
    other = FrozenEstimator(net(max_epochs=1, random_state=6).fit(X[:60], y[:60]))
    assert told_by_a_search("default", warm_start_from=other) == once


@given(leaked=st.integers(2, 60), own=st.integers(0, 60))
def test_the_share_is_the_right_one(leaked: int, own: int) -> None:
    donor = net(max_epochs=1).fit(X[:leaked], np.resize([0, 1], leaked))
    trained = np.r_[X[100:160], X[:own]]
    heir = net(max_epochs=1, warm_start_from=FrozenEstimator(donor)).fit(trained, np.resize([0, 1], len(trained)))
    tested = X[:100]
    share = max(0, leaked - own) / 100
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        heir.score(tested, y[:100])
    told = [str(w.message) for w in caught if w.category is LeakageWarning]
    assert len(told) == (share > 0)
    assert all(text.startswith(f"{share:.1%} of the 100 rows") for text in told)


def test_a_training_score_is_no_leak_and_neither_is_a_cold_start(contaminated: WarmStartClassifier) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        contaminated.score(X, y)
        heir = net(warm_start_from=FrozenEstimator(contaminated), max_epochs=1).fit(X, y)
        heir.score(X, y)
        cold = net(warm_start_from=FrozenEstimator(contaminated), init_policy="cold", max_epochs=1)
        cold.fit(X[:50], y[:50]).score(X, y)
        heir = net(warm_start_from=FrozenEstimator(contaminated), max_epochs=1).fit(X[:120], y[:120])
        heir.predict(X)  # to predict is not to score
        heir.predict_proba(X)


def test_memory_goes_through_generations_files_and_partial_fits() -> None:
    first = net(max_epochs=1).fit(X[:40], y[:40])
    second = net(max_epochs=1, warm_start_from=Checkpoint.from_estimator(first)).fit(X[40:80], y[40:80])
    second.partial_fit(X[80:120], y[80:120])
    third = net(max_epochs=1, warm_start_from=FrozenEstimator(second)).fit(X[120:160], y[120:160])
    with pytest.warns(LeakageWarning, match=r"^50.0% of the 240"):
        third.score(X, y)
    own = net(warm_start=True, max_epochs=1)
    for first_row in (0, 40, 80):
        own.fit(X[first_row : first_row + 40], y[first_row : first_row + 40])
    with pytest.warns(LeakageWarning, match=r"^66.7% of the 120"):
        own.score(X[:120], y[:120])
    streamed = net(warm_start=True).partial_fit(X[:40], y[:40], classes=[0, 1]).partial_fit(X[40:80], y[40:80])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        streamed.score(X, y)


def test_a_regressor_warns_too() -> None:
    donor = WarmStartRegressor(max_epochs=1, random_state=0).fit(X, X[:, 0])
    heir = WarmStartRegressor(max_epochs=1, random_state=0, warm_start_from=FrozenEstimator(donor))
    with pytest.warns(LeakageWarning, match="100.0%"):
        cross_val_score(heir, X, X[:, 0], cv=3, scoring="neg_mean_squared_error")


def test_a_pipeline_warns_where_content_is_the_same_and_ids_do_where_it_is_not() -> None:
    ids = np.array([f"row {i}" for i in range(240)])
    donor = make_pipeline(StandardScaler(), net(max_epochs=1)).fit(X, y, warmstartclassifier__sample_id=ids)
    heir = make_pipeline(StandardScaler(), net(max_epochs=1, warm_start_from=FrozenEstimator(donor)))
    search = GridSearchCV(heir, {"warmstartclassifier__lr": [0.01]}, cv=3, refit=False)
    with config_context(enable_metadata_routing=True), pytest.warns(LeakageWarning, match="100.0% of the 80"):
        search.fit(X, y, sample_id=ids)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # each fold has a scaler of its own: by content no row is known
        cross_val_score(heir, X, y, cv=3)
    same = make_pipeline(net(max_epochs=1, warm_start_from=FrozenEstimator(donor[-1])))
    with pytest.warns(LeakageWarning, match="100.0%"):
        cross_val_score(same, donor[:-1].transform(X), y, cv=3)


def test_a_big_lineage_is_judged_by_a_sample() -> None:
    donor = net(max_epochs=1).fit(X, y)
    memory = donor.learned_.memory
    memory._rows = replace(memory.rows, own=RowSketch(memory.own.ids, size=100))
    heir = net(max_epochs=1, warm_start_from=FrozenEstimator(donor)).fit(X[:120], y[:120])
    with pytest.warns(LeakageWarning, match=r"of the 240 rows scored \(judged by 100 of them\)") as caught:
        heir.score(X, y)
    share = float(str(caught[0].message).split("%")[0])
    assert abs(share - 50) < 25


# ------------------------------------------------------------------ the sticky split


def split_of(fitted: Any, table: Any, **params: Any) -> set[int]:
    """Rows that validate, by position."""
    sides: list[Any] = []

    class Spy(type(fitted)):  # type: ignore[misc]
        def fit_loop(self, X: Any, y: Any = None, epochs: Any = None, **fit_params: Any) -> Any:
            sides.append(self.run_.valid)
            return super().fit_loop(X, y, epochs=epochs, **fit_params)

    spied = fitted
    spied.__class__ = Spy
    try:
        spied.fit(table, np.resize([0, 1], len(table)), **params)
    finally:
        spied.__class__ = Spy.__mro__[1]
    marks = np.asarray(table)[:, -1]
    held = sides[-1].X[:, -1].numpy()
    return {int(np.flatnonzero(np.isclose(marks, mark))[0]) for mark in held}


@given(
    growth=st.integers(0, 60),
    added=st.lists(st.sampled_from("uvw"), unique=True, max_size=3),
    order=st.permutations(range(4)),
    zeros=st.booleans(),
    seed=st.integers(0, 5),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_8_rows_keep_their_side_when_data_grow_and_columns_come(
    growth: int, added: list[str], order: list[int], zeros: bool, seed: int, dtype: Any
) -> None:
    draw = np.random.default_rng(seed)
    base = pd.DataFrame(draw.normal(size=(60 + growth, 4)), columns=list("abcd")).astype(dtype)
    fitted = net(warm_start=True, schema="adapt", early_stopping=True, validation_fraction=0.3, max_epochs=1)
    before = split_of(fitted, base[:60])
    wider = base.iloc[:, order].copy()
    for name in added:
        wider.insert(0, name, 0.0 if zeros else draw.normal(size=len(wider)))
    wider = wider.astype(dtype)
    after = split_of(fitted.set_params(random_state=seed), wider)
    assert {row for row in after if row < 60} == before


def test_8_columns_that_identified_rows_and_are_gone_are_warned_of() -> None:
    frame = pd.DataFrame(X[:, :4], columns=list("abcd"))
    params: dict[str, Any] = {
        "warm_start": True,
        "schema": "adapt",
        "early_stopping": True,
        "validation_fraction": 0.3,
        "max_epochs": 1,
    }
    fitted = net(**params).fit(frame, y)
    with pytest.warns(LeakageWarning, match="Pass sample_id to fit"):
        clone(fitted).set_params(warm_start_from=FrozenEstimator(fitted)).fit(frame[["a", "b"]], y)
    ids = np.arange(240)
    known = net(**params).fit(frame, y, sample_id=ids)
    kept = known.learned_.memory.own
    known.fit(frame[["a", "b"]], y, sample_id=ids)
    assert known.learned_.memory.ancestors == kept


def test_one_hot_growth_in_a_pipeline_keeps_sides() -> None:
    kinds = pd.DataFrame({"kind": [f"k{i:03d}" for i in range(100)]})
    pipe = make_pipeline(
        OneHotEncoder(handle_unknown="ignore"),
        net(warm_start=True, schema="adapt", early_stopping=True, validation_fraction=0.3, max_epochs=1),
    )
    target = np.resize([0, 1], 130)
    pipe.fit(kinds, target[:100])
    trained = set(pipe[-1].learned_.memory.own.ids.tolist())
    more = pd.DataFrame({"kind": [f"a{i:03d}" for i in range(30)] + kinds["kind"].tolist()})
    pipe.fit(more, np.r_[target[100:], target[:100]])
    assert trained <= set(pipe[-1].learned_.memory.own.ids.tolist())


def test_an_id_that_is_missing_or_too_few_is_an_error() -> None:
    with pytest.raises(ValueError, match="sample_id has 3 entries for 240 rows"):
        net().fit(X, y, sample_id=[1, 2, 3])
    with pytest.raises(ValueError):
        net().fit(X, y, sample_id=[None] * 240)
    fitted = net(max_epochs=1, warm_start=True).fit(X, y).fit(X[:100], y[:100])
    with pytest.raises(ValueError, match="sample_id has 3 entries"):
        fitted.score(X, y, sample_id=[1, 2, 3])
