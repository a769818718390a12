"""Donors that are none, do not fit, or hold no numbers."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator

from sk_warmstart import Checkpoint, CheckpointError, CheckpointStore, Pretrained, WarmStartClassifier
from sk_warmstart.policies import BestOf, policy_names

from ._case import Call, Case, Group, literal_of
from ._subjects import LABELS, SMALL, X, both, classifier, target_of
from .parameters import set_and_fit


def spoiled(net: Any) -> Any:
    """Return a net with a weight that is NaN."""
    with torch.no_grad():
        net.module_.output.weight[0, 0] = float("nan")
    return net


def _file(name: str, content: Any) -> Call:
    """Start from a file with this content; it lies in the working folder."""

    def call(net: Any) -> Any:
        whole = b"" if content is None else content(Checkpoint.from_estimator(net))
        Path(name).write_bytes(whole)
        return net.set_params(warm_start_from=name).fit(X, target_of(net))

    return call


def _bytes_of(checkpoint: Checkpoint) -> bytes:
    checkpoint.save("whole.safetensors")
    return Path("whole.safetensors").read_bytes()


def _flipped(checkpoint: Checkpoint) -> bytes:
    content = bytearray(_bytes_of(checkpoint))
    content[-3] ^= 1
    return bytes(content)


def _pickled(checkpoint: Checkpoint) -> bytes:
    torch.save({"weight": torch.ones(2)}, "module.pt")
    return Path("module.pt").read_bytes()


def _from(make: Any, **params: Any) -> Call:
    return lambda net: net.set_params(warm_start_from=make(), **params).fit(X, target_of(net))


def _partially(make: Any, **params: Any) -> Call:
    """A stream of partial fits that begins with a donor."""

    def call(net: Any) -> Any:
        new = WarmStartClassifier(warm_start_from=make(), **SMALL).set_params(**params)
        return new.partial_fit(X, LABELS)

    return call


def _frozen(*columns: int, **params: Any) -> FrozenEstimator:
    rows = X[:, columns] if columns else X
    return FrozenEstimator(WarmStartClassifier(**{**SMALL, **params}).fit(rows, LABELS))


def _bad_frozen() -> FrozenEstimator:
    return FrozenEstimator(spoiled(classifier()))


def _bad_checkpoint() -> Checkpoint:
    return Checkpoint.from_estimator(spoiled(classifier()))


class _Runs:
    """Would write a file, if a pickle of it were loaded."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("it_ran"),)


def _weights(net: Any) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in net.module_.state_dict().items()}


def _pretrained(change: Any, **params: Any) -> Call:
    """Start from changed weights of the net itself, as those of another module."""

    def call(net: Any) -> Any:
        return net.set_params(warm_start_from=Pretrained(change(_weights(net)), **params)).fit(X, target_of(net))

    return call


def _weights_file(name: str, write: Any, given: Any = Pretrained) -> Call:
    """Start from a file of another library; it lies in the working folder."""

    def call(net: Any) -> Any:
        write(_weights(net), name)
        if Path("it_ran").exists():
            raise RuntimeError("code of a file was run")
        return net.set_params(warm_start_from=given(name)).fit(X, target_of(net))

    return call


def _cut(weights: Any, name: str) -> None:
    save_file(weights, name)
    Path(name).write_bytes(Path(name).read_bytes()[:-8])


def _swapped(given: Any) -> Call:
    """A file that changes between the making of the donor and the fit."""

    def call(net: Any) -> Any:
        save_file(_weights(net), "swapped.safetensors")
        donor = given("swapped.safetensors")
        save_file({name: tensor + 1 for name, tensor in _weights(net).items()}, "swapped.safetensors")
        return net.set_params(warm_start_from=donor).fit(X, target_of(net))

    return call


_NAN = "has weights that are NaN or infinite: output.weight"
NONE = [
    *(
        Case(f"warm_start_from={literal_of(value)}", set_and_fit(warm_start_from=value), error, words)
        for value, error, words in [
            (3, TypeError, "warm_start_from must be a Checkpoint, a path to one"),
            (object(), TypeError, "warm_start_from must be a Checkpoint, a path to one"),
            ("missing.safetensors", CheckpointError, "cannot open missing.safetensors"),
            (WarmStartClassifier(), ValueError, "warm_start_from holds an unfitted WarmStartClassifier"),
            (WarmStartClassifier, TypeError, "warm_start_from must be a Checkpoint, a path to one"),
            (FrozenEstimator(WarmStartClassifier()), ValueError, "warm_start_from holds an unfitted"),
        ]
    ),
    Case(
        "warm_start_from=a store",
        _from(lambda: CheckpointStore("store")),
        TypeError,
        "say which checkpoint: store.get('latest')",
    ),
    Case(
        "warm_start_from=FrozenEstimator(a forest)",
        _from(lambda: FrozenEstimator(RandomForestClassifier(2).fit(X, LABELS))),
        TypeError,
        "which has no torch network to start from",
    ),
    *(
        Case(f"warm_start_from={what}", _file(name, content), CheckpointError, words)
        for what, name, content, words in [
            ("an empty file", "empty.safetensors", None, "it is empty or was cut off"),
            ("a file cut off", "cut.safetensors", lambda c: _bytes_of(c)[:-100], "it is damaged"),
            ("a file with a bit flipped", "flipped.safetensors", _flipped, "use another copy"),
            ("a text file", "notes.txt", lambda c: b"some words, and no network", "is no checkpoint"),
            ("a pickle of torch's", "model.pt", _pickled, "is not read here"),
        ]
    ),
    Case("warm_start_from=a folder", set_and_fit(warm_start_from="."), CheckpointError, "cannot open ."),
]
MISFIT = [
    Case("a donor of 3 columns", _from(lambda: _frozen(0, 1, 2)), words="expecting 3 features"),
    Case(
        "a donor with other hidden layers",
        _from(lambda: _frozen(module__hidden_layer_sizes=(9,))),
        words="schema",
    ),
    Case(
        "a donor with another optimiser, optimizer_state='keep'",
        _from(lambda: _frozen(optimizer=torch.optim.SGD), optimizer_state="keep"),
        words="optimizer_state='keep' cannot turn the state of SGD into one of AdamW",
    ),
]
_AFTER = ("cold",)
NO_NUMBERS = [
    *(
        Case(
            f"a donor with NaN weights, init_policy={name!r}",
            _from(_bad_frozen, init_policy=name),
            None if name in _AFTER else ValueError,
            "" if name in _AFTER else f"the donor from warm_start_from {_NAN}",
        )
        for name in policy_names()
    ),
    Case("a checkpoint with NaN weights", _from(_bad_checkpoint), words=f"the donor from warm_start_from {_NAN}"),
    Case("partial_fit from a donor with NaN weights", _partially(_bad_frozen), words=_NAN),
    Case(
        "a source of BestOf with NaN weights",
        _from(_frozen, init_policy=BestOf(sources=[_bad_checkpoint()])),
        words=f"the donor from the policy's sources {_NAN}",
    ),
]
OTHER_MODULE = [
    Case(
        "Pretrained of a pickle that would run code",
        _weights_file("evil.pth", lambda weights, name: torch.save({**weights, "extra": _Runs()}, name)),
        CheckpointError,
        "could run code, so it is not read",
    ),
    Case("Pretrained of a file cut off", _weights_file("cut.safetensors", _cut), CheckpointError, "cut off"),
    Case("a path of such a file", _weights_file("cut.safetensors", _cut, str), CheckpointError, "cut off"),
    Case(
        "a path of an index of several files",
        _weights_file("model.safetensors.index.json", lambda weights, name: Path(name).write_text("{}"), str),
        CheckpointError,
        "split over several files",
    ),
    Case(
        "Pretrained of a folder without weights",
        _weights_file("folder", lambda weights, name: Path(name).mkdir(exist_ok=True)),
        CheckpointError,
        "must hold one .safetensors file",
    ),
    Case(
        "Pretrained of no file",
        _weights_file("missing.pth", lambda weights, name: None),
        CheckpointError,
        "cannot open",
    ),
    Case("Pretrained of a file that changed", _swapped(Pretrained), CheckpointError, "has changed since"),
    Case(
        "Pretrained of another architecture",
        _pretrained(lambda weights: {"conv.weight": torch.ones(3, 3, 3, 3)}),
        words="it seems to be a network of another kind",
    ),
    Case(
        "Pretrained whose names lack a part",
        _pretrained(lambda weights: {name.removeprefix("hidden."): each for name, each in weights.items()}),
        words="would match",
    ),
    Case(
        "Pretrained with a prefix too many",
        _pretrained(dict, prefix="body"),
        words="The network lacks hidden.0.weight",
    ),
    Case(
        "Pretrained with NaN weights",
        _pretrained(lambda weights: {name: each * float("nan") for name, each in weights.items()}),
        words="the donor from warm_start_from has weights that are NaN or infinite: hidden.0.weight",
    ),
    Case(
        "Pretrained of whole numbers",
        _pretrained(lambda weights: {name: each.to(torch.int8) for name, each in weights.items()}),
        words="holds torch.int8, and the network's",
    ),
    Case(
        "Pretrained of shapes that would broadcast",
        _pretrained(lambda weights: {name: each[None] for name, each in weights.items()}),
        words="not of the same shape",
    ),
    Case("Pretrained of itself", _pretrained(dict), None),
]
OWN = [
    Case(
        "its own weights are NaN",
        set_and_fit(warm_start=True),
        words=f"the estimator's own last state {_NAN}",
    ),
    Case("its own weights are NaN, a cold start", set_and_fit(warm_start=False), None),
]

GROUPS = [
    Group("donors that are none", both(), NONE),
    Group("donors that do not fit", {"classifier": classifier}, MISFIT),
    Group("donors of another module", {"classifier": classifier}, OTHER_MODULE),
    Group("donors without numbers", {"classifier": classifier}, NO_NUMBERS),
    Group("a net without numbers", {"classifier": functools.partial(lambda: spoiled(classifier()))}, OWN),
]
