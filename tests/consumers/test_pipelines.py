"""Pipelines, tables and frozen estimators."""

from __future__ import annotations

import functools

import helpers
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_iris
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sk_warmstart import Checkpoint

rng = np.random.default_rng(0)
table = pd.DataFrame(
    {"size": rng.normal(50, 10, 200), "age": rng.integers(0, 90, 200), "town": rng.choice(["a", "b", "c"], 200)}
)
price = np.exp(table["size"] / 20 + (table["town"] == "b"))
dear = np.where(price > price.median(), "dear", "cheap")
classifier = functools.partial(helpers.net, max_epochs=20, module__hidden_layer_sizes=(16,))
regressor = functools.partial(helpers.regressor, max_epochs=20, module__hidden_layer_sizes=(16,))


def preprocessing() -> ColumnTransformer:
    return make_column_transformer(
        (StandardScaler(), ["size", "age"]), (OneHotEncoder(sparse_output=False), ["town"])
    )


def test_a_pipeline_fitted_twice_starts_warm() -> None:
    pipe = make_pipeline(preprocessing(), classifier(warm_start=True))
    pipe.fit(table, dear)
    first = Checkpoint.from_estimator(pipe[-1])
    pipe.fit(table, dear)
    assert pipe[-1].start_.policy == "Warm"
    assert pipe[-1].start_.donor_id == first.id
    assert pipe.score(table, dear) > 0.9


def test_columns_through_a_transformer_keep_their_names_and_follow_them() -> None:
    north = table["town"] != "c"
    pipe = make_pipeline(preprocessing(), classifier(warm_start=True, schema="adapt"))
    pipe.fit(table[north], dear[north])
    pipe.fit(table, dear)
    assert list(pipe[-1].start_.columns_added) == ["onehotencoder__town_c"]
    assert pipe[-1].n_features_in_ == 5


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_tables_between_the_steps_give_the_same(output: str) -> None:
    by_array = make_pipeline(preprocessing(), classifier()).fit(table, dear)
    expected = by_array.predict_proba(table)
    with config_context(transform_output=output):
        framed = make_pipeline(preprocessing(), classifier()).fit(table, dear)
        assert list(framed[-1].feature_names_in_) == list(by_array[0].get_feature_names_out())
        assert np.array_equal(framed.predict_proba(table), expected)


def test_polars_in_is_pandas_in() -> None:
    numbers = table[["size", "age"]]
    net = make_pipeline(StandardScaler().set_output(transform="polars"), classifier())
    net.fit(pl.from_pandas(numbers), pl.Series(dear))
    assert list(net[-1].feature_names_in_) == ["size", "age"]
    other = make_pipeline(StandardScaler().set_output(transform="pandas"), classifier()).fit(numbers, dear)
    assert np.array_equal(net.predict_proba(pl.from_pandas(numbers)), other.predict_proba(numbers))


def test_a_selection_in_front_is_searched_with_the_network() -> None:
    X, y = load_iris(return_X_y=True)
    noise = np.random.default_rng(0).normal(size=(len(X), 20))
    pipe = make_pipeline(StandardScaler(), SelectKBest(k=2), classifier())
    scores = cross_val_score(pipe, np.column_stack([noise, X]), y, cv=3)
    assert scores.mean() > 0.85
    assert set(pipe.fit(np.column_stack([noise, X]), y)[1].get_support(indices=True)) == {22, 23}


def test_a_target_that_is_transformed_comes_back() -> None:
    net = regressor()
    model = TransformedTargetRegressor(make_pipeline(preprocessing(), net), func=np.log, inverse_func=np.exp)
    model.fit(table, price)
    assert model.score(table, price) > 0.8
    by_hand = make_pipeline(preprocessing(), regressor())
    by_hand.fit(table, np.log(price))
    assert np.allclose(model.predict(table), np.exp(by_hand.predict(table)))


def test_a_scaled_target_of_two_columns() -> None:
    X, _ = load_iris(return_X_y=True)
    both = np.column_stack([1000 * X[:, 0], X[:, 1] - 5])
    model = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), regressor()),
        transformer=StandardScaler(),
    ).fit(X, both)
    assert model.predict(X).shape == both.shape
    assert model.score(X, both) > 0.8


def test_a_frozen_pipeline_is_neither_cloned_nor_fitted() -> None:
    fitted = make_pipeline(preprocessing(), classifier()).fit(table, dear)
    before = fitted.predict_proba(table)
    frozen = FrozenEstimator(fitted)
    frozen.fit(table[:20], dear[::-1][:20])
    assert np.array_equal(frozen.predict_proba(table), before)
    heir = make_pipeline(preprocessing(), classifier(warm_start_from=frozen, max_epochs=0)).fit(table, dear)
    assert np.array_equal(heir.predict_proba(table), before)
