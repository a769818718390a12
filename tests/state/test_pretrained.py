"""Pretrained weights: where they come from, their names, their identity, and files that are none."""

from __future__ import annotations

import copy
import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from sklearn.base import clone
from torch import Tensor, nn

from sk_warmstart import Checkpoint, CheckpointError, Pretrained, WarmStartClassifier
from sk_warmstart.state import NetState, interpolate, soup
from sk_warmstart.state._alignment import match_names
from sk_warmstart.state._names import NameRule, propose


def module(width: int = 4) -> nn.Module:
    torch.manual_seed(width)
    return nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width), nn.Linear(width, 2))


def weights() -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module().state_dict().items()}


def same(a: Any, b: Any) -> bool:
    return set(a) == set(b) and all(torch.equal(a[name], b[name]) for name in a)


def file_of(folder: Path, ending: str, content: Any = None) -> Path:
    path = folder / f"model{ending}"
    if ending == ".safetensors":
        save_file(weights() if content is None else content, path)
    else:
        torch.save(weights() if content is None else content, path)
    return path


@pytest.mark.parametrize("ending", [".safetensors", ".pt", ".pth", ".bin"])
def test_every_source_of_the_same_tensors_is_equal(tmp_path: Path, ending: str) -> None:
    path = file_of(tmp_path, ending)
    from_module = Pretrained(module())
    for source in (path, str(path), weights(), OrderedDict(weights()), NetState.from_module(module())):
        other = Pretrained(source)
        assert same(other.state, weights())
        assert other == from_module
        assert hash(other) == hash(from_module)
        assert other.id == from_module.id == other.donor().id
        assert len(other.id) == 16
    assert Pretrained(path, prefix="a") != from_module
    assert Pretrained(module(5)) != from_module
    assert Pretrained(path).path == path
    assert from_module.path is None


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict"])
def test_the_state_dict_is_found_inside_of_what_scripts_save(tmp_path: Path, key: str) -> None:
    saved = {"epoch": 3, "best": torch.tensor(0.5), key: weights(), "optimizer": {"state": {}, "lr": 0.1}}
    assert same(Pretrained(file_of(tmp_path, ".pth", saved)).state, weights())
    assert same(Pretrained(file_of(tmp_path, ".pth", {"model": saved})).state, weights())
    assert same(Pretrained(saved).state, weights())


def test_old_files_of_torch_are_read_too(tmp_path: Path) -> None:
    torch.save(weights(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert same(Pretrained(tmp_path / "old.pth").state, weights())


def test_a_folder_of_hugging_face_is_its_only_file(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="which must hold one"):
        Pretrained(tmp_path)
    torch.save(weights(), tmp_path / "pytorch_model.bin")
    assert same(Pretrained(tmp_path).state, weights())
    path = file_of(tmp_path, ".safetensors")
    assert Pretrained(tmp_path).path == path
    save_file(weights(), tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match=r"holds model.safetensors, other.safetensors|must hold one"):
        Pretrained(tmp_path)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text("{}")
    for source in (tmp_path, index):
        with pytest.raises(CheckpointError, match="split over several files: load the model with its library"):
            Pretrained(source)


def test_names_are_renamed_and_then_prefixed() -> None:
    rule = NameRule(
        "body.", {"module.bert": "", "module.bert.pooler": "top", "head": None, "module.bert.a.x": "b.y"}
    )
    assert rule("module.bert.layer.0.weight") == "body.layer.0.weight"
    assert rule("module.bert.pooler.bias") == "body.top.bias"
    assert rule("head.weight") is None
    assert rule("header.weight") == "body.header.weight"
    assert rule("module.bert.a.x") == "body.b.y"
    assert rule("module.bertha.weight") == "body.module.bertha.weight"
    assert NameRule("body")("a") == NameRule("body.")("a") == "body.a"
    assert NameRule(rename={"old.": "new"})("old.a") == NameRule(rename={"old": "new."})("old.a") == "new.a"


_NAMES = st.lists(st.sampled_from(["a", "b", "0", "1", "encoder", "layer"]), min_size=1, max_size=3).map(".".join)


@given(st.lists(_NAMES, min_size=1, max_size=5, unique=True), _NAMES, _NAMES)
def test_the_rule_that_is_missing_is_found(names: list[str], old: str, new: str) -> None:
    source = {f"{old}.{name}": torch.ones(i + 2) for i, name in enumerate(names)}
    network = {f"{new}.{name}": torch.ones(i + 2) for i, name in enumerate(names)}
    found = propose(source, network)
    assert found is not None
    rule, share = found
    assert share == 1
    assert {rule(name) for name in source} == set(network)


def test_nothing_is_proposed_where_nothing_fits() -> None:
    assert propose({"a.weight": torch.ones(3)}, {"b.weight": torch.ones(4)}) is None


def test_it_cannot_be_changed_and_does_not_follow_its_source() -> None:
    source = module()
    pretrained, before = Pretrained(source), copy.deepcopy(source.state_dict())
    with torch.no_grad():
        source[0].weight.zero_()
    assert same(pretrained.state, before)
    pretrained.state["0.weight"].zero_()
    pretrained.donor().state["0.weight"].zero_()
    pretrained.rename["a"] = "b"
    assert same(pretrained.state, before)
    assert pretrained.rename == {}
    for name in ("prefix", "_path", "new"):
        with pytest.raises(AttributeError):
            setattr(pretrained, name, "x")


def test_copies_are_the_same_object_and_pickles_are_equal(tmp_path: Path) -> None:
    for source in (module(), file_of(tmp_path, ".safetensors"), file_of(tmp_path, ".pth")):
        pretrained = Pretrained(source, prefix="body", rename={"0": "a"})
        assert clone(pretrained) is copy.deepcopy(pretrained) is copy.copy(pretrained) is pretrained
        assert clone(WarmStartClassifier(warm_start_from=pretrained)).warm_start_from is pretrained
        again = pickle.loads(pickle.dumps(pretrained))
        assert again == pretrained
        assert same(again.state, pretrained.state)
        assert (again.prefix, again.rename) == ("body", {"0": "a"})
    assert len(pickle.dumps(Pretrained(tmp_path / "model.safetensors"))) < 2000


def test_tensors_in_memory_travel_by_memory_map(tmp_path: Path) -> None:
    pretrained = Pretrained({"weight": torch.ones(512, 1024)})
    joblib.dump(pretrained, tmp_path / "sent.joblib")
    mapped = joblib.load(tmp_path / "sent.joblib", mmap_mode="r")
    assert isinstance(mapped._held._raw, np.memmap)
    assert mapped == pretrained
    assert same(mapped.state, pretrained.state)


def test_what_it_looks_like(tmp_path: Path) -> None:
    os.chdir(tmp_path)
    file_of(tmp_path, ".safetensors")
    assert (
        repr(Pretrained("model.safetensors", prefix="body.")) == "Pretrained('model.safetensors', prefix='body.')"
    )
    assert repr(Pretrained(module(), rename={"0.": ""})) == "Pretrained(<9 tensors>, rename={'0.': ''})"


@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
def test_a_file_that_changed_is_an_error(tmp_path: Path, ending: str) -> None:
    path = file_of(tmp_path, ending)
    pretrained = Pretrained(path)
    sent = pickle.dumps(pretrained)
    before = path.read_bytes()
    file_of(tmp_path, ending, {name: tensor + 1 for name, tensor in weights().items()})
    for each in (pretrained, pickle.loads(sent)):
        with pytest.raises(CheckpointError, match="has changed since"):
            each.donor()
    path.write_bytes(before)
    for each in (pretrained, pickle.loads(sent)):
        assert same(each.donor().state, weights())
    os.utime(path, (1, 1))  # touched, and not changed
    assert same(pretrained.state, weights())
    path.unlink()
    with pytest.raises(CheckpointError, match="cannot open"):
        pretrained.donor()


def test_tied_weights_are_stored_once() -> None:
    net = nn.Sequential(OrderedDict(inner=nn.Linear(300, 300, bias=False), outer=nn.Linear(300, 300, bias=False)))
    net.outer.weight = net.inner.weight
    held: Any = Pretrained(net)._held
    assert held.nbytes < 1.5 * 300 * 300 * 4


def test_low_precision_is_kept_as_it_is(tmp_path: Path) -> None:
    for dtype in (torch.bfloat16, torch.float16):
        halves = {name: tensor.to(dtype) for name, tensor in weights().items() if tensor.is_floating_point()}
        for source in (halves, file_of(tmp_path, ".safetensors", halves), file_of(tmp_path, ".pt", halves)):
            assert same(Pretrained(source).state, halves)


class _Marker:
    def __init__(self, path: str):
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (Path(self.path),)


def _pickled(folder: Path) -> Path:
    torch.save({"state_dict": weights(), "extra": _Marker(str(folder / "ran"))}, folder / "evil.pth")
    return folder / "evil.pth"


def _plain_pickle(folder: Path) -> Path:
    (folder / "evil.pt").write_bytes(pickle.dumps(_Marker(str(folder / "ran"))))
    return folder / "evil.pt"


def _whole_module(folder: Path) -> Path:
    torch.save(module(), folder / "whole.pt")
    return folder / "whole.pt"


def _cut(folder: Path, ending: str = ".safetensors", left: int = -20) -> Path:
    path = file_of(folder, ending)
    path.write_bytes(path.read_bytes()[:left])
    return path


def _renamed(folder: Path) -> Path:
    return file_of(folder, ".pth").rename(folder / "model.safetensors")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_pickled, "could run code"),
        (_plain_pickle, "could run code"),
        (_whole_module, "save the tensors alone"),
        (_cut, "damaged"),
        (lambda folder: _cut(folder, ".safetensors", 4), "cut off"),
        (lambda folder: _cut(folder, ".pth", 300), "cut off"),
        (lambda folder: _cut(folder, ".pth", 0), "cut off"),
        (_renamed, "no safetensors file"),
        (lambda folder: folder / "missing.safetensors", "cannot open"),
        (lambda folder: folder / "missing.pth", "cannot open"),
        (lambda folder: file_of(folder, ".pth").rename(folder / "model.ckpt"), "must end in"),
        (lambda folder: file_of(folder, ".pth", [torch.ones(2)]), "holds a list and no state dict"),
        (lambda folder: file_of(folder, ".pth", {"epoch": 3}), "holds no state dict"),
        (lambda folder: Path("/dev/zero"), "it is no file"),
    ],
)
def test_files_that_are_none(tmp_path: Path, make: Any, words: str) -> None:
    path = make(tmp_path)
    with pytest.raises(CheckpointError, match=words) as caught:
        Pretrained(path)
    assert str(path) in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_the_marker_would_be_written(tmp_path: Path) -> None:
    torch.load(_pickled(tmp_path), weights_only=False)
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("source", "params", "error", "words"),
    [
        (None, {}, TypeError, "source must be a torch module"),
        (3, {}, TypeError, "got int: 3"),
        (nn.Linear, {}, TypeError, "source must be a torch module"),
        ({}, {}, CheckpointError, "holds no state dict"),
        ({"weight": np.ones(2)}, {}, CheckpointError, "holds no state dict"),
        ({"weight": torch.ones(2, device="meta")}, {}, CheckpointError, "'weight' of the dict has no data"),
        ({"weight": torch.eye(2).to_sparse()}, {}, CheckpointError, "is sparse"),
        (nn.LazyLinear(2), {}, CheckpointError, "call the module on a few rows first"),
        (WarmStartClassifier(), {}, ValueError, "not fitted"),
        (weights(), {"prefix": 3}, TypeError, "prefix must be a string"),
        (weights(), {"rename": ["a"]}, TypeError, "rename must be a dict"),
        (weights(), {"rename": {"0": 3}}, TypeError, "rename must map strings to strings"),
        (weights(), {"rename": {"body": ""}}, ValueError, "no name of the source begins with 'body'"),
        (weights(), {"rename": {"0": "2"}}, ValueError, "gives '0.weight' and '2.weight' one name"),
    ],
)
def test_sources_that_are_none(source: Any, params: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        Pretrained(source, **params)


def test_our_own_checkpoint_may_be_of_another_module(tmp_path: Path) -> None:
    X, y = np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) % 2
    net = WarmStartClassifier(module__hidden_layer_sizes=(4,), max_epochs=1, random_state=0).fit(X, y)
    checkpoint = Checkpoint.from_estimator(net)
    checkpoint.save(tmp_path / "ours.safetensors")
    made = [Pretrained(each, prefix="body") for each in (net, checkpoint, tmp_path / "ours.safetensors")]
    for each in made:
        donor = each.donor()
        assert same(donor.state, checkpoint.state)
        assert "body.output.bias" in each.state
        assert donor.schema.classes is None
        assert donor.schema.n_features == 3
        assert donor.optimizer is None
        parts = zip(donor.memory.parts, checkpoint.donor().memory.parts, strict=True)
        assert all(np.array_equal(one.own.to_array(), other.own.to_array()) for one, other in parts)
    assert made[1] == made[2]
    (tmp_path / "ours.safetensors").write_bytes((tmp_path / "ours.safetensors").read_bytes()[:-5])
    with pytest.raises(CheckpointError, match=r"cut off|damaged"):
        Pretrained(tmp_path / "ours.safetensors")


def test_between_two_pretrained_and_their_soup() -> None:
    a, b = (
        Pretrained(weights(), prefix="body"),
        Pretrained({n: t + 1 for n, t in weights().items()}, prefix="body"),
    )
    mixed = interpolate(a, b, 0.25)
    assert isinstance(mixed, Pretrained)
    torch.testing.assert_close(mixed.state["body.0.bias"], a.state["body.0.bias"] + 0.25)
    assert mixed == Pretrained(mixed.state)
    torch.testing.assert_close(soup([a, b]).state["body.0.bias"], a.state["body.0.bias"] + 0.5)
    assert same(interpolate(a, b, 0.0).state, a.state)


def test_between_a_pretrained_and_what_was_made_of_it() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = module(), nn.Linear(2, 2)

        def forward(self, X: Tensor) -> Tensor:
            return self.head(self.body(X))

    X, y = np.random.default_rng(0).normal(size=(30, 3)).astype("float32"), np.arange(30) % 2
    pretrained = Pretrained(weights(), prefix="body")
    tuned = Checkpoint.from_estimator(WarmStartClassifier(Net, warm_start_from=pretrained, max_epochs=3).fit(X, y))
    for a, b, at in ((pretrained, tuned, 0.25), (tuned, pretrained, 0.75)):
        mixed = interpolate(a, b, at)
        assert isinstance(mixed, Checkpoint)
        there, here = pretrained.state["body.0.weight"], tuned.state["body.0.weight"]
        torch.testing.assert_close(mixed.state["body.0.weight"], 0.75 * there + 0.25 * here)
        torch.testing.assert_close(mixed.state["head.weight"], tuned.state["head.weight"])
        assert WarmStartClassifier(Net, warm_start_from=mixed, max_epochs=0).fit(X, y).start_.donor_id == mixed.id
    state = interpolate(pretrained, tuned.state, 1.0)
    assert isinstance(state, NetState)
    assert same(state, tuned.state)
    with pytest.raises(ValueError, match="would match"):
        interpolate(Pretrained(weights()), tuned)
    with pytest.raises(TypeError, match="must be all NetState"):
        interpolate(tuned, tuned.state)


def test_floats_of_one_byte_are_no_weights() -> None:
    weights = {name: tensor.to(torch.float8_e4m3fn) for name, tensor in nn.Linear(3, 2).state_dict().items()}
    layout = NetState.from_module(nn.Linear(3, 2))
    with pytest.raises(ValueError, match=r"'weight' holds torch.float8_e4m3fn.*dequantise"):
        match_names(NetState(weights, set()), layout, NameRule())
