"""The laws of warm starting, and all that an estimator does, for every kind of input."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import KINDS, Convolution, Kind, NumbersAndCategories
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from torch import nn

from sk_warmstart import Checkpoint, WarmStartClassifier, WarmStartRegressor
from sk_warmstart.policies import policy_names
from sk_warmstart.state import LeakageWarning

LABELS = np.array(["ant", "bee", "cat"])
EVERY_KIND = pytest.mark.parametrize("kind", KINDS, ids=repr)
BY_NAME = {kind.name: kind for kind in KINDS}
kinds = st.sampled_from(KINDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rows")


def fitted(kind: Kind, X: Any, y: Any, **params: Any) -> Any:
    """Return an estimator that was fitted on rows of a kind."""
    return fit(kind.net(**params), kind, X, y)


def fit(net: Any, kind: Kind, X: Any, y: Any, method: str = "fit", **more: Any) -> Any:
    """Fit rows of a kind, or fit them further."""
    return getattr(net, method)(*kind.given(X, y), **more)


def state(net: Any) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in net.module_.state_dict().items()}


def moments(net: Any) -> dict[str, torch.Tensor]:
    entries = net.optimizer_.state_dict()["state"]
    return {f"{i}.{name}": value for i, entry in entries.items() for name, value in entry.items()}


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


# ------------------------------------------------------------------ laws, for a kind that is drawn


@given(
    kind=kinds,
    seed=st.integers(0, 99),
    subset=st.integers(1, 3),
    keep=st.sampled_from(["reset", "keep", "mask"]),
    dtype=st.sampled_from(["auto", "float32", "float64"]),
)
def test_1_a_warm_fit_of_zero_epochs_leaves_predictions_bit_identical(
    folder: Path, kind: Kind, seed: int, subset: int, keep: str, dtype: str
) -> None:
    X, codes = kind.draw(seed, folder)
    net = fitted(kind, X, LABELS[codes], warm_start=True, optimizer_state=keep, dtype=dtype)
    before, classes = net.predict_proba(kind.seen(X)), net.classes_
    rng = np.random.default_rng(seed)
    rows = rng.permutation(np.flatnonzero(np.isin(codes, rng.permutation(3)[:subset])))
    fit(net.set_params(max_epochs=0), kind, kind.part(X, rows), LABELS[codes][rows])
    assert np.array_equal(net.predict_proba(kind.seen(X)), before)
    assert np.array_equal(net.classes_, classes)
    assert net.n_iter_ == 0


@given(
    kind=kinds,
    seed=st.integers(0, 99),
    warm_start=st.booleans(),
    early=st.booleans(),
    state_mode=st.sampled_from(["reset", "keep", "mask"]),
)
def test_2_cold_refit_equals_a_fresh_clone_bit_for_bit(
    folder: Path, kind: Kind, seed: int, warm_start: bool, early: bool, state_mode: str
) -> None:
    (A, a), (B, b) = kind.draw(seed, folder), kind.draw(seed + 1, folder, n=57)
    net = kind.net(
        init_policy="cold" if warm_start else "warm",
        warm_start=warm_start,
        early_stopping=early,
        validation_fraction=0.3,
        random_state=seed,
        optimizer_state=state_mode,
    )
    fresh = fit(clone(net), kind, B, LABELS[b])
    again = fit(fit(net, kind, A, LABELS[a]), kind, B, LABELS[b])
    assert equal(state(again), state(fresh))
    assert equal(moments(again), moments(fresh))
    assert again.loss_curve_ == fresh.loss_curve_
    assert len(again.history) == len(fresh.history)
    further = [state(fit(each, kind, B, LABELS[b], "partial_fit")) for each in (again, fresh)]
    assert equal(*further)


@given(kind=kinds, n=st.integers(1, 4), seed=st.integers(0, 99))
def test_3_n_partial_fits_equal_one_fit_of_n_epochs(folder: Path, kind: Kind, n: int, seed: int) -> None:
    X, codes = kind.draw(seed, folder)
    net = kind.net(random_state=seed, max_epochs=n)
    whole = fit(clone(net), kind, X, LABELS[codes])
    for _ in range(n):
        fit(net, kind, X, LABELS[codes], "partial_fit", classes=LABELS)
        net.predict(kind.seen(X))  # looking at it changes nothing
    assert equal(state(net), state(whole))
    assert equal(moments(net), moments(whole))
    assert net.history[:, "train_loss"] == whole.history[:, "train_loss"]


@given(kind=kinds, seed=st.integers(0, 99), method=st.sampled_from(["fit", "partial_fit"]))
def test_5_labels_are_never_lost_and_new_ones_have_fresh_rows(
    folder: Path, kind: Kind, seed: int, method: str
) -> None:
    X, codes = kind.draw(seed, folder)
    few = np.flatnonzero(codes > 0)
    net = fitted(kind, kind.part(X, few), LABELS[codes][few], warm_start=True, schema="adapt")
    old = net.predict_proba(kind.seen(X))
    assert old.shape == (len(codes), 2)
    if method == "fit":
        net.set_params(max_epochs=0)
    fit(net, kind, X, LABELS[codes], method)
    assert np.array_equal(net.classes_, LABELS)
    new = net.predict_proba(kind.seen(X))
    assert new.shape == (len(codes), 3)
    if method == "fit":  # the known labels keep their scores
        np.testing.assert_allclose(new[:, 2] / new[:, 1], old[:, 1] / old[:, 0], rtol=1e-4)
    one = np.flatnonzero(codes == 2)
    fit(net, kind, kind.part(X, one), LABELS[codes][one], method)
    assert np.array_equal(net.classes_, LABELS)
    assert net.predict_proba(kind.seen(X)).shape == (len(codes), 3)


@given(
    kind=kinds,
    seed=st.integers(0, 99),
    policy=st.sampled_from(["cold", "warm", "shrink_perturb"]),
    named=st.booleans(),
)
def test_8_validation_rows_never_trained(folder: Path, kind: Kind, seed: int, policy: str, named: bool) -> None:
    X, codes = kind.draw(seed, folder, n=90)
    named = named or kind.on_disk  # rows on disk have positions, which move when the rows do
    sides: list[tuple[set[int], set[int]]] = []

    class Spy(WarmStartClassifier):
        def get_split_datasets(self, *args: Any, **kwargs: Any) -> Any:
            train, valid = super().get_split_datasets(*args, **kwargs)
            sides.append((row_numbers(train), row_numbers(valid)))
            return train, valid

    def row_numbers(side: Any) -> set[int]:
        """Recognise rows of a side by what it trains on."""
        rows = {content(side[i][0]) for i in range(len(side))}
        return {number[each] for each in rows}

    whole, _ = kind.given(X, codes)
    number = {content(_row(kind, whole, i)): i for i in range(len(codes))}
    net = kind.net(Spy, early_stopping=True, validation_fraction=0.3, warm_start=True, init_policy=policy)
    net.set_params(max_epochs=1, random_state=seed)
    rng = np.random.default_rng(seed)
    for n in (40, 70, 90):
        rows = rng.permutation(90)[:n]
        more = {"sample_id": rows} if named else {}
        fit(net, kind, kind.part(X, rows), LABELS[codes[rows]], **more)
    trained: set[int] = set()
    for train, valid in sides:
        trained |= train
        assert train
        assert valid
        assert not valid & trained


def _row(kind: Kind, rows: Any, i: int) -> Any:
    return rows[i][0] if kind.on_disk else kind.part(rows, slice(i, i + 1))


def content(row: Any) -> bytes:
    """Return what a row holds, in any kind of it."""
    if isinstance(row, torch.Tensor):
        row = row.numpy()
    if hasattr(row, "toarray"):
        row = row.toarray()
    if hasattr(row, "items"):
        return b"".join(content(part) for _, part in sorted(row.items()))
    if isinstance(row, tuple):
        return b"".join(map(content, row))
    return np.asarray(row, dtype=np.float64).tobytes()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sk_warmstart.policies.PlainShrinkWarning")  # no direction helps
@settings(max_examples=8)
@given(kind=kinds, policy=st.sampled_from(policy_names()), seed=st.integers(0, 99))
def test_9_random_labels_score_chance(folder: Path, kind: Kind, policy: str, seed: int) -> None:
    X, _ = kind.draw(seed, folder, n=360)
    y = np.random.default_rng(seed).integers(0, 2, 360)
    net = kind.net(init_policy=policy, max_epochs=5, lr=0.02, batch_size=32)
    donor = np.arange(240, 360)
    own = fit(clone(net).set_params(init_policy="warm"), kind, kind.part(X, donor), y[donor])
    net.set_params(warm_start_from=FrozenEstimator(own))
    right = []
    for fold in range(3):
        held = np.arange(240) % 3 == fold
        rest = np.r_[~held, np.zeros(120, dtype=bool)]
        model = fit(clone(net), kind, kind.part(X, rest), y[rest])
        test = np.r_[held, np.zeros(120, dtype=bool)]
        right += (model.predict(kind.seen(kind.part(X, test))) == y[test]).tolist()
    assert len(right) == 240
    assert abs(np.mean(right) - 0.5) < 4 * 0.5 / 240**0.5


@given(kind=kinds, seed=st.integers(0, 99), policy=st.sampled_from(["warm", "shrink_perturb", "reset_layers"]))
def test_12_a_donor_is_never_changed_and_travels_whole(folder: Path, kind: Kind, seed: int, policy: str) -> None:
    X, codes = kind.draw(seed, folder)
    y = LABELS[codes]
    donor = fitted(kind, X, y)
    before, checkpoint = state(donor), Checkpoint.from_estimator(donor)
    for source in (FrozenEstimator(donor), checkpoint):
        net = kind.net(max_epochs=0, init_policy=policy, warm_start_from=source, random_state=seed)
        start = state(fit(clone(net), kind, X, y))
        fit(fit(clone(net).set_params(max_epochs=2), kind, X, y), kind, X, y, "partial_fit")
        assert equal(state(donor), before)
        assert equal(dict(checkpoint.state), before)
        for twin in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net), clone(net)):
            assert equal(state(fit(twin, kind, X, y)), start)


@EVERY_KIND
def test_12_a_template_is_never_changed(folder: Path, kind: Kind) -> None:
    X, codes = kind.draw(0, folder)
    template = kind.module(n_outputs=3)
    before = {name: tensor.clone() for name, tensor in template.state_dict().items()}
    net = kind.net(module=template, warm_start=True)
    first = state(fit(net, kind, X, codes))
    fit(fit(net, kind, X, codes), kind, X, codes, "partial_fit")
    assert net.module is template
    assert equal(dict(template.state_dict()), before)
    assert not equal(first, before)


# ------------------------------------------------------------------ what an estimator does, for each kind


@pytest.mark.filterwarnings("ignore::sk_warmstart.policies.PlainShrinkWarning")
@pytest.mark.parametrize("policy", policy_names())
@EVERY_KIND
def test_every_policy(folder: Path, kind: Kind, policy: str) -> None:
    X, codes = kind.draw(0, folder)
    y, first = LABELS[codes], np.arange(24)
    net = fitted(kind, kind.part(X, first), y[first], warm_start=True, init_policy=policy)
    fit(net, kind, X, y)
    assert set(net.predict(kind.seen(X))) <= set(LABELS)
    assert np.isfinite(net.start_.loss)
    assert net.start_.policy


@EVERY_KIND
def test_early_stopping_learns_what_can_be_learned(folder: Path, kind: Kind) -> None:
    X, codes = kind.draw(0, folder, n=120)
    y = LABELS[codes]
    net = fitted(kind, X, y, early_stopping=True, max_epochs=40, lr=0.05, validation_fraction=0.3)
    assert {"valid_loss", "valid_acc"} <= net.history[-1].keys()
    assert np.mean(net.predict(kind.seen(X)) == y) > 0.7
    assert net.score(kind.seen(X), y) == np.mean(net.predict(kind.seen(X)) == y)


@EVERY_KIND
def test_validation_rows_of_ones_own(folder: Path, kind: Kind) -> None:
    X, codes = kind.draw(0, folder)
    valid = np.arange(48) % 3 == 0
    given, y = kind.given(kind.part(X, ~valid), LABELS[codes[~valid]])
    given_val, y_val = kind.given(kind.part(X, valid), LABELS[codes[valid]])
    net = kind.net(early_stopping=True).fit(given, y, X_val=given_val, y_val=y_val)
    accuracy = np.mean(net.predict(kind.seen(kind.part(X, valid))) == LABELS[codes[valid]])
    assert np.isclose(max(net.history[:, "valid_acc"]), accuracy) or net.start_.score == accuracy


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.on_disk], ids=repr)
def test_a_row_of_weight_two_counts_as_two_rows(folder: Path, kind: Kind) -> None:
    X, codes = kind.draw(0, folder)
    double = np.r_[np.arange(48), np.flatnonzero(codes == 1)]
    common = {"dtype": "float64", "max_epochs": 4, "batch_size": 128, "optimizer": torch.optim.SGD}
    if kind.name == "images":
        common["module"] = WithoutNorm  # the statistics of a batch know no weights
    weighed = fit(kind.net(**common), kind, X, codes, sample_weight=1.0 + (codes == 1))
    doubled = fitted(kind, kind.part(X, double), codes[double], **common)
    outputs = [net.predict_proba(kind.seen(X)) for net in (weighed, doubled, fitted(kind, X, codes, **common))]
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-9)
    assert not np.allclose(outputs[0], outputs[2], rtol=1e-6)


@EVERY_KIND
def test_class_weights(folder: Path, kind: Kind) -> None:
    X, codes = kind.draw(0, folder)
    plain, weighed = (
        fitted(kind, X, LABELS[codes], max_epochs=10, class_weight=weight)
        for weight in (None, {"ant": 1.0, "bee": 20.0, "cat": 1.0})
    )
    shares = [net.predict_proba(kind.seen(X))[:, 1].mean() for net in (plain, weighed)]
    assert shares[1] > shares[0] + 0.02


@EVERY_KIND
def test_numbers_as_targets(folder: Path, kind: Kind) -> None:
    X, codes = kind.draw(0, folder)
    y = codes.astype(np.float32)
    net = fit(kind.net(WarmStartRegressor, warm_start=True, early_stopping=True), kind, X, y)
    fit(net, kind, X, y, "partial_fit")
    assert net.predict(kind.seen(X)).shape == (48,)


@EVERY_KIND
def test_scores_of_a_donors_rows_are_no_secret(folder: Path, kind: Kind) -> None:
    X, codes = kind.draw(0, folder)
    y, first, rest = LABELS[codes], np.arange(24), np.arange(24, 48)
    donor = fitted(kind, kind.part(X, first), y[first])
    net = fit(kind.net(warm_start_from=FrozenEstimator(donor)), kind, kind.part(X, rest), y[rest])
    net.score(kind.seen(kind.part(X, rest)), y[rest])
    if not kind.on_disk:  # such rows are known by their sample_id
        with pytest.warns(LeakageWarning, match="100.0%"):
            net.score(kind.seen(kind.part(X, first)), y[first])


def test_a_checkpoint_predicts_in_another_process(folder: Path) -> None:
    expected = {}
    for kind in KINDS:
        X, codes = kind.draw(7, folder)
        net = fitted(kind, X, LABELS[codes])
        Checkpoint.from_estimator(net).save(folder / f"{kind}.safetensors")
        expected[kind.name] = net.predict_proba(kind.seen(X))
    script = """
import sys
from pathlib import Path
import numpy as np
from helpers import KINDS
from sk_warmstart import Checkpoint

folder = Path(sys.argv[1])
found = {}
for kind in KINDS:
    X, _ = kind.draw(7, folder)
    net = Checkpoint.load(folder / f"{kind}.safetensors").to_estimator(kind.net())
    assert net.classes_.tolist() == ["ant", "bee", "cat"], kind
    found[kind.name] = net.predict_proba(kind.seen(X))
np.savez(folder / "found.npz", **found)
"""
    tests = Path(__file__).parents[1]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent)])}
    done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    found = np.load(folder / "found.npz")
    for name, outputs in expected.items():
        assert np.array_equal(found[name], outputs), name


# ------------------------------------------------------------------ kinds that say the same


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("policy", ["warm", "shrink_perturb", "linear_probe"])
def test_an_array_and_the_same_numbers_in_a_dictionary_train_alike(folder: Path, policy: str, early: bool) -> None:
    outputs, losses = [], []
    for kind in (BY_NAME["array"], BY_NAME["one_part"]):
        X, codes = kind.draw(0, folder)
        net = fitted(kind, X, LABELS[codes], warm_start=True, early_stopping=early, init_policy=policy)
        fit(net, kind, X, LABELS[codes])
        fit(net, kind, X, LABELS[codes], "partial_fit")
        outputs.append(net.predict_proba(X))
        losses.append(net.loss_curve_)
    assert np.array_equal(*outputs)
    assert losses[0] == losses[1]


def test_a_network_looks_at_whole_numbers_as_whole_numbers_and_at_bytes_as_numbers(folder: Path) -> None:
    seen: dict[str, list[torch.dtype]] = {"categories": [], "numbers": [], "images": []}

    class Mixed(NumbersAndCategories):
        def forward(self, numbers: torch.Tensor, categories: torch.Tensor) -> torch.Tensor:
            seen["numbers"].append(numbers.dtype)
            seen["categories"].append(categories.dtype)
            return super().forward(numbers, categories)

    class Images(Convolution):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen["images"].append(images.dtype)
            return super().forward(images)

    for name, module in (("numbers_and_categories", Mixed), ("images", Images)):
        kind = BY_NAME[name]
        X, codes = kind.draw(0, folder)
        net = fitted(kind, X, codes, module=module, dtype="float64", early_stopping=True)
        net.predict(X)
    assert set(seen["numbers"]) == {torch.float64}
    assert set(seen["categories"]) == {torch.int64}
    assert set(seen["images"]) == {torch.float64}


class WithoutNorm(Convolution):
    """The convolution without batch normalisation."""

    def __init__(self, n_outputs: int):
        super().__init__(n_outputs)
        self.norm = nn.Identity()
