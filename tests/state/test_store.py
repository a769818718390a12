"""A folder of checkpoints, and its log."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from sk_warmstart import WarmStartClassifier
from sk_warmstart.state import Checkpoint, CheckpointError, CheckpointStore, Donor, Lineage, NetState

X, Y = np.linspace(-1, 1, 60).reshape(20, 3).astype(np.float32), np.arange(20) % 2


def checkpoint(number: float, **lineage: object) -> Checkpoint:
    state = NetState({"w": torch.tensor([number])}, {"w"})
    return Checkpoint.from_donor(Donor(state, lineage=Lineage(**lineage)))  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "deep" / "store")


def number_of(found: Checkpoint) -> float:
    return float(found.state["w"])


def test_put_and_get(store: CheckpointStore) -> None:
    first, second, third = (store.put(checkpoint(i), score) for i, score in ((0, 0.5), (1, 0.9), (2, None)))
    assert number_of(store.get()) == number_of(store.get("latest")) == 2
    assert number_of(store.get("best")) == 1
    assert [number_of(store.get(name)) for name in (first, second, third)] == [0, 1, 2]
    assert number_of(store.get(first[:8])) == 0
    assert len(store) == 3
    assert sorted(store) == sorted([first, second, third])
    assert first in store
    assert "nothing" not in store
    assert repr(store) == f"CheckpointStore({str(store.folder)!r})"
    again = CheckpointStore(str(store.folder))
    assert again.get("best").id == second


def test_what_is_not_there(store: CheckpointStore) -> None:
    with pytest.raises(KeyError, match="holds no checkpoint"):
        store.get()
    with pytest.raises(KeyError, match=r"no checkpoint with a score: put\(\.\.\., score=\.\.\.\)"):
        store.get("best")
    store.put(checkpoint(0))
    store.put(checkpoint(1))
    with pytest.raises(KeyError, match="holds 0 checkpoints whose id begins with 'xyz'"):
        store.get("xyz")
    with pytest.raises(KeyError, match="holds 0 checkpoints whose id begins with ''"):
        store.get("")
    with pytest.raises(KeyError, match="no checkpoint with a score"):
        store.get("best")


def test_history(store: CheckpointStore) -> None:
    assert store.history().empty
    assert CheckpointStore(store.folder).history()["score"].dtype == float
    names = []
    for i in range(3):
        names.append(store.put(checkpoint(i, rows=i, policy="Warm", scores={"valid_score": i / 10})))
    names.append(store.put(checkpoint(0), score=7))
    table = store.history()
    columns = "id parent time score scored_on policy generation rows rows_seen epochs nbytes present"
    assert list(table) == columns.split()
    assert table["id"].tolist() == names
    assert table["score"].tolist() == [0, 0.1, 0.2, 7]
    assert table["rows"].tolist() == [0, 1, 2, 0]
    assert table["present"].all()
    assert pd.to_datetime(table["time"]).is_monotonic_increasing
    assert (store.folder / f"{names[0]}.safetensors").stat().st_size == table["nbytes"][0]
    assert store.put(checkpoint(1, rows=1, policy="Warm"), score=9) == names[1]
    assert len(store.history()) == 5
    with pytest.warns(UserWarning, match="2 of 4 scores in .* are of the same rows as the latest one"):
        assert store.get("best").id == names[1]


def test_lineage_of_warm_fits(store: CheckpointStore) -> None:
    net = WarmStartClassifier(warm_start=True, max_epochs=1, random_state=0)
    names = [store.put(net.fit(X, Y)) for _ in range(4)]
    line = store.lineage()
    assert line["id"].tolist() == names[::-1]
    assert line["parent"].tolist()[:3] == names[2::-1]
    assert line["generation"].tolist() == [3, 2, 1, 0]
    assert line["rows_seen"].tolist() == [80, 60, 40, 20]
    assert store.lineage(names[1][:10])["id"].tolist() == [names[1], names[0]]
    assert store.prune(keep=[names[3]]) == sorted(names[:3])
    assert store.lineage()["present"].tolist() == [True, False, False, False]
    assert store.lineage(names[2])["id"].tolist() == names[2::-1]


def test_a_fit_of_no_epochs_is_another_generation(store: CheckpointStore) -> None:
    net = WarmStartClassifier(warm_start=True, max_epochs=2, random_state=0)
    first = store.put(net.fit(X, Y))
    second, third = (store.put(net.set_params(max_epochs=0).fit(X, Y)) for _ in range(2))
    assert len({first, second, third}) == 3
    assert store.lineage()["id"].tolist() == [third, second, first]


def test_score_of_the_validation_rows_is_the_default(store: CheckpointStore) -> None:
    net = WarmStartClassifier(max_epochs=3, early_stopping=True, validation_fraction=0.4, random_state=0)
    store.put(net.fit(X, Y))
    store.put(WarmStartClassifier(max_epochs=1, random_state=1).fit(X, Y))
    table = store.history()
    assert table["score"][0] == Checkpoint.from_estimator(net).lineage["scores"]["valid_score"]
    assert np.isnan(table["score"][1])
    assert store.get("best").id == table["id"][0]


def nightly(**params: object) -> WarmStartClassifier:
    return WarmStartClassifier(**{"max_epochs": 1, "random_state": 0, **params})  # type: ignore[arg-type]


def test_best_compares_scores_of_the_same_rows(store: CheckpointStore) -> None:
    """A night with an easy window has the highest score, and is not the best."""
    easy = store.put(checkpoint(0), 0.975, scored_on="Monday")
    good, bad = (store.put(checkpoint(i), score, scored_on="Tuesday") for i, score in ((1, 0.8), (2, 0.7)))
    with pytest.warns(UserWarning, match=r"2 of 3 scores in .* are of the same rows as the latest one"):
        assert store.get("best").id == good
    assert store.history()["scored_on"].tolist() == ["Monday", "Tuesday", "Tuesday"]
    assert store.prune(keep=1) == sorted([easy])  # the latest stays, and the best of its rows
    assert store.get("best").id == good
    assert bad in store
    with pytest.raises(ValueError, match="scored_on names the rows of a score: give score too"):
        store.put(checkpoint(3), scored_on="Tuesday")
    with pytest.raises(ValueError, match="scored_on must be None or a text of one line"):
        store.put(checkpoint(3), 0.5, scored_on="a\nb")


def test_validation_scores_are_of_the_rows_that_validated(store: CheckpointStore) -> None:
    def scored(rows: slice = slice(None), flips: bool = False, X_val: object = None, **params: object) -> str:
        y = 1 - Y if flips else Y
        given = {} if X_val is None else {"X_val": X_val, "y_val": y}
        fits = nightly(early_stopping=X_val is None, validation_fraction=0.4, **params)
        return store.put(fits.fit(X[rows], y[rows], **given))

    first, second = scored(random_state=1), scored(random_state=2)
    order = np.random.default_rng(0).permutation(20)
    names = [(first, second), (scored(X_val=X), scored(X_val=X, random_state=3))]
    table = dict(store.history()[["id", "scored_on"]].to_numpy())
    for one, other in names:
        assert table[one] == table[other]
    assert table[first] != table[names[1][0]]
    others = [scored(slice(0, 15)), scored(flips=True), scored(scoring="roc_auc", random_state=4)]
    table = dict(store.history()[["id", "scored_on"]].to_numpy())
    assert len({table[name] for name in (first, *others)}) == 4
    assert table[others[-1]] == f"{table[first]} by roc_auc"
    again = nightly(early_stopping=True, validation_fraction=0.4).fit(X[order], Y[order])
    assert Checkpoint.from_estimator(again).lineage["scored_on"] == table[first]
    with pytest.warns(UserWarning, match=r"1 of \d scores"):
        assert store.get("best").id == others[-1]


def test_where_the_rows_are_not_known_a_validation_score_stands_alone(store: CheckpointStore) -> None:
    fits = [nightly(early_stopping=True, validation_fraction=0.4, random_state=i).fit(X, Y) for i in (1, 2)]
    names = [store.put(each, rows=False) for each in fits]
    assert store.history()["scored_on"].tolist() == [f"fit {name}" for name in names]
    assert store.get(names[0]).lineage["scored_on"] is None
    (store.folder / "log.jsonl").unlink()
    assert sorted(store.history()["scored_on"]) == sorted(f"fit {name}" for name in names)


def test_prune(store: CheckpointStore) -> None:
    names = [store.put(checkpoint(i), score=-abs(i - 1)) for i in range(6)]
    assert set(store.prune(keep=2)) == {names[0], names[2], names[3]}  # the best one stays
    assert set(store) == {names[1], names[4], names[5]}
    assert store.history()["present"].tolist() == [False, True, False, False, True, True]
    with pytest.raises(KeyError, match="holds 0 checkpoints"):
        store.get(names[0])
    with pytest.raises(KeyError, match="begins with 'unknown'"):
        store.prune(keep=[names[4], "unknown"])
    with pytest.raises(ValueError, match="at least 0 or a list of ids, got -1"):
        store.prune(keep=-1)
    assert len(store) == 3
    assert store.prune(keep="latest") == sorted([names[1], names[4]])
    assert store.prune(keep=5) == []
    assert store.prune(keep=0) == [names[5]]
    assert len(store) == 0
    assert len(store.history()) == 6
    assert store.put(checkpoint(0)) == names[0]
    assert names[0] in store


def test_a_foreign_file_is_left_alone(store: CheckpointStore) -> None:
    store.put(checkpoint(0))
    foreign = store.folder / "theirs.safetensors"
    foreign.write_bytes(b"not ours")
    assert len(store.history()) == 1
    assert number_of(store.get("latest")) == 0
    store.prune(keep=0)
    assert foreign.exists()


def test_an_unlogged_file_is_found(store: CheckpointStore) -> None:
    store.put(checkpoint(0), score=1)
    lost = checkpoint(1, rows=3, scores={"valid_score": 2.0})
    lost.save(store.folder / f"{lost.id}.safetensors")
    table = store.history()
    assert table["id"].tolist()[-1] == lost.id
    assert table["rows"].tolist()[-1] == 3
    assert table["time"].tolist()[-1] == lost.created
    assert store.get("latest").id == lost.id
    with pytest.warns(UserWarning, match="1 of 2 scores"):  # a validation score, and one that was given
        assert store.get("best").id == lost.id
    assert store.lineage(lost.id)["id"].tolist() == [lost.id]
    (store.folder / "log.jsonl").unlink()
    assert len(store.history()) == 2


@pytest.mark.parametrize(
    "garbage", [b"\x00\xff\xfe", b'\n{"event": "put", "id": "ab', b"\n[1]\n3\nnull\n{}\n", b"\n\n"]
)
def test_a_torn_line_hides_no_other(store: CheckpointStore, garbage: bytes) -> None:
    log = store.folder / "log.jsonl"
    first = store.put(checkpoint(0))
    with open(log, "ab") as file:
        file.write(garbage)
    second = store.put(checkpoint(1))
    assert store.history()["id"].tolist() == [first, second]
    log.write_bytes(log.read_bytes()[:-10])
    table = store.history()
    assert set(table["id"]) == {first, second}
    third = store.put(checkpoint(2))
    assert set(store.history()["id"]) == {first, second, third}


def test_the_log_is_lines_of_json(store: CheckpointStore) -> None:
    name = store.put(checkpoint(0))
    store.prune(keep=0)
    told = [json.loads(line) for line in (store.folder / "log.jsonl").read_text().split("\n") if line]
    assert [(line["event"], line["id"]) for line in told] == [("put", name), ("prune", name)]


def test_a_damaged_file_is_an_error_of_its_own(store: CheckpointStore) -> None:
    name = store.put(checkpoint(0))
    file = store.folder / f"{name}.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="cannot be loaded: it is damaged"):
        store.get(name)
    assert store.prune(keep=0) == [name]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "store"):
        with pytest.raises(CheckpointError, match="cannot make the folder"):
            CheckpointStore(folder)
