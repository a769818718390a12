"""Texts through a tokenizer in a Pipeline, and other steps that give parts: fits, search, cross-validation."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from helpers import KINDS, NumbersAndCategories, net
from helpers._texts import LABELS, save_tokenizer, text_pipeline, texts
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch.helper import SliceDict
from skorch.hf import HuggingfacePretrainedTokenizer

from sk_warmstart import Checkpoint
from sk_warmstart.policies import policy_names
from sk_warmstart.state import LeakageWarning

X, Y = texts(60)
STEP = "warmstartclassifier"
BY_NAME = {kind.name: kind for kind in KINDS}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def test_fits_texts_with_labels_of_text(path: str) -> None:
    pipe = text_pipeline(path, max_epochs=40).fit(X, Y)
    assert np.array_equal(pipe.classes_, LABELS)
    assert pipe.score(X, Y) > 0.9
    assert pipe.predict_proba(X[:3]).shape == (3, 3)
    assert np.array_equal(pipe.predict(np.array(X)), pipe.predict(X))
    assert np.array_equal(pipe.predict(pd.Series(X)), pipe.predict(X))


def test_stops_early_and_resumes_where_it_was(path: str) -> None:
    pipe = text_pipeline(path, early_stopping=True, n_iter_no_change=2, max_epochs=40, validation_fraction=0.3)
    pipe.set_params(**{f"{STEP}__warm_start": True}).fit(X, Y)
    assert "valid_acc" in pipe[-1].history[-1]
    first = pipe[-1].n_iter_
    pipe.fit(X, Y)
    assert pipe[-1].start_.policy == "Warm"
    assert len(pipe[-1].history) == first + pipe[-1].n_iter_


def test_partial_fits_through_the_step(path: str) -> None:
    pipe = text_pipeline(path, max_epochs=4)
    whole = clone(pipe).fit(X, Y)
    tokenizer, network = pipe[0].fit(X), pipe[-1]
    for _ in range(4):
        network.partial_fit(tokenizer.transform(X), Y, classes=LABELS)
    assert np.array_equal(pipe.predict_proba(X), whole.predict_proba(X))


def test_validation_texts_pass_through_the_tokenizer(path: str) -> None:
    valid = np.arange(60) % 3 == 0
    rows = [text for text, out in zip(X, valid, strict=True) if not out]
    held = [text for text, out in zip(X, valid, strict=True) if out]
    given = {f"{STEP}__X_val": held, f"{STEP}__y_val": Y[valid]}
    pipe = text_pipeline(path, early_stopping=True).fit(rows, Y[~valid], **given)
    tokens = {f"{STEP}__X_val": pipe[0].transform(held), f"{STEP}__y_val": Y[valid]}
    other = text_pipeline(path, early_stopping=True).fit(rows, Y[~valid], **tokens)
    assert pipe[-1].history[:, "valid_loss"] == other[-1].history[:, "valid_loss"]


@pytest.mark.parametrize("packed", [False, True])
def test_searches_policies(path: str, packed: bool) -> None:
    donor = text_pipeline(path).fit(X[:30], Y[:30])
    pipe = text_pipeline(path, warm_start_from=FrozenEstimator(donor))
    grid = {f"{STEP}__init_policy": [name for name in policy_names() if name != "dash"]}
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise")
    if packed:
        with joblib.parallel_config(backend="packed", n_jobs=4):
            search.fit(X[30:], Y[30:])
    else:
        search.fit(X[30:], Y[30:])
    assert len(search.cv_results_["mean_test_score"]) == len(policy_names()) - 1
    assert set(search.predict(X[:5])) <= set(LABELS)


def test_predictions_by_cross_validation_equal_fits_by_hand(path: str) -> None:
    pipe = text_pipeline(path)
    folds = [(np.flatnonzero(np.arange(60) % 2 == i), np.flatnonzero(np.arange(60) % 2 != i)) for i in (0, 1)]
    found = cross_val_predict(pipe, X, Y, cv=folds)
    for train, test in folds:
        by_hand = clone(pipe).fit([X[i] for i in train], Y[train])
        assert np.array_equal(found[test], by_hand.predict([X[i] for i in test]))


def test_rows_of_a_donor_are_known_by_their_tokens(path: str) -> None:
    donor = text_pipeline(path).fit(X[:30], Y[:30])
    rest = [text for text in X[30:] if text not in X[:30]]
    pipe = text_pipeline(path, warm_start_from=FrozenEstimator(donor)).fit(rest, Y[: len(rest)])
    pipe.score(rest, Y[: len(rest)])
    with pytest.warns(LeakageWarning):
        pipe.score(X[:30], Y[:30])


def test_a_checkpoint_predicts_texts_in_another_process(path: str, tmp_path: Path) -> None:
    pipe = text_pipeline(path).fit(X, Y)
    Checkpoint.from_estimator(pipe[-1]).save(tmp_path / "net.safetensors")
    script = """
import sys
import joblib
import numpy as np
from helpers._texts import text_pipeline, texts
from sk_warmstart import Checkpoint

path, folder = sys.argv[1:]
pipe = text_pipeline(path)
X, _ = texts(60)
net = Checkpoint.load(folder + "/net.safetensors").to_estimator(pipe[-1])
np.save(folder + "/found.npy", net.predict_proba(pipe[0].fit(X).transform(X)))
"""
    tests = Path(__file__).parents[1]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent)])}
    done = subprocess.run(
        [sys.executable, "-c", script, path, str(tmp_path)], capture_output=True, text=True, env=env
    )
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.load(tmp_path / "found.npy"), pipe.predict_proba(X))


def test_arrays_of_a_tokenizer_are_as_good_as_tensors(path: str) -> None:
    tensors, arrays = (
        HuggingfacePretrainedTokenizer(path, max_length=8, return_tensors=kind).fit(X).transform(X)
        for kind in ("pt", "np")
    )
    outputs = [text_pipeline(path)[-1].fit(rows, Y).predict_proba(rows) for rows in (tensors, arrays)]
    assert np.array_equal(*outputs)


def test_texts_of_other_lengths_say_what_to_do(path: str) -> None:
    pipe = text_pipeline(path).fit(X, Y)
    longer = HuggingfacePretrainedTokenizer(path, max_length=9).fit(X).transform(X)
    with pytest.raises(ValueError, match="input_ids"):
        pipe[-1].predict(longer)
    ragged = HuggingfacePretrainedTokenizer(path, return_tensors=None).fit(X).transform(X)
    with pytest.raises(ValueError, match="pad them to one length"):
        clone(pipe[-1]).fit(ragged, Y)


# ------------------------------------------------------------------ other steps that give parts


def test_a_search_over_a_slice_dict() -> None:
    kind = BY_NAME["slice_dict"]
    rows, codes = kind.draw(0, Path())
    y = np.array(["ant", "bee", "cat"])[codes]
    grid = {"lr": [0.001, 0.05], "init_policy": ["cold", "warm"]}
    search = GridSearchCV(kind.net(), grid, cv=3, error_score="raise").fit(rows, y)
    assert isinstance(rows, SliceDict)
    assert len(search.cv_results_["params"]) == 4
    assert set(search.predict(rows)) <= set(y)
    assert cross_val_score(kind.net(), rows, y, cv=3).shape == (3,)


def numbers_and_categories(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Split a table into its numbers, and its categories as codes."""
    categories = table.select_dtypes("category").apply(lambda column: column.cat.codes)
    return {
        "numbers": table.select_dtypes("number").to_numpy(np.float32),
        "categories": categories.to_numpy(np.int64),
    }


def test_a_table_that_a_step_splits_into_numbers_and_categories() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(90, 3)), columns=["age", "height", "weight"])
    for name in ("city", "job"):
        table[name] = pd.Categorical(rng.choice(list("abcd"), 90), categories=list("abcd"))
    y = np.where(table["city"].isin(["a", "b"]), "near", "far")
    last = net(module=NumbersAndCategories, max_epochs=40, lr=0.05, early_stopping=True, validation_fraction=0.3)
    pipe = make_pipeline(FunctionTransformer(numbers_and_categories), last).fit(table, y)
    assert pipe.score(table, y) > 0.8
    assert "valid_acc" in pipe[-1].history[-1]
    search = GridSearchCV(pipe, {f"{STEP}__init_policy": ["cold", "warm"]}, cv=2, error_score="raise")
    assert set(search.fit(table, y).predict(table)) == {"near", "far"}
    predicted = cross_val_predict(pipe, table, y, cv=3)
    assert predicted.shape == (90,)


def test_members_of_a_pack_equal_their_fits_alone() -> None:
    kind = BY_NAME["numbers_and_categories"]
    rows, codes = kind.draw(0, Path(), 60)
    rows = SliceDict(**rows)
    net = kind.net(dtype="float64")
    alone = cross_val_predict(net, rows, codes, cv=3, method="predict_proba")
    with joblib.parallel_config(backend="packed", n_jobs=4):
        together = cross_val_predict(net, rows, codes, cv=3, method="predict_proba")
    np.testing.assert_allclose(together, alone, rtol=1e-9)
