"""What an estimator knows, as one value and one file."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.donors import assert_same, assert_same_state
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from skorch.callbacks import LRScheduler
from torch import Tensor, nn

from sk_warmstart import WarmStartClassifier, WarmStartRegressor
from sk_warmstart.modules import MLP
from sk_warmstart.state import (
    Checkpoint,
    CheckpointError,
    Donor,
    Lineage,
    NetState,
    OptimizerState,
    Schema,
    donor_of,
)

X = np.sin(np.arange(120.0)).reshape(40, 3) * [1, 10, 100] + [0, 5, -50]
Y = np.array(["ash", "oak", "yew"])[(np.arange(40) * 7) % 3]


def everything(**params: Any) -> WarmStartClassifier:
    """A net that has something of all that there is to keep."""
    net = WarmStartClassifier(
        module__hidden_layer_sizes=(6,),
        module__norm="batch",
        module__dropout=0.2,
        standardize=True,
        max_epochs=3,
        lr=0.01,
        batch_size=16,
        callbacks=[("decay", LRScheduler("StepLR", step_size=2, gamma=0.5))],
        random_state=0,
        warm_start=True,
        **params,
    )
    return net.fit(X, Y).fit(X[:30], Y[:30]).partial_fit(X[30:], Y[30:])


@pytest.fixture(scope="module")
def net() -> WarmStartClassifier:
    return everything()


def test_every_field_survives(net: WarmStartClassifier, tmp_path: Path) -> None:
    given, checkpoint = donor_of(net), Checkpoint.from_estimator(net)
    checkpoint.save(tmp_path / "a.safetensors")
    loaded = Checkpoint.load(str(tmp_path / "a.safetensors"))
    for one in (checkpoint, loaded, pickle.loads(pickle.dumps(loaded))):
        assert one == checkpoint
        assert hash(one) == hash(checkpoint)
        assert_same(given, one.donor())
    again = Checkpoint.from_donor(loaded.donor())
    assert again.id == checkpoint.id
    assert_same(given, again.donor())
    # Nothing of this is trivially equal.
    assert given.origin is not None
    assert given.optimizer is not None
    assert len(given.optimizer.moments) == 6
    assert given.schedule["decay"]["last_epoch"] > 0
    assert given.lineage.generation == 1
    assert given.lineage.parent
    assert len(given.memory.own) > 0
    assert len(given.memory.ancestors) > 0
    assert given.streams
    assert given.features is not None
    assert given.scaler is not None


def test_what_it_says_of_itself(net: WarmStartClassifier) -> None:
    checkpoint = Checkpoint.from_estimator(net)
    assert checkpoint.id == donor_of(net).id == Checkpoint.from_estimator(net).id
    assert checkpoint.parent == net.start_.donor_id == checkpoint.lineage["parent"]
    assert checkpoint.classes is not None
    assert checkpoint.classes.tolist() == ["ash", "oak", "yew"]
    assert (checkpoint.n_features, checkpoint.feature_names, checkpoint.dtype) == (3, None, "float64")
    assert checkpoint.module["class"] == "sk_warmstart.modules._mlp.MLP"
    assert checkpoint.module["params"]["hidden_layer_sizes"] == [6]
    assert checkpoint.lineage["rows_seen"] == 80
    assert set(checkpoint.versions) == {"python", "torch", "scikit-learn", "numpy"}
    assert checkpoint.created.endswith("+00:00")
    assert checkpoint.nbytes == len(checkpoint._raw)
    assert repr(checkpoint) == (
        f"Checkpoint({checkpoint.id}: sk_warmstart.modules._mlp.MLP, 3 features, 3 classes, 40 rows)"
    )


def test_later_training_does_not_touch_it() -> None:
    net = everything()
    checkpoint, before = Checkpoint.from_estimator(net), donor_of(net)
    net.partial_fit(X, Y)
    net.fit(X, Y)
    assert_same(before, checkpoint.donor())
    assert donor_of(net).id != checkpoint.id


def test_it_cannot_be_changed(net: WarmStartClassifier) -> None:
    checkpoint = Checkpoint.from_estimator(net)
    before, words = checkpoint.donor(), copy.deepcopy(checkpoint._meta)
    for name in ("id", "classes", "lineage", "_raw", "_meta", "anything"):
        with pytest.raises(AttributeError, match="a Checkpoint is immutable"):
            setattr(checkpoint, name, None)
    handed = checkpoint.donor()
    for state in (handed.state, handed.origin, checkpoint.state):
        assert state is not None
        for tensor in state.values():
            tensor.zero_()
    assert handed.optimizer is not None
    for entry in handed.optimizer.moments.values():
        entry["exp_avg"].add_(1)
        entry.clear()
    handed.optimizer.groups[0].clear()
    for told in (
        checkpoint.lineage,
        checkpoint.module,
        handed.lineage.params,
        handed.schedule,
        handed.description,
    ):
        assert isinstance(told, dict)
        for value in told.values():
            if isinstance(value, dict):
                value["changed"] = 1
        told["changed"] = 1
    checkpoint.versions.clear()
    assert checkpoint.classes is not None
    checkpoint.classes[:] = "x"
    assert checkpoint._meta == words
    assert_same(before, checkpoint.donor())


def test_copies_are_the_same_object(net: WarmStartClassifier) -> None:
    checkpoint = Checkpoint.from_estimator(net)
    assert clone(checkpoint) is copy.copy(checkpoint) is copy.deepcopy(checkpoint) is checkpoint
    warm = WarmStartClassifier(warm_start_from=checkpoint)
    assert clone(warm).warm_start_from is checkpoint
    other = Checkpoint.from_estimator(everything(optimizer__weight_decay=0.5))
    assert checkpoint != other
    assert checkpoint != "text"
    assert len({checkpoint, pickle.loads(pickle.dumps(checkpoint)), other}) == 2


def test_all_that_holds_a_network(net: WarmStartClassifier) -> None:
    number = donor_of(net).id
    search = GridSearchCV(WarmStartClassifier(max_epochs=1, random_state=0), {"lr": [0.1, 0.01]}, cv=2).fit(X, Y)
    pipeline = make_pipeline(StandardScaler(), WarmStartClassifier(max_epochs=1, random_state=0)).fit(X, Y)
    assert Checkpoint.from_estimator(FrozenEstimator(net)).id == number
    assert Checkpoint.from_estimator(search).id == donor_of(search.best_estimator_).id
    assert Checkpoint.from_estimator(FrozenEstimator(search)).id == donor_of(search.best_estimator_).id
    with pytest.warns(UserWarning, match="not the steps before it"):
        assert Checkpoint.from_estimator(pipeline).id == donor_of(pipeline[-1]).id
    assert Checkpoint.from_estimator(make_pipeline("passthrough", FrozenEstimator(net))).id == number


def test_a_regressor() -> None:
    target = pd.DataFrame({"u": X[:, 0], "v": X.sum(1)})
    table = pd.DataFrame(X, columns=["a", "b", "c"])
    net = WarmStartRegressor(max_epochs=2, random_state=0).fit(table, target)
    checkpoint = Checkpoint.from_estimator(net)
    assert_same(donor_of(net), checkpoint.donor())
    assert checkpoint.classes is None
    assert checkpoint.feature_names == ("a", "b", "c")
    assert "3 features, 40 rows" in repr(checkpoint)
    warm = WarmStartRegressor(warm_start_from=checkpoint, max_epochs=0).fit(table, target)
    assert np.array_equal(warm.predict(table), net.predict(table))


def test_a_plain_skorch_net() -> None:
    rows, codes = X.astype(np.float32), (np.arange(40) % 3).astype(np.int64)
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3))
    theirs = NeuralNetClassifier(
        module, criterion=nn.CrossEntropyLoss, max_epochs=2, verbose=0, train_split=None, optimizer__momentum=0.9
    ).fit(rows, codes)
    checkpoint = Checkpoint.from_estimator(theirs)
    assert_same(donor_of(theirs), checkpoint.donor())
    assert checkpoint.classes is not None
    assert checkpoint.classes.tolist() == [0, 1, 2]
    ours = WarmStartClassifier(module, warm_start_from=checkpoint, max_epochs=0).fit(rows, codes)
    np.testing.assert_allclose(ours.predict_proba(rows), theirs.predict_proba(rows))


def test_a_net_that_was_initialised_by_hand() -> None:
    net: Any = WarmStartClassifier(nn.Linear(3, 3), random_state=0).initialize()
    checkpoint = Checkpoint.from_estimator(net)
    assert torch.equal(checkpoint.state["weight"], net.module_.weight)
    assert checkpoint.classes is None


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        (WarmStartClassifier(), ValueError, "the WarmStartClassifier is not fitted: call fit first"),
        (NeuralNetClassifier(MLP), ValueError, "the NeuralNetClassifier is not fitted"),
        (FrozenEstimator(WarmStartClassifier()), ValueError, "the WarmStartClassifier is not fitted"),
        (
            make_pipeline(StandardScaler(), WarmStartClassifier()),
            ValueError,
            "the WarmStartClassifier is not fitted",
        ),
        (
            GridSearchCV(WarmStartClassifier(), {}),
            ValueError,
            r"has no best_estimator_: call fit first, with refit",
        ),
        (LogisticRegression(), TypeError, "a LogisticRegression holds no torch network"),
        (make_pipeline(LogisticRegression()), TypeError, "a LogisticRegression holds no torch network"),
        (make_pipeline(WarmStartClassifier(), "passthrough"), TypeError, "a str holds no torch network"),
        (nn.Linear(1, 1), TypeError, "a Linear holds no torch network"),
        ("path", TypeError, "a str holds no torch network"),
        (None, TypeError, "a NoneType holds no torch network"),
    ],
)
def test_sources_without_knowledge(source: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Checkpoint.from_estimator(source)


class Tied(nn.Module):
    a: nn.Linear
    b: nn.Linear

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(3, 3), nn.Linear(3, 3, bias=False), nn.Linear(3, 3)
        self.b.weight = self.a.weight
        f16 = torch.randn(3).half()
        self.register_buffer("f16", f16)
        self.register_buffer("bf16", torch.randn(3).bfloat16())
        self.register_buffer("counts", torch.tensor([-1, 2**62]))
        self.register_buffer("small", torch.tensor([255], dtype=torch.uint8))
        self.register_buffer("wide", torch.arange(3).to(torch.uint16))
        self.register_buffer("flags", torch.tensor([True, False]))
        self.register_buffer("empty", torch.zeros(0, 4))
        self.register_buffer("scalar", torch.tensor(float("nan")))
        self.register_buffer("same", f16)
        self.register_buffer("strided", torch.arange(6.0).reshape(2, 3).T)

    def forward(self, rows: Tensor) -> Tensor:
        return self.c(self.b(torch.relu(self.a(rows))))


def test_ties_and_dtypes_survive(tmp_path: Path) -> None:
    given, path = NetState.from_module(Tied()), tmp_path / "tied.safetensors"
    Checkpoint.from_donor(Donor(given, origin=given)).save(path)
    loaded = Checkpoint.load(path).donor()
    for state in (loaded.state, loaded.origin):
        assert_same_state(given, state)
        assert state is not None
        assert state["a.weight"] is state["b.weight"]
        assert state["f16"] is state["same"]
        assert {str(tensor.dtype).removeprefix("torch.") for tensor in state.values()} == {
            "float32", "float16", "bfloat16", "int64", "uint8", "uint16", "bool",
        }  # fmt: skip


def test_a_tied_network_starts_tied() -> None:
    rows = X.astype(np.float32)
    net = WarmStartClassifier(Tied, max_epochs=2, random_state=0).fit(rows, Y)
    checkpoint = Checkpoint.from_estimator(net)
    assert_same(donor_of(net), checkpoint.donor())
    warm: Any = WarmStartClassifier(Tied, warm_start_from=checkpoint, max_epochs=0).fit(rows, Y)
    assert warm.module_.a.weight is warm.module_.b.weight
    assert np.array_equal(warm.predict_proba(rows), net.predict_proba(rows))


def test_labels_and_numbers_that_have_no_place_in_a_file() -> None:
    state = NetState({"w": torch.ones(1)}, {"w"})
    odd = np.empty(1, dtype=object)
    odd[0] = (1, 2)
    with pytest.raises(CheckpointError, match=r"the label \(1, 2\) of type tuple cannot be stored"):
        Checkpoint.from_donor(Donor(state, Schema(classes=odd)))
    line = Lineage(params={"rule": nn.ReLU, "at": float("inf")}, scores={"valid_score": float("nan")})
    told = Checkpoint.from_donor(Donor(state, lineage=line, description={"a": object})).lineage
    assert told["params"] == {"rule": "torch.nn.modules.activation.ReLU", "at": "inf"}
    optimizer = OptimizerState("SGD", {}, ({"lr": torch.tensor(0.5), "hook": print, "betas": (0.1, 0.2)},))
    kept = Checkpoint.from_donor(Donor(state, optimizer=optimizer)).donor().optimizer
    assert kept is not None
    assert kept.groups == ({"lr": 0.5, "betas": (0.1, 0.2)},)


_ELSEWHERE = """
import sys
import numpy as np
from sk_warmstart import Checkpoint, WarmStartClassifier
checkpoint = Checkpoint.load(sys.argv[1])
X, y = np.load(sys.argv[2]), np.array(["ash", "oak", "yew"])
net = WarmStartClassifier(module__hidden_layer_sizes=(6,), module__norm="batch", module__dropout=0.2, max_epochs=0,
                          standardize=True, warm_start_from=sys.argv[1]).fit(X, y[np.arange(len(X)) % 3])
print(checkpoint.id, net.start_.donor_id, net.predict_proba(X).tobytes().hex())
"""


def test_another_process_reads_the_same(net: WarmStartClassifier, tmp_path: Path) -> None:
    checkpoint = Checkpoint.from_estimator(net)
    checkpoint.save(tmp_path / "a.safetensors")
    np.save(tmp_path / "X.npy", X)
    arguments = [str(tmp_path / "a.safetensors"), str(tmp_path / "X.npy")]
    told = subprocess.run([sys.executable, "-c", _ELSEWHERE, *arguments], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    warm = net_from(checkpoint).fit(X, Y)
    assert told.stdout.split() == [checkpoint.id, checkpoint.id, warm.predict_proba(X).tobytes().hex()]
    # The same statistics of the inputs: not only the same start, but the net itself.
    assert np.abs(warm.predict_proba(X) - net.predict_proba(X)).max() < 1e-9


def net_from(source: Any, **params: Any) -> WarmStartClassifier:
    settings = {"max_epochs": 0, "standardize": True, "module__hidden_layer_sizes": (6,)}
    settings.update(module__norm="batch", module__dropout=0.2, warm_start_from=source)
    return WarmStartClassifier(**{**settings, **params})


@pytest.mark.slow
def test_a_search_in_several_processes(net: WarmStartClassifier, tmp_path: Path) -> None:
    checkpoint = Checkpoint.from_estimator(net)
    checkpoint.save(tmp_path / "a.safetensors")
    grid = {"warm_start_from": [None, checkpoint, tmp_path / "a.safetensors"], "max_epochs": [0, 1]}
    estimator = net_from(checkpoint, random_state=0)
    # On rows of their own: what the donor was trained on would be warned of.
    scores = [
        GridSearchCV(estimator, grid, cv=2, n_jobs=n, refit=False).fit(X + 1, Y).cv_results_["mean_test_score"]
        for n in (None, 2)
    ]
    assert np.array_equal(*scores)
    by_object, by_path = np.array(scores[0]).reshape(2, 3)[:, 1:].T  # max_epochs varies slowest
    assert np.array_equal(by_object, by_path)


@pytest.mark.slow
def test_workers_share_one_copy() -> None:
    state = NetState({"w": torch.zeros(400_000)}, {"w"})
    checkpoint = Checkpoint.from_donor(Donor(state))

    def task(estimator: Any) -> tuple[int, str | None, bool, bool]:
        import os

        base = raw = estimator.warm_start_from._raw
        while base is not None and not isinstance(base, np.memmap):
            base = base.base
        ok = estimator.warm_start_from.state["w"].shape == (400_000,)
        return os.getpid(), None if base is None else str(base.filename), raw.flags.writeable, ok

    told = Parallel(n_jobs=2, backend="loky")(
        delayed(task)(WarmStartClassifier(warm_start_from=checkpoint, random_state=i)) for i in range(20)
    )
    assert len(told) == 20
    assert all(ok and not writeable for _, _, writeable, ok in told)
    # One file for all of them, in every process.
    assert len({name for _, name, _, _ in told}) == 1
    assert told[0][1] is not None
