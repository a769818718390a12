"""Validation rows of the user's own, inside a Pipeline and out of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import net
from sklearn import config_context
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from sk_warmstart import WarmStartRegressor

X, Y = load_breast_cancer(return_X_y=True, as_frame=True)
OLD, NEW = slice(400), slice(400, None)
STEPS = {
    "scaler": StandardScaler(),
    "range": MinMaxScaler(),
    "components": make_pipeline(StandardScaler(), PCA(5)),
    "chosen": make_pipeline(SelectKBest(k=10), StandardScaler()),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
@pytest.mark.parametrize("output", ["pandas", "default"])
@pytest.mark.parametrize("framed", [True, False])
def test_rows_as_the_pipeline_takes_them_and_rows_transformed_by_hand(
    step: Any, output: str, framed: bool
) -> None:
    rows = X if framed else X.to_numpy()
    pipe = Pipeline([("step", step), ("net", net(early_stopping=True, max_epochs=5, lr=0.001))])
    pipe.set_output(transform=output)
    y = Y.to_numpy()
    scores = []
    for by_hand in (False, True):
        given = pipe[0].transform(rows[NEW]) if by_hand else rows[NEW]
        pipe.fit(rows[OLD], y[OLD], net__X_val=given, net__y_val=y[NEW])
        scores.append([row["valid_score"] for row in pipe[-1].history])
        assert pipe[-1].start_.evaluated_on == "validation"
    assert scores[0] == scores[1]
    with config_context(enable_metadata_routing=True):
        routed = Pipeline(
            [("step", step), ("net", pipe[-1].set_fit_request(X_val=True, y_val=True))], transform_input=["X_val"]
        )
        routed.fit(rows[OLD], y[OLD], X_val=rows[NEW], y_val=y[NEW])
    assert [row["valid_score"] for row in routed[-1].history] == scores[0]


def test_text_columns_are_passed_through_the_encoder() -> None:
    words = pd.DataFrame({"city": np.resize(["Bern", "Lund", "Pau"], 90)})
    y = (words.city == "Lund").to_numpy().astype(int)
    pipe = make_pipeline(OneHotEncoder(sparse_output=True), net(max_epochs=2))
    pipe.fit(words[:60], y[:60], warmstartclassifier__X_val=words[60:], warmstartclassifier__y_val=y[60:])
    assert pipe[-1].start_.evaluated_on == "validation"


def test_rows_that_moved_are_left_as_they_are() -> None:
    rows = StandardScaler().fit_transform(X)
    moved = rows[NEW] + 0.5
    pipe = make_pipeline("passthrough", net(max_epochs=1))
    alone = net(max_epochs=1).fit(rows[OLD], Y[OLD], X_val=moved, y_val=Y[NEW])
    pipe.fit(rows[OLD], Y[OLD], warmstartclassifier__X_val=moved, warmstartclassifier__y_val=Y[NEW])
    assert pipe[-1].history[-1]["valid_score"] == alone.history[-1]["valid_score"]


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_target_columns_of_validation_rows_go_by_name(kind: str) -> None:
    library = pytest.importorskip(kind)
    table = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    y = pd.DataFrame({"a": table[:, 0], "b": 100 * table[:, 1]})
    several = WarmStartRegressor(max_epochs=3, early_stopping=True, random_state=0)

    def last_score(y_val: Any) -> float:
        return float(several.fit(table, y, X_val=table[:20], y_val=y_val).history[-1]["valid_score"])

    turned = y[["b", "a"]][:20]
    make = library.table if kind == "pyarrow" else library.DataFrame
    other = make(turned.to_dict("list"))
    assert last_score(other) == last_score(y[:20]) == last_score(y[:20].to_numpy())
    for name in ("a", "c"):  # one column is the target, whatever its name
        several.fit(table, y[["a"]], X_val=table[:20], y_val=y[["a"]][:20].rename(columns={"a": name}))
    with pytest.raises(ValueError, match=r"y_val has the columns \['a', 'c'\], but y has \['a', 'b'\]"):
        last_score(y[:20].rename(columns={"b": "c"}))
