"""Errors that name the way out, and input that is taken as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from helpers import iris, net, regressor
from sklearn.frozen import FrozenEstimator
from skorch.callbacks import EarlyStopping
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset

from sk_warmstart import WarmStartClassifier

X, Y = iris()
FRAME = pd.DataFrame(X, columns=list("abcd"))
DAYS = pd.date_range("2024-01-01", periods=len(X))


def test_a_table_of_arrow() -> None:
    table = pa.table({name: FRAME[name] for name in FRAME})
    expected = net().fit(FRAME, Y)
    for rows in (table, table.to_batches()[0]):
        subject = net(early_stopping=False).fit(rows, pa.array(Y))
        np.testing.assert_array_equal(subject.predict_proba(rows), expected.predict_proba(FRAME))
        assert list(subject.feature_names_in_) == list("abcd")
        assert subject.score(rows, Y) == expected.score(FRAME, Y)
    subject.partial_fit(table, Y)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (FRAME.assign(day=DAYS), "column 'day' of X holds dates"),
        (FRAME.assign(day=DAYS.tz_localize("UTC")), "column 'day' of X holds dates"),
        (FRAME.assign(took=DAYS - DAYS[0]), "column 'took' of X holds dates"),
        (pl.DataFrame({"a": X[:, 0], "day": list(DAYS)}), "column 'day' of X holds dates"),
        (pl.DataFrame({"a": X[:, 0], "day": [day.date() for day in DAYS]}), "column 'day' of X holds dates"),
        (DAYS.to_numpy()[:, None], "X holds dates"),
        (pd.DataFrame({"day": DAYS}), "column 'day' of X holds dates"),
    ],
)
def test_dates_among_the_columns(rows: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        net().fit(rows, Y)
    with pytest.raises(ValueError, match="holds dates"):
        net().fit(X, Y).predict(rows)


@pytest.mark.parametrize("y", [DAYS, DAYS.to_numpy(), pd.Series(DAYS), (DAYS - DAYS[0]).to_numpy()])
def test_dates_as_targets(y: Any) -> None:
    with pytest.raises(ValueError, match="y holds dates"):
        regressor().fit(X, y)


def test_labels_of_bytes() -> None:
    with pytest.raises(ValueError, match=r"y holds labels of bytes: .*np.char.decode"):
        net().fit(X, np.array([b"a", b"b", b"c"])[Y])


def test_columns_named_by_numbers() -> None:
    subject = net(warm_start=True, schema="adapt").fit(pd.DataFrame(X), Y)
    with pytest.raises(ValueError, match=r"named by text .*astype\(str\)"):
        subject.fit(pd.DataFrame(X)[[0, 2]], Y)


def test_other_widths_and_new_classes_name_the_way() -> None:
    subject = net(warm_start=True).fit(X[Y < 2], Y[Y < 2])
    with pytest.raises(ValueError, match=r"X has 3 features, but .* expecting 4 features.*schema='adapt'"):
        subject.fit(X[Y < 2][:, :3], Y[Y < 2])
    with pytest.raises(ValueError, match=r"X has 3 features, but .* expecting 4 features.*schema='adapt'"):
        subject.fit(FRAME[Y < 2][["a", "b", "c"]], Y[Y < 2])
    with pytest.raises(ValueError, match=r"same classes .*schema='adapt' .*classes="):
        subject.fit(X, Y)


def test_names_that_come_later_are_learned() -> None:
    subject = net(warm_start=True).fit(X, Y)
    subject.fit(FRAME, Y)
    assert list(subject.feature_names_in_) == list("abcd")
    subject.predict(FRAME)
    with pytest.raises(ValueError, match="feature names should match"):
        subject.fit(FRAME[list("badc")], Y)


def test_a_callback_that_looks_at_rows_which_are_not_held_out() -> None:
    with pytest.raises(ValueError, match=r"looks at validation rows, and there are none .*early_stopping=True"):
        net(callbacks=[EarlyStopping(patience=2)]).fit(X, Y)


def test_weights_from_elsewhere(tmp_path: Any) -> None:
    module = nn.Linear(4, 3)
    file = tmp_path / "weights.pt"
    torch.save(module.state_dict(), file)
    names = r"have names and shapes of 0% of the network's numbers"
    for source, words in ((module, names), (module.state_dict(), names), (file, r"Pretrained\('.*weights.pt'\)")):
        with pytest.raises(ValueError, match=words) as raised:
            net(warm_start_from=source).fit(X, Y)
        assert "tensor(" not in str(raised.value)
    donor = WarmStartClassifier(module).initialize()
    heir = net(module=module, warm_start_from=FrozenEstimator(donor), max_epochs=0).fit(X, Y)
    assert torch.equal(heir.module_.weight, donor.module_.weight)


class Line(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.layer(X)


class Read(Dataset):
    """Rows of any kind, read one by one."""

    def __init__(self, *rows: Any):
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> Any:
        return self.rows[i]


class ColumnsByName:
    """What a dataset of Hugging Face's is."""

    def __init__(self, **columns: Any):
        self.columns_ = columns

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, key: Any) -> Any:
        return self.columns_[key] if isinstance(key, str) else {name: c[key] for name, c in self.columns_.items()}


class Stream(IterableDataset):
    def __iter__(self) -> Any:
        return iter(zip(torch.tensor(X), torch.tensor(Y), strict=True))


PAIRS = Read(*zip(torch.tensor(X), Y, strict=True))
INSIDE = [{"X": row, "labels": label} for row, label in zip(X, Y, strict=True)]


@pytest.mark.parametrize(
    ("rows", "y", "words"),
    [
        (DataLoader(PAIRS), None, "X is a DataLoader: pass its dataset"),
        (DataLoader(PAIRS), Y, "X is a DataLoader: pass its dataset"),
        (Read(), None, "a dataset with 0 rows"),
        (Subset(PAIRS, []), None, "a dataset with 0 rows"),
        (Read(*INSIDE), None, "a dictionary, of 'X', 'labels', and there is no y: let __getitem__ return pairs"),
        (INSIDE, None, "each row of X is a dictionary: pass one dictionary of arrays"),
        (INSIDE, Y, "each row of X is a dictionary: pass one dictionary of arrays"),
        (ColumnsByName(X=X, label=Y), None, "each row of X is a dictionary: pass one dictionary of arrays"),
        (ColumnsByName(X=X, label=Y), Y, "each row of X is a dictionary: pass one dictionary of arrays"),
        (Stream(), None, "set iterator_train__shuffle=False"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_rows_in_a_form_of_another_library(rows: Any, y: Any, words: str, method: str) -> None:
    subject = net(module=Line, classes=[0, 1, 2], iterator_train__shuffle=True)
    with pytest.raises(ValueError, match=words):
        getattr(subject, method)(rows, y)
    columns = ColumnsByName(X=X, label=Y)
    subject.fit({"X": columns["X"]}, columns["label"])


@pytest.mark.parametrize("rows", [DataLoader(PAIRS), Read(), Subset(PAIRS, []), INSIDE])
def test_predictions_of_rows_in_a_form_of_another_library(rows: Any) -> None:
    subject = net(module=Line).fit(PAIRS)
    with pytest.raises(ValueError, match=r"DataLoader|0 rows|each row of X is a dictionary"):
        subject.predict(rows)


@pytest.mark.parametrize("module", [None, Line])
def test_categories_among_the_columns(module: Any) -> None:
    numbers, words = FRAME.copy(), FRAME.copy()
    numbers["a"] = pd.Categorical(X[:, 0].round())
    words["a"] = pd.Categorical(np.array(["low", "high"])[(X[:, 0] > 5).astype(int)])
    subject = net(**({} if module is None else {"module": module}))
    with pytest.raises(ValueError, match="column 'a' of X is not numeric: encode it"):
        subject.fit(words, Y)
    expected = subject.fit(numbers.astype(float), Y).predict_proba(numbers.astype(float))
    np.testing.assert_array_equal(subject.fit(numbers, Y).predict_proba(numbers), expected)
    with pytest.raises(ValueError, match="column 'a' of X is not numeric: encode it"):
        subject.predict(words)
