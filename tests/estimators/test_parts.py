"""Rows in several parts, dictionaries and tuples, trained as one array is."""

from __future__ import annotations

import logging
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from skorch.callbacks import Callback
from skorch.dataset import Dataset
from skorch.helper import SliceDict
from torch import Tensor, nn

from sk_warmstart import Checkpoint, LeakageWarning, WarmStartClassifier, WarmStartRegressor, diagnose
from sk_warmstart.diagnostics import dormant_scores
from sk_warmstart.policies import policy_names
from sk_warmstart.training import run_together

rng = np.random.default_rng(0)
N = 240
NUMBERS, CATEGORIES = rng.normal(size=(N, 4)), rng.integers(0, 6, size=(N, 2))
Y = np.array(["ash", "oak", "yew"])[(NUMBERS[:, 0] > 0).astype(int) + (CATEGORIES[:, 0] > 2)]
PARTS = {"numbers": NUMBERS, "categories": CATEGORIES}


class Two(nn.Module):
    def __init__(self, n_outputs: int = 3) -> None:
        super().__init__()
        self.embedding = nn.Embedding(6, 4)
        self.hidden, self.output = nn.Linear(4 + 8, 16), nn.Linear(16, n_outputs)

    def forward(self, numbers: Tensor, categories: Tensor) -> Tensor:
        seen = self.embedding(categories).flatten(1)
        return self.output(torch.relu(self.hidden(torch.cat([numbers, seen], 1))))


class AsTuple(Two):
    def forward(self, both: Any) -> Tensor:  # type: ignore[override]
        return super().forward(*both)


class Own(nn.Module):
    def __init__(self, n_features: int, n_outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_features, 8), nn.ReLU(), nn.Linear(8, n_outputs))

    def forward(self, X: Tensor) -> Tensor:
        return self.layers(X)


def net(module: Any = Two, **params: Any) -> WarmStartClassifier:
    return WarmStartClassifier(
        module, **{"max_epochs": 4, "lr": 0.02, "batch_size": 32, "random_state": 0} | params
    )


def some(index: Any, parts: dict[str, Any] = PARTS) -> dict[str, Any]:
    return {name: part[index] for name, part in parts.items()}


@pytest.mark.parametrize("own", [False, True], ids=["default", "own"])
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64, np.uint8, sparse.csr_array])
@pytest.mark.parametrize("early", [False, True])
def test_one_part_trains_as_the_array(own: bool, kind: Any, early: bool) -> None:
    X = kind((NUMBERS * 10).round()) if kind is sparse.csr_array else abs(NUMBERS * 10).astype(kind)
    weight = rng.random(N)
    params = {"early_stopping": early, "warm_start": True} | ({"module": Own} if own else {})
    subjects = [WarmStartClassifier(max_epochs=4, lr=0.02, random_state=0, **params) for _ in range(2)]
    given = X, {"X": X}
    for _ in range(2):
        for subject, rows in zip(subjects, given, strict=True):
            subject.fit(rows, Y, sample_weight=weight)
    one, other = subjects
    assert one.loss_curve_ == other.loss_curve_
    assert one.start_.loss == other.start_.loss
    assert str(one.training_route_) == str(other.training_route_)
    assert np.array_equal(one.predict_proba(X), other.predict_proba({"X": X}))
    for subject, rows in zip(subjects, given, strict=True):
        subject.partial_fit(rows, Y)
    assert np.array_equal(one.predict_proba(X), other.predict_proba({"X": X}))


@pytest.mark.parametrize("policy", policy_names())
@pytest.mark.parametrize("module", [Two, AsTuple])
def test_every_policy_starts_from_parts(policy: str, module: Any) -> None:
    rows: Any = PARTS if module is Two else tuple(PARTS.values())
    half: Any = some(slice(0, 120)) if module is Two else tuple(some(slice(0, 120)).values())
    subject = net(module, warm_start=True, early_stopping=True).fit(half, Y[:120])
    subject.set_params(init_policy=policy).fit(rows, Y)
    assert subject.predict(rows).dtype.kind == "U"
    assert subject.start_.donor == (None if policy == "cold" else "self")


def test_a_part_may_be_anything_that_holds_rows() -> None:
    expected = net().fit(PARTS, Y)
    frame = pd.DataFrame(NUMBERS, columns=list("abcd"))
    given = [
        {"numbers": frame, "categories": CATEGORIES},
        {"numbers": torch.from_numpy(NUMBERS), "categories": torch.from_numpy(CATEGORIES)},
        {"numbers": NUMBERS.tolist(), "categories": CATEGORIES.tolist()},
        {"categories": CATEGORIES, "numbers": NUMBERS},
        {"numbers": sparse.csr_array(NUMBERS), "categories": CATEGORIES},
        SliceDict(**PARTS),
    ]
    for rows in given:
        assert net().fit(rows, Y).loss_curve_ == expected.loss_curve_
        assert np.array_equal(expected.predict_proba(rows), expected.predict_proba(PARTS))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({}, "empty dictionary"),
        ({"numbers": NUMBERS, "categories": CATEGORIES[:9]}, "'numbers' has 240, the part 'categories' has 9"),
        ({"numbers": NUMBERS * np.nan, "categories": CATEGORIES}, "'numbers', contains NaN"),
        (
            {"numbers": np.where(NUMBERS > 2, np.inf, 0), "categories": CATEGORIES},
            "contains infinity",
        ),
        ({"numbers": NUMBERS, "categories": CATEGORIES.astype(str)}, "'categories' of X holds text"),
        ({"numbers": NUMBERS, "categories": np.array([["a"]] * N, dtype=object)}, "'categories' of X holds text"),
        ({"numbers": NUMBERS, "categories": [[1], [1, 2]] * (N // 2)}, "different lengths: pad"),
        ({"numbers": NUMBERS, "categories": np.full(N, "2020", "M8[D]")}, "'categories' of X"),
        ({"numbers": NUMBERS, 3: CATEGORIES}, "go by the names"),
        ({"numbers": NUMBERS, "self": CATEGORIES}, "go by the names"),
    ],
)
def test_unsuited_parts_are_refused_by_name(rows: Any, message: str) -> None:
    fitted = net().fit(PARTS, Y)
    for method in (lambda: net().fit(rows, Y), lambda: fitted.predict(rows), lambda: fitted.partial_fit(rows, Y)):
        with pytest.raises(ValueError, match=message):
            method()
    assert np.array_equal(fitted.predict_proba(PARTS), net().fit(PARTS, Y).predict_proba(PARTS))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"numbers": NUMBERS}, "X lacks 'categories'"),
        ({**PARTS, "more": NUMBERS}, "X has 'more' too"),
        ({"numbers": NUMBERS[:, :3], "categories": CATEGORIES}, r"rows of shape \(3,\), .* of shape \(4,\)"),
        ({"numbers": NUMBERS, "categories": CATEGORIES + 0.5}, "'categories' of X holds decimals"),
        (tuple(PARTS.values()), "X is a tuple, but .* a dictionary of 'numbers', 'categories'"),
        (NUMBERS, "X is one array, but"),
    ],
)
def test_other_parts_than_those_of_the_fit(rows: Any, message: str) -> None:
    fitted = net(warm_start=True).fit(PARTS, Y)
    before = fitted.predict_proba(PARTS)
    for method in (fitted.predict, lambda rows: fitted.fit(rows, Y), lambda rows: fitted.partial_fit(rows, Y)):
        with pytest.raises(ValueError, match=message):
            method(rows)
    assert np.array_equal(before, fitted.predict_proba(PARTS))


def test_a_tuple_in_another_order() -> None:
    rows = tuple(PARTS.values())
    fitted = net(AsTuple).fit(rows, Y)
    assert fitted.score(rows, Y) > 0.4
    with pytest.raises(ValueError, match="part 0 of X has rows of shape"):
        fitted.predict(rows[::-1])


def test_parts_where_an_array_was() -> None:
    fitted = net(Own).fit(NUMBERS, Y)
    with pytest.raises(ValueError, match="trained on one array"):
        fitted.predict({"X": NUMBERS})


@given(st.permutations(range(N)), st.booleans())
@settings(max_examples=5, deadline=None)
def test_a_row_stays_on_its_side(order: list[int], by_id: bool) -> None:
    """Sides depend on the content of all parts, or on the identity, and on nothing else."""
    seen: dict[int, set[float]] = {}

    class Sides(Callback):
        def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
            valid = net.run_.views.of(net.run_.valid)
            seen.setdefault(len(seen), {float(valid[i][0]["numbers"][0]) for i in range(len(valid))})

    ids = np.arange(N)
    for index in (np.arange(N), np.array(order), np.array(order)[: N // 2]):
        params = {"sample_id": ids[index]} if by_id else {}
        subject = net(early_stopping=True, max_epochs=0, callbacks=[Sides()])
        subject.fit(some(index), Y[index], **params)
    whole, shuffled, half = seen[0], seen[1], seen[2]
    assert whole == shuffled
    assert half <= whole


def test_rows_of_the_donor_are_recognised() -> None:
    donor = net().fit(some(slice(0, 120)), Y[:120])
    child = net(warm_start_from=Checkpoint.from_estimator(donor)).fit(some(slice(120, 240)), Y[120:])
    with pytest.warns(LeakageWarning, match="100.0% of the 120 rows"):
        child.score(some(slice(0, 120)), Y[:120])
    changed = some(slice(0, 120))
    child.score({**changed, "categories": (changed["categories"] + 1) % 6}, Y[:120])  # other rows


def test_validation_rows_of_the_user() -> None:
    fitted = net(early_stopping=True).fit(some(slice(0, 160)), Y[:160], X_val=some(slice(160, 240)), y_val=Y[160:])
    assert fitted.history[-1]["valid_score"] > 0
    with pytest.raises(ValueError, match="X lacks 'numbers'"):
        net().fit(PARTS, Y, X_val={"categories": CATEGORIES}, y_val=Y)


def test_a_checkpoint_keeps_the_parts(tmp_path: Any) -> None:
    class Lazy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.output = nn.Embedding(6, 4), nn.LazyLinear(3)

        def forward(self, numbers: Tensor, categories: Tensor) -> Tensor:
            return self.output(torch.cat([numbers, self.embedding(categories).flatten(1)], 1))

    fitted = net(Lazy).fit(PARTS, Y)
    Checkpoint.from_estimator(fitted).save(tmp_path / "net.safetensors")
    loaded = Checkpoint.load(tmp_path / "net.safetensors")
    schema = loaded.donor().schema
    assert schema.parts is not None
    assert [(part.name, part.kind, part.shape) for part in schema.parts] == [
        ("numbers", "float", (4,)),
        ("categories", "integer", (2,)),
    ]
    copy = loaded.to_estimator(WarmStartClassifier(Lazy))
    assert np.array_equal(copy.predict_proba(PARTS), fitted.predict_proba(PARTS))
    with pytest.raises(ValueError, match="X lacks 'numbers'"):
        copy.predict({"categories": CATEGORIES})
    assert copy.partial_fit(PARTS, Y).score(PARTS, Y) > 0.4


def test_images_stay_bytes() -> None:
    images = rng.integers(0, 256, size=(80, 1, 6, 6), dtype=np.uint8)
    y = (images.mean(axis=(1, 2, 3)) > 127).astype(int)
    seen = []

    class Conv(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 2))

        def forward(self, X: Tensor) -> Tensor:
            seen.append(X.dtype)
            return self.layers(X / 255)

    class Kept(Callback):
        def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
            rows = net.run_.train
            seen.append(rows.X.nbytes // len(rows))

    params = {"batch_size": 16, "early_stopping": True, "callbacks": [Kept()]}
    one = net(Conv, **params).fit(images, y)
    assert set(seen) == {torch.float32, 36}
    floats = net(Conv, **params).fit(images.astype(np.float32), y)
    assert one.loss_curve_ == floats.loss_curve_
    assert np.array_equal(one.predict_proba(images), floats.predict_proba(images.astype(np.float32)))


def test_packs_take_parts(caplog: Any) -> None:
    def fit(seed: int, module: Any, n: int) -> Any:
        rows = some(slice(0, n)) if module is not AsTuple else tuple(some(slice(0, n)).values())
        return net(module, random_state=seed).fit(rows, Y[:n])

    for module in (Two, AsTuple):
        sizes = (240, 239, 101)
        alone = [fit(seed, module, n) for seed, n in enumerate(sizes)]
        packed = run_together([lambda s=s, n=n, m=module: fit(s, m, n) for s, n in enumerate(sizes)])
        for one, other in zip(alone, packed, strict=True):
            assert other.training_route_.packs
            np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, rtol=1e-4)

    class Unpackable(Two):
        def forward(self, numbers: Tensor, categories: Tensor) -> Tensor:
            return super().forward(numbers, categories) + 0 * float(numbers.sum())

    with caplog.at_level(logging.INFO), joblib.parallel_config(backend="packed", n_jobs=2):
        fits = joblib.Parallel()(joblib.delayed(fit)(seed, Unpackable, 240) for seed in range(2))
    assert len(fits) == 2
    assert "run alone" in caplog.text


def test_a_regressor_takes_parts() -> None:
    y = NUMBERS[:, 0] + CATEGORIES[:, 0]
    subject = WarmStartRegressor(
        Two, module__n_outputs=1, max_epochs=30, lr=0.02, random_state=0, early_stopping=True
    )
    assert subject.fit(PARTS, y).score(PARTS, y) > 0.8
    assert subject.predict(PARTS).shape == (N,)


def test_new_classes_grow_the_head() -> None:
    old = Y != "yew"
    subject = net(schema="adapt", warm_start=True, lr=0.01).fit(some(old), Y[old])
    assert subject.fit(PARTS, Y).start_.classes_added == ["yew"]
    assert subject.predict_proba(PARTS).shape == (N, 3)


def test_standardize_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="standardise inside your dataset, or the parts of a dictionary before"):
        net(standardize=True).fit(PARTS, Y)


def test_a_dataset_class_of_the_users_gets_parts_as_they_are() -> None:
    class Texts(Dataset):
        def __getitem__(self, i: Any) -> Any:
            X, y = super().__getitem__(i)
            return {"numbers": X["numbers"].astype("f4"), "categories": np.array([len(X["words"])] * 2)}, y

    rows = {"numbers": NUMBERS, "words": np.array(["a", "bb", "ccc"])[CATEGORIES[:, 0] // 2]}
    assert net(dataset=Texts).fit(rows, Y).predict(rows).shape == (N,)


@pytest.mark.parametrize("module", [Two, AsTuple])
def test_diagnostics_measure_parts(module: Any) -> None:
    rows = PARTS if module is Two else tuple(PARTS.values())
    subject = net(module).fit(rows, Y)
    table = diagnose(subject, rows, Y)
    assert {"loss", "dormant_share", "gradient_norm", "sharpness", "effective_rank"} <= set(table["measure"])
    network = subject.module_
    tensors = {"numbers": torch.from_numpy(NUMBERS), "categories": torch.from_numpy(CATEGORIES)}
    given = tensors if module is Two else tuple(tensors.values())
    assert dormant_scores(network, given)["hidden"].shape == (16,)


@pytest.mark.parametrize("schema", ["strict", "adapt"])
def test_columns_of_a_dataframe_among_the_parts_keep_their_order(schema: str, tmp_path: Any) -> None:
    frame = pd.DataFrame(NUMBERS, columns=list("abcd"))
    moved = {**PARTS, "numbers": frame[list("adbc")]}
    one = net(schema=schema).fit({**PARTS, "numbers": frame}, Y)
    assert np.array_equal(one.predict_proba(PARTS), one.predict_proba({**PARTS, "numbers": frame}))
    Checkpoint.from_estimator(one).save(tmp_path / "net.safetensors")
    loaded = net(schema=schema, warm_start_from=str(tmp_path / "net.safetensors"))
    calls = [
        lambda: one.predict(moved),
        lambda: one.partial_fit(moved, Y),
        lambda: net(schema=schema, warm_start_from=Checkpoint.from_estimator(one)).fit(moved, Y),
        lambda: loaded.fit(moved, Y),
        lambda: one.partial_fit(PARTS, Y).predict(moved),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="the part 'numbers' of X has the column 'd' where 'b' was"):
            call()


@pytest.mark.parametrize("kind", [lambda X: X.astype(">f4"), lambda X: torch.from_numpy(X).bfloat16()])
@pytest.mark.parametrize("shape", [lambda X: X, lambda X: {"X": X}])
def test_numbers_that_numpy_or_torch_has_not_are_cast(kind: Any, shape: Any) -> None:
    coarse = torch.from_numpy(NUMBERS).bfloat16().float().numpy()
    module = {"module": Own, "module__n_features": 4}
    one, other = net(**module).fit(coarse, Y), net(**module).fit(shape(kind(coarse)), Y)
    assert np.array_equal(one.predict_proba(coarse), other.predict_proba(shape(kind(coarse))))


class OnlyTuples(Two):
    """A module that asks what it is given."""

    def forward(self, both: Any) -> Tensor:  # type: ignore[override]
        assert type(both) is tuple
        return super().forward(*both)


class InTuples(torch.utils.data.Dataset):
    def __len__(self) -> int:
        return N

    def __getitem__(self, i: int) -> Any:
        return (NUMBERS[i], CATEGORIES[i]), Y[i]


class HearsBatches(Callback):
    def on_batch_end(self, net: Any, **kwargs: Any) -> None:
        pass


@pytest.mark.parametrize("callbacks", [[], [HearsBatches()]])
@pytest.mark.parametrize("early", [False, True])
def test_a_tuple_is_one_wherever_the_module_is_called(early: bool, callbacks: Any) -> None:
    """skorch, and torch's loader, would make lists of them."""
    rows, ids = (NUMBERS, CATEGORIES), np.arange(N)
    settings = {"early_stopping": early, "callbacks": callbacks, "optimizer__fused": False, "dtype": "float64"}
    subject = net(OnlyTuples, **settings).fit(rows, Y, sample_id=ids).partial_fit(rows, Y)
    other = net(OnlyTuples, **settings).fit(InTuples(), sample_id=ids).partial_fit(InTuples())
    np.testing.assert_allclose(subject.predict_proba(rows), other.predict_proba(InTuples()), atol=1e-9)


def test_what_an_array_hides_is_not_used() -> None:
    hides = np.ma.array(NUMBERS, mask=NUMBERS > 2)
    for rows in (hides, {"numbers": hides, "categories": CATEGORIES}):
        with pytest.raises(ValueError, match="masked values: fill them in"):
            net(Own if rows is hides else Two).fit(rows, Y)
    shown = np.ma.array(NUMBERS, mask=False)
    np.testing.assert_array_equal(net(Own).fit(shown, Y).predict(shown), net(Own).fit(NUMBERS, Y).predict(NUMBERS))


def test_whole_numbers_that_torch_has_not_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the part 'categories' of X holds whole numbers beyond 2\*\*63 - 1"):
        net().fit(PARTS | {"categories": CATEGORIES.astype(np.uint64) + np.uint64(2**63)}, Y)


def test_numbers_longer_than_torch_has_are_cast() -> None:
    expected = net(Own, dtype="float64").fit(NUMBERS, Y).predict_proba(NUMBERS)
    long = NUMBERS.astype(np.longdouble)
    np.testing.assert_array_equal(net(Own, dtype="float64").fit(long, Y).predict_proba(long), expected)
    net().fit(PARTS | {"numbers": long}, Y)
