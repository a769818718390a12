"""Comparisons of every kind of rows: parts, texts, images, Datasets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from comparators import CLOCK, comparator
from helpers import KINDS, Kind
from helpers._texts import save_tokenizer, text_pipeline, texts
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from torch.utils.data import Dataset, IterableDataset

from sk_warmstart.comparison._rows import take

LABELS = np.array(["ant", "bee", "cat"])
BY_NAME = {kind.name: kind for kind in KINDS}
NO_TABLE = {
    "one_part": "a dictionary of rows",
    "numbers_and_categories": "a dictionary of numbers, categories",
    "slice_dict": "a dictionary of numbers, categories",
    "tokens": "a dictionary of input_ids, attention_mask",
    "tuple": "a tuple of 2 parts",
    "dataset": "a Files",
}
every_kind = pytest.mark.parametrize("kind", KINDS, ids=repr)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rows")


def rows_of(kind: Kind, folder: Path, n: int = 60) -> tuple[Any, Any]:
    X, codes = kind.draw(0, folder, n)
    return kind.given(X, LABELS[codes])[0], LABELS[codes]


def apart_from_time(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns=CLOCK, errors="ignore")


def kind_in_report(path: Path, kind: str) -> bool:
    """Tell whether a report says of what kind the rows are."""
    return kind in path.read_text(encoding="utf-8")


@every_kind
def test_a_comparison_from_phases_to_report(kind: Kind, folder: Path) -> None:
    X, y = rows_of(kind, folder)
    found = comparator(kind.net(), refit="best", n_probes=1).fit(X, y)
    assert not found.results_["error"].any()
    assert found.results_["score"].between(0, 1).all()
    assert found.results_.groupby("phase")["n_train"].nunique().eq(1).all()
    assert found.settings_["rows"] == 60
    assert set(found.predict(take(X, np.arange(9)))) <= set(LABELS)
    assert 0 <= found.score(X, y) <= 1
    notes = " ".join(found.notes_)
    expected = NO_TABLE.get(kind.name)
    assert ("drift" in found.stages_["conditions"]) == (expected is None)
    assert (f"How far new rows drift is not measured: X is {expected}." in notes) == (expected is not None)
    if kind.name in ("tokens", "dataset"):  # pictures take a while
        assert kind_in_report(found.report(folder / f"{kind}.html"), NO_TABLE[kind.name])


@pytest.mark.parametrize("packed", [True, False])
def test_an_array_and_the_same_numbers_in_a_dictionary_are_compared_alike(folder: Path, packed: bool) -> None:
    array, one_part = (
        comparator(BY_NAME[name].net(), packed=packed).fit(*rows_of(BY_NAME[name], folder))
        for name in ("array", "one_part")
    )
    for name in ("results_", "curves_"):
        one, other = (apart_from_time(getattr(each, name)) for each in (array, one_part))
        pd.testing.assert_frame_equal(one, other, check_exact=not packed)


def test_a_dataset_is_read_for_its_targets(folder: Path) -> None:
    kind = BY_NAME["dataset"]
    X, codes = kind.draw(0, folder, 60)
    given = kind.given(X, codes)[0]
    own, told = comparator(kind.net()).fit(given), comparator(kind.net()).fit(given, codes)
    pd.testing.assert_frame_equal(apart_from_time(own.results_), apart_from_time(told.results_))


def test_splitters_see_the_rows_by_number(folder: Path) -> None:
    for name in ("numbers_and_categories", "dataset"):
        X, y = rows_of(BY_NAME[name], folder)
        found = comparator(BY_NAME[name].net(), phases=KFold(3), n_repeats=1).fit(X, y)
        assert (found.results_["n_test"] == 20).all()


def test_weights_are_cut_to_the_rows_of_a_phase(folder: Path) -> None:
    kind = BY_NAME["numbers_and_categories"]
    X, y = rows_of(kind, folder)
    found = comparator(kind.net()).fit(X, y, sample_weight=np.linspace(1, 2, 60))
    assert not found.results_["error"].any()


RESUMED = """
import sys
from pathlib import Path
import test_input_kinds as t

name, folder = sys.argv[1], Path(sys.argv[2])
kind = t.BY_NAME[name]
t.comparator(kind.net(), resume=folder / f"kept-{name}").fit(*t.rows_of(kind, folder))
"""


@pytest.mark.parametrize("name", ["tokens", "dataset"])
def test_another_process_resumes(name: str, folder: Path) -> None:
    kind, tests = BY_NAME[name], Path(__file__).parents[1]
    paths = [str(tests / "comparison"), str(tests), str(tests.parent)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, "-c", RESUMED, name, str(folder)], capture_output=True, text=True, env=env
    )
    assert done.returncode == 0, done.stderr
    kept = folder / f"kept-{name}"
    before = {path: path.stat().st_mtime_ns for path in kept.glob("step-*/*")}
    resumed = comparator(kind.net(), resume=kept).fit(*rows_of(kind, folder))
    assert {path: path.stat().st_mtime_ns for path in kept.glob("step-*/*")} == before
    straight = comparator(kind.net()).fit(*rows_of(kind, folder))
    pd.testing.assert_frame_equal(apart_from_time(resumed.results_), apart_from_time(straight.results_))
    X, codes = kind.draw(1, folder, 60)
    with pytest.raises(ValueError, match="differs in X"):
        comparator(kind.net(), resume=kept).fit(kind.given(X, codes)[0], rows_of(kind, folder)[1])


def test_texts_through_a_tokenizer(folder: Path) -> None:
    X, y = texts(60)
    pipe = text_pipeline(save_tokenizer(folder / "tokenizer"), early_stopping=True)
    found = comparator(pipe, refit="best").fit(X, y)
    assert not found.results_["error"].any()
    assert "X is texts" in " ".join(found.notes_)
    assert set(found.predict(X[:5])) <= set(y)
    assert found.settings_["rows"] == 60


def test_texts_of_another_librarys_estimator() -> None:
    X, y = texts(60)
    pipe = make_pipeline(HashingVectorizer(n_features=64), SGDClassifier(random_state=0))
    found = comparator(pipe).fit(X, y)
    assert not found.results_["error"].any()


class Bare(Dataset):
    def __len__(self) -> int:
        return 30

    def __getitem__(self, i: int) -> Any:
        return np.zeros(4, dtype=np.float32)


class Stream(IterableDataset):
    def __iter__(self) -> Any:
        return iter([])


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        ({}, np.arange(30) % 3, "X must have one length, a row for each sample: it is empty"),
        ({"a": np.zeros((30, 2)), "b": np.zeros((29, 2))}, np.arange(30) % 3, "'a' has 30, 'b' has 29"),
        ({"a": np.zeros((30, 2))}, np.arange(29) % 3, "inconsistent numbers of samples"),
        ({"a": np.zeros((30, 2))}, None, "y is None"),
        (Bare(), None, "gives rows without targets: pass them as y"),
        (Stream(), np.arange(30) % 3, "a Dataset without a length"),
        (None, np.arange(30) % 3, "X is None"),
    ],
    ids=["empty", "lengths", "targets", "no targets", "bare dataset", "stream", "nothing"],
)
def test_what_is_wrong_is_said_before_anything_is_fitted(X: Any, y: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        comparator(BY_NAME["one_part"].net()).fit(X, y)
