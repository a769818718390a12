"""Datasets whose rows are read one by one: split, started, evaluated and judged as arrays are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from sk_warmstart import (
    Checkpoint,
    LeakageWarning,
    WarmStartClassifier,
    WarmStartRegressor,
    WarmStartTransformer,
)
from sk_warmstart.policies import policy_names

rng = np.random.default_rng(0)
N = 160
X = rng.normal(size=(N, 4)).astype(np.float32)
CODES = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
NAMES = np.array(["ash", "oak", "yew"])[CODES]


class Lazy(Dataset):
    """Rows that are made when they are asked for; it counts them."""

    def __init__(self, targets: Any, rows: Any = X, fails_at: int | None = None):
        self.targets, self.rows, self.fails_at = targets, rows, fails_at
        self.read: list[int] = []

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, i: int) -> Any:
        if i == self.fails_at:
            raise OSError(f"row {i} cannot be read")
        self.read.append(int(i))
        return self.rows[i], self.targets[i]


class Alone(Lazy):
    """Rows without targets."""

    def __getitem__(self, i: int) -> Any:
        return torch.from_numpy(super().__getitem__(i)[0])


def net(estimator: Any = WarmStartClassifier, **params: Any) -> Any:
    shape = {"module__n_features": 4, "module__n_outputs": 3} if params.get("module") is None else {}
    return estimator(**{"max_epochs": 5, "lr": 0.02, "batch_size": 32, "random_state": 0} | shape | params)


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("names", [False, True])
def test_a_dataset_trains_as_its_array(early: bool, names: bool) -> None:
    """By the same identities the same rows validate, and the numbers are those of skorch's steps to rounding."""
    y = NAMES if names else CODES
    params = {"early_stopping": early, "class_weight": {y[0]: 3.0}, "optimizer__fused": False}
    ids = np.arange(N)
    one = net(**params).fit(X, y, sample_id=ids)
    other = net(**params).fit(Lazy(y), sample_id=ids)
    np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, rtol=1e-3)
    np.testing.assert_allclose(one.start_.score, other.start_.score, rtol=1e-6)
    assert other.start_.evaluated_on == ("validation" if early else "training")
    assert np.array_equal(one.classes_, other.classes_)
    assert np.mean(one.predict(X) == other.predict(Lazy(y))) > 0.98
    assert one.lineage_.rows == other.lineage_.rows


def test_rows_are_read_once_an_epoch_and_labels_once() -> None:
    counts = {}
    for name, params in {"looked up": {}, "given": {"classes": ["ash", "oak", "yew"]}}.items():
        rows = Lazy(NAMES)
        net(max_epochs=2, early_stopping=True, validation_fraction=0.25, **params).fit(rows)
        counts[name] = len(rows.read)
    # Two epochs, the start on a part of the rows, and a few rows before it.
    assert N <= counts["looked up"] - counts["given"] <= N
    assert counts["given"] < 3 * N


def test_labels_that_are_not_among_those_given() -> None:
    with pytest.raises(ValueError, match="has the label 'yew', and there are the classes"):
        net(classes=["ash", "oak"]).fit(Lazy(NAMES))
    stream = net().partial_fit(Lazy(NAMES), classes=["ash", "oak", "yew"])
    assert stream.partial_fit(Lazy(NAMES)).predict(X).dtype.kind == "U"


def test_targets_beside_a_dataset() -> None:
    beside = net(early_stopping=True).fit(Alone(CODES), NAMES)
    inside = net(early_stopping=True).fit(Lazy(NAMES))
    assert beside.loss_curve_ == inside.loss_curve_
    with pytest.raises(ValueError, match="y has 9 targets for the 160 rows"):
        net().fit(Lazy(CODES), NAMES[:9])


def test_rows_stay_on_their_side_as_data_grow() -> None:
    sides = []
    for n in (80, N):
        rows = Lazy(CODES[:n])
        subject = net(max_epochs=1, early_stopping=True, validation_fraction=0.25).fit(rows)
        valid = set(range(n)) - set(_trained(subject, rows))
        sides.append(valid)
    assert sides[0] == {i for i in sides[1] if i < 80}
    assert 5 < len(sides[0]) < 40


def _trained(subject: Any, rows: Lazy) -> list[int]:
    """The rows that one further epoch reads, and does not evaluate."""
    rows.read.clear()
    seen: list[int] = []
    original = subject.get_iterator

    def get_iterator(dataset: Any, training: bool = False) -> Any:
        if training:
            seen.extend(dataset.indices)
        return original(dataset, training)

    subject.get_iterator = get_iterator
    subject.fit(rows)
    return seen


def test_identities_given_are_remembered_and_places_are_not() -> None:
    ids = np.arange(N) + 1000
    donor = net().fit(Lazy(CODES), sample_id=ids)
    child = net(warm_start_from=Checkpoint.from_estimator(donor)).fit(Lazy(CODES[:80]), sample_id=ids[:80] + 5000)
    with pytest.warns(LeakageWarning, match="100.0% of the 80 rows"):
        child.score(Lazy(CODES[:80]), CODES[:80], sample_id=ids[:80])
    by_place = net(warm_start_from=Checkpoint.from_estimator(net().fit(Lazy(CODES)))).fit(Lazy(CODES[::-1]))
    by_place.score(Lazy(CODES), CODES)  # no warning: places say nothing of other datasets


@pytest.mark.parametrize("policy", policy_names())
def test_every_policy_looks_at_a_sample(policy: str) -> None:
    subject = net(warm_start=True, early_stopping=True).fit(Lazy(NAMES[:80]))
    subject.set_params(init_policy=policy).fit(Lazy(NAMES))
    assert subject.predict(X).dtype.kind == "U"


def test_a_large_dataset_is_sampled() -> None:
    many = Lazy(np.tile(CODES, 60), np.tile(X, (60, 1)))
    subject = net(warm_start=True, max_epochs=0, init_policy="dash", classes=[0, 1, 2]).fit(Lazy(CODES))
    subject.fit(many)
    assert len(set(many.read)) <= 4096 + 1024 + 2


def test_validation_rows_in_a_dataset() -> None:
    whole, some = Lazy(NAMES[:100], X[:100]), Lazy(NAMES[100:], X[100:])
    both = net(early_stopping=True).fit(whole, X_val=some)
    arrays = net(early_stopping=True).fit(whole, X_val=X[100:], y_val=NAMES[100:])
    other = net(early_stopping=True).fit(X[:100], NAMES[:100], X_val=some)
    scores = [[row["valid_score"] for row in each.history] for each in (both, arrays, other)]
    np.testing.assert_allclose(scores[0], scores[1], atol=0.04)
    np.testing.assert_allclose(scores[0], scores[2], atol=0.04)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("at", [0, N - 1])
def test_a_dataset_that_fails_leaves_the_state(method: str, at: int) -> None:
    subject = net(warm_start=True, early_stopping=method == "fit").fit(Lazy(NAMES))
    before = subject.predict_proba(X), dict(vars(subject)).keys(), subject.lineage_
    with pytest.raises(OSError, match=f"row {at} cannot be read"):
        getattr(subject, method)(Lazy(NAMES, fails_at=at))
    assert np.array_equal(subject.predict_proba(X), before[0])
    assert (dict(vars(subject)).keys(), subject.lineage_) == before[1:]


class InParts(Lazy):
    """Rows in two parts."""

    def __getitem__(self, i: int) -> Any:
        row, target = super().__getitem__(i)
        return {"first": row[:3], "second": row[3:]}, target


class TakesParts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return self.layer(torch.cat([first, second], 1))


class Copes(nn.Linear):
    """A module that knows what a missing number is."""

    def __init__(self) -> None:
        super().__init__(4, 3)

    def forward(self, X: Tensor) -> Tensor:
        return super().forward(torch.nan_to_num(X))


@pytest.mark.parametrize("kind", [Lazy, InParts])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("method", ["fit", "held out", "partial_fit", "X_val", "dataset of a subset"])
def test_a_row_that_is_no_number_is_refused_by_its_place(kind: Any, value: float, method: str) -> None:
    """As an array with one is, and what was learned before is kept."""
    module = {"module": TakesParts} if kind is InParts else {}
    subject = net(**module, warm_start=True, max_epochs=2, early_stopping=method != "fit").fit(kind(NAMES))
    before, lineage = subject.predict_proba(kind(NAMES)), subject.lineage_
    bad = X.copy()
    bad[71, 3] = value
    rows: Any = kind(NAMES, bad)
    place = 71
    if method == "dataset of a subset":
        rows, place = torch.utils.data.Subset(rows, range(50, N)), 21
    words = f"Input X contains {'NaN' if np.isnan(value) else 'infinity'}, in row {place} of the dataset"
    call = subject.partial_fit if method == "partial_fit" else subject.fit
    given = {"X": kind(NAMES), "X_val": rows} if method == "X_val" else {"X": rows}
    with pytest.raises(ValueError, match=words):
        call(**given)
    assert np.array_equal(subject.predict_proba(kind(NAMES)), before)
    assert subject.lineage_ == lineage
    with pytest.raises(ValueError, match=words):
        subject.predict(rows)


class Rebuilds(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.narrow, self.wide = nn.Linear(4, 2), nn.Linear(2, 4)

    def embed(self, X: Tensor) -> Tensor:
        return self.narrow(X)

    def forward(self, X: Tensor) -> Tensor:
        return (self.wide(self.narrow(X)) - X).square().mean(1)


@pytest.mark.parametrize("early", [False, True])
def test_a_row_that_is_no_number_is_refused_without_targets_too(early: bool) -> None:
    bad = X.copy()
    bad[71, 3] = np.nan
    params = {"max_epochs": 1, "early_stopping": early, "random_state": 0}
    with pytest.raises(ValueError, match="Input X contains NaN, in row 71 of the dataset"):
        WarmStartTransformer(Rebuilds, **params).fit(Alone(CODES, bad))
    subject = WarmStartTransformer(Rebuilds, **params).fit(Alone(CODES))
    for method in (subject.transform, subject.score):
        with pytest.raises(ValueError, match="Input X contains NaN, in row 71 of the dataset"):
            method(Alone(CODES, bad))


def test_targets_that_are_no_numbers_are_refused() -> None:
    y = X[:, :1].astype(np.float32).copy()
    y[3] = np.nan
    subject = net(WarmStartRegressor, module__n_outputs=1, early_stopping=True)
    with pytest.raises(ValueError, match="Input y contains NaN, in row 3 of the dataset"):
        subject.fit(Lazy(y))
    with pytest.raises(ValueError, match="Input y contains NaN"):
        subject.fit(Alone(y), y)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("criterion", [nn.MSELoss, nn.L1Loss, nn.PoissonNLLLoss])
def test_targets_of_other_width_than_the_outputs_are_refused(method: str, criterion: Any) -> None:
    """torch would spread one over the other."""
    subject = net(WarmStartRegressor, module__n_outputs=1, criterion=criterion)
    with pytest.raises(ValueError, match="as many outputs as"):
        getattr(subject, method)(Lazy(X[:, :2]))


def test_rows_of_half_the_size_are_cast_as_those_of_an_array() -> None:
    half = X.astype(np.float16)
    subject, other = (net(optimizer__fused=False, dtype="float32") for _ in range(2))
    subject.fit(Lazy(CODES, half))
    np.testing.assert_allclose(subject.predict_proba(half), other.fit(half, CODES).predict_proba(half), atol=1e-5)


def test_rows_of_text_are_refused() -> None:
    with pytest.raises(ValueError, match="rows hold text: let the dataset encode it"):
        net().fit(Lazy(CODES, NAMES))


def test_arrays_are_looked_at_after_a_dataset_too() -> None:
    bad = X.copy()
    bad[71, 3] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        net(max_epochs=1).fit(Lazy(NAMES)).predict(bad)


def test_a_module_may_cope_with_missing_numbers() -> None:
    bad = X.copy()
    bad[::7, 3] = np.nan
    subject = net(module=Copes).fit(Lazy(NAMES, bad))
    assert np.isfinite(subject.predict_proba(Lazy(NAMES, bad))).all()


def test_workers_and_pinned_memory_are_the_users() -> None:
    seen = []

    class Noted(DataLoader):
        def __init__(self, *args: Any, **kwargs: Any):
            seen.append((kwargs.get("num_workers", 0), kwargs.get("drop_last", False)))
            super().__init__(*args, **kwargs)

    params = {"iterator_train__num_workers": 1, "iterator_train__drop_last": True, "max_epochs": 1}
    net(iterator_train=Noted, classes=[0, 1, 2], **params).fit(Lazy(CODES))
    assert seen == [(1, True)]


def test_images_from_files(tmp_path: Path) -> None:
    images = rng.integers(0, 256, size=(40, 1, 6, 6), dtype=np.uint8)
    kinds = np.where(images.mean(axis=(1, 2, 3)) > 127, "light", "dark")
    for i, image in enumerate(images):
        np.save(tmp_path / f"{i}.npy", image)

    class Files(Dataset):
        def __len__(self) -> int:
            return len(images)

        def __getitem__(self, i: int) -> Any:
            return np.load(tmp_path / f"{i}.npy"), kinds[i]

    conv = nn.Sequential(nn.LazyConv2d(2, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    subject = net(module=conv, early_stopping=True, warm_start=True, init_policy="auto")
    subject.fit(Files()).fit(Files())
    assert set(subject.predict(images)) <= {"light", "dark"}


def test_rows_in_parts_from_a_dataset() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.output = nn.Embedding(6, 4), nn.Linear(8, 3)

        def forward(self, numbers: Tensor, category: Tensor) -> Tensor:
            return self.output(torch.cat([numbers, self.embedding(category)], 1))

    class Records(Lazy):
        def __getitem__(self, i: int) -> Any:
            x, y = super().__getitem__(i)
            return {"numbers": x.astype(float), "category": i % 6}, y

    subject = net(module=Two, early_stopping=True, warm_start=True).fit(Records(NAMES))
    for policy in ("dash", "linear_probe", "recycle_dormant", "best_of"):
        subject.set_params(init_policy=policy).fit(Records(NAMES))
    assert subject.predict(Records(NAMES)).shape == (N,)


def test_a_regressor_reads_numbers() -> None:
    y = X[:, 0].astype(float) * 2
    subject = net(WarmStartRegressor, module__n_outputs=1, early_stopping=True, max_epochs=30).fit(Lazy(y))
    assert subject.score(X, y) > 0.8
    assert subject.predict(X).shape == (N,)
    learned = WarmStartRegressor(module__n_features=4, max_epochs=1).fit(Lazy(y))
    assert learned.predict(X).shape == (N,)
    beside = net(WarmStartRegressor, module__n_outputs=1, early_stopping=True, max_epochs=30).fit(Alone(y), y)
    assert beside.score(X, y) > 0.8


def test_what_has_no_length_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream(IterableDataset):
        def __iter__(self) -> Any:
            return iter(TensorDataset(torch.from_numpy(X), torch.from_numpy(CODES)))

    params = {"iterator_train__shuffle": False, "classes": [0, 1, 2]}
    assert net(**params).fit(Stream()).predict(X).shape == (N,)
    with pytest.raises(ValueError, match="a Dataset with a length"):
        net(early_stopping=True, **params).fit(Stream())
    subject = net(warm_start=True, **params).fit(Stream()).set_params(init_policy="dash")
    with pytest.raises(ValueError, match="a Dataset with a length"):
        subject.fit(Stream())
    monkeypatch.setitem(globals(), "X", np.where(np.arange(N)[:, None] == 70, np.float32(np.nan), X))
    with pytest.raises(ValueError, match="NaN or infinity must be filled in or left out"):
        net(**params).fit(Stream())


class AsTheyAre(Lazy):
    """Rows of any kind, without targets."""

    def __getitem__(self, i: int) -> Any:
        return self.targets[i]


class Held(Lazy):
    """Rows whose targets are held under skorch's name, and changed when a row is read."""

    def __init__(self, y: Any, change: Any):
        super().__init__(y)
        self.X, self.y, self.change = X, y, change

    def __getitem__(self, i: int) -> Any:
        return X[i], self.change(self.y[i])


@pytest.mark.parametrize(
    "change", [lambda label: 2 - label, lambda label: ("c", "a", "b")[label], lambda label: [label]]
)
def test_labels_are_those_that_rows_give_not_those_that_an_attribute_holds(change: Any) -> None:
    changed = np.array([change(label) for label in CODES]).ravel()
    one, other = net().fit(X, changed, sample_id=np.arange(N)), net().fit(Held(CODES, change))
    assert np.array_equal(one.classes_, other.classes_)
    assert np.mean(one.predict(X) == other.predict(X)) > 0.98


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8])
def test_numbers_of_any_kind_are_compared_with_outputs_one_by_one(dtype: Any) -> None:
    numbers = (10 * np.abs(X[:, 0])).astype(dtype)
    subject = {"estimator": WarmStartRegressor, "module__n_outputs": 1, "optimizer__fused": False}
    one, other = net(**subject).fit(X, numbers), net(**subject).fit(Lazy(numbers))
    np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, rtol=1e-3)


@pytest.mark.parametrize("shape", [(), (1,)])
def test_labels_in_tensors(shape: tuple[int, ...]) -> None:
    labels = [torch.tensor(10 * code).reshape(shape) for code in CODES.tolist()]
    stream = net(max_epochs=1).fit(Lazy(labels)).partial_fit(Lazy(labels))
    assert stream.classes_.tolist() == [0, 10, 20]
    both = TensorDataset(torch.from_numpy(X), torch.stack(labels))
    assert set(net(max_epochs=1).fit(both).predict(X)) <= {0, 10, 20}


@pytest.mark.parametrize("n", [1, 2, 3, N])  # two rows are no pair
def test_rows_without_targets_are_predicted(n: int) -> None:
    one = net(max_epochs=1).fit(Lazy(NAMES))
    alone = [Alone(CODES[:n]), TensorDataset(torch.from_numpy(X[:n]))]
    for rows in alone:
        np.testing.assert_array_equal(one.predict_proba(rows), one.predict_proba(X[:n]))
    assert one.score(alone[0], NAMES[:n]) == one.score(X[:n], NAMES[:n])


@pytest.mark.parametrize("n", [2, N])
def test_rows_in_parts_without_targets_are_predicted(n: int) -> None:
    class Sum(nn.Module):
        def __init__(self, n_outputs: int = 3) -> None:
            super().__init__()
            self.layer = nn.Linear(4, n_outputs)

        def forward(self, first: Tensor, second: Tensor) -> Tensor:
            return self.layer(first + second)

    one = net(module=Sum, max_epochs=1).fit({"first": X, "second": X}, NAMES)
    parts = [{"first": row, "second": row} for row in X]
    np.testing.assert_allclose(
        one.predict_proba(AsTheyAre(parts[:n])), one.predict_proba({"first": X[:n], "second": X[:n]})
    )


def test_rows_that_are_changed_at_random_are_so_by_the_seed() -> None:
    class Noisy(Lazy):
        def __getitem__(self, i: int) -> Any:
            row, target = super().__getitem__(i)
            return row + torch.randn(4).numpy(), target

    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        one = net(early_stopping=True).fit(Noisy(NAMES))
        found.append((one.start_.score, one.start_.loss, one.loss_curve_, one.history[:, "valid_loss"]))
        assert torch.initial_seed() == seed
    assert found[0] == found[1]
