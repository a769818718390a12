"""What of the rows can be found in a file: nothing without rows, and with them only what somebody guesses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.profiles import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sk_warmstart import Checkpoint, WarmStartClassifier
from sk_warmstart.state import LeakageWarning, row_ids, sample_ids
from sk_warmstart.state.rows._row_memory import RowMemory, hash_with_key
from sk_warmstart.state.rows._row_sketch import RowSketch

RNG = np.random.default_rng(0)
CUSTOMERS = RNG.choice(10**6, size=300, replace=False)
X = RNG.integers(1_000, 9_000, size=(300, 1)).astype(float)
Y = (X[:, 0] > 5_000).astype(int)
FORWARD, MASK = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB), 2**64 - 1


def net(**params: Any) -> WarmStartClassifier:
    return WarmStartClassifier(
        **({"max_epochs": 1, "random_state": 0, "module__hidden_layer_sizes": (4,)} | params)
    )


def unmixed(value: int) -> int:
    """Invert SplitMix64's finaliser."""

    def unshifted(number: int, bits: int) -> int:
        found = number
        for _ in range(64 // bits + 1):
            found = number ^ (found >> bits)
        return found

    value = unshifted(value, 31) * pow(FORWARD[1], -1, 2**64) & MASK
    value = unshifted(value, 27) * pow(FORWARD[0], -1, 2**64) & MASK
    return unshifted(value, 30)


def inverted(ids: np.ndarray) -> set[int]:
    """Numbers whose id each of these is, if it was made without a key."""
    return {(unmixed(int(each)) - 0x9E3779B97F4A7C15) & MASK for each in ids}


def ids_in(path: Path) -> np.ndarray:
    """All 64-bit numbers of the memory in a file."""
    checkpoint = Checkpoint.load(path)
    names = [name for name in checkpoint._entries if name.startswith("memory/")]
    return np.concatenate([checkpoint._tensor(name).numpy().view(np.uint64)[1:] for name in names])


def test_the_attack_works_where_there_is_no_key() -> None:
    assert inverted(sample_ids(CUSTOMERS)) == set(CUSTOMERS.tolist())


def test_a_file_is_not_inverted_number_by_number(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    Checkpoint.from_estimator(net().fit(X, Y, sample_id=CUSTOMERS)).save(path)
    kept = ids_in(path)
    assert len(kept) >= 300
    assert not inverted(kept) & set(CUSTOMERS.tolist())
    without_key = set(sample_ids(CUSTOMERS).tolist()) | set(row_ids(X).tolist())
    assert not without_key & set(kept.tolist())
    # Who guesses a row can tell whether it is there: that is what the leak guard does.
    key = Checkpoint.load(path).donor().memory.rows.key
    assert np.isin(hash_with_key(sample_ids(CUSTOMERS), key), kept).all()


def test_lineages_have_keys_of_their_own() -> None:
    one, other = (Checkpoint.from_estimator(net().fit(X[:n], Y[:n])).donor().memory.rows.key for n in (300, 299))
    assert one != other
    fitted = net(warm_start=True).fit(X, Y)
    first = fitted.learned_.memory.rows.key
    assert fitted.fit(X, Y).learned_.memory.rows.key == first


def test_nothing_of_a_row_is_in_a_file_without_rows(tmp_path: Path) -> None:
    path, bare = tmp_path / "model.safetensors", tmp_path / "bare.safetensors"
    checkpoint = Checkpoint.from_estimator(net().fit(X, Y, sample_id=CUSTOMERS))
    checkpoint.save(path)
    checkpoint.save(bare, rows=False)
    assert len(ids_in(bare)) == 0
    loaded = Checkpoint.load(bare)
    assert (loaded.keeps_rows, checkpoint.keeps_rows, loaded.id) == (False, True, checkpoint.id)
    assert not any(name.startswith("features/") for name in loaded._entries)
    # The deciles of a file with rows are values that rows have.
    assert any(np.array([value]).tobytes() in path.read_bytes() for value in X[:, 0])
    raw = bare.read_bytes()
    for value in (*X[:, 0], *CUSTOMERS):
        for kind in (np.float64, np.int64):
            assert np.array([value], dtype=kind).tobytes() not in raw
    with_rows, without = (
        net(warm_start_from=Checkpoint.load(each)).fit(X[:150], Y[:150]) for each in (path, bare)
    )
    with pytest.warns(LeakageWarning):
        with_rows.score(X[150:], Y[150:])
    without.score(X[150:], Y[150:])  # what is lost: no warning
    assert (with_rows.predict_proba(X) == without.predict_proba(X)).all()


def test_rows_must_be_true_or_false(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rows"):
        Checkpoint.from_estimator(net().fit(X, Y)).save(tmp_path / "x", rows="no")  # type: ignore[arg-type]


ids = hnp.arrays(np.uint64, st.integers(0, 30), elements=st.integers(0, 2**64 - 1))


@settings(max_examples=examples(60))
@given(st.lists(ids, min_size=1, max_size=4), st.lists(ids, min_size=1, max_size=4), ids)
def test_memory_knows_what_was_added_whatever_the_lineages(
    first: list[np.ndarray], second: list[np.ndarray], asked: np.ndarray
) -> None:
    one, other = RowMemory(), RowMemory()
    for memory, calls in ((one, first), (other, second)):
        for call in calls:
            memory.add(call)
    everything = np.concatenate([*first, *second])
    child = one.child(None, [other])
    for memory in (child, child.snapshot(), child.child(None)):
        seen, certain = memory.before(np.concatenate([everything, asked]))
        assert certain.all()
        assert seen[: len(everything)].all()
        assert (seen == np.isin(np.concatenate([everything, asked]), everything)).all()
    mixed = RowMemory.of_all([one, other])
    assert mixed.last(everything)[0].all()
    child.add(asked)
    assert child.last(asked)[0].all()


def test_ids_of_a_file_without_keys_are_still_known() -> None:
    old = Checkpoint.load(Path(__file__).parents[1] / "data" / "checkpoint_v1.safetensors").donor().memory
    assert old.rows.key is None
    assert len(old.own)
    child = old.child(None)
    child.add(np.arange(1, 5, dtype=np.uint64))
    assert child.rows.key is not None
    assert child.before(old.own.ids)[0].all()
    assert isinstance(child.own, RowSketch)
