"""Estimators that start from weights of another module: what is loaded, what is fresh, what policies mean."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, cross_val_score
from torch import Tensor, nn

from sk_warmstart import (
    Checkpoint,
    CheckpointError,
    DataIncremental,
    Pretrained,
    WarmStartClassifier,
    WarmStartComparator,
    WarmStartRegressor,
)
from sk_warmstart.callbacks import Anchor
from sk_warmstart.policies import BestOf, InitPolicy, policy_names

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4)).astype("float32")
Y = np.array(["no", "yes", "maybe"])[(X[:, 0] > 0).astype(int) + (X[:, 1] > 1)]


def body(width: int = 16, seed: int = 1) -> nn.Sequential:
    """A body that has been trained a little, so that its statistics are not those of a new one."""
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Linear(4, width), nn.BatchNorm1d(width), nn.ReLU())
    module(torch.randn(8, 4))
    return module


WEIGHTS = {name: tensor.clone() for name, tensor in body().state_dict().items()}
NAMES = [f"body.{name}" for name in WEIGHTS if not name.endswith("num_batches_tracked")]


class Net(nn.Module):
    """A body and a head; the body may be loaded when it is built."""

    def __init__(self, n_outputs: int = 3, width: int = 16, load: Any = None):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, width), nn.BatchNorm1d(width), nn.ReLU())
        self.head = nn.Linear(width, n_outputs)
        if load is not None:
            self.body.load_state_dict(load)

    def forward(self, X: Tensor) -> Tensor:
        return self.head(self.body(X))


class Tied(nn.Module):
    """An embedding that is the head as well, as language models have it."""

    def __init__(self, n_outputs: int = 3):
        super().__init__()
        self.enc = nn.Linear(4, n_outputs, bias=False)
        self.dec = nn.Linear(4, n_outputs, bias=False)
        self.dec.weight = self.enc.weight
        self.register_buffer("position_ids", torch.arange(5))

    def forward(self, X: Tensor) -> Tensor:
        return self.enc(X) + self.dec(X)


def net(cls: Any = WarmStartClassifier, module: Any = Net, **params: Any) -> Any:
    return cls(module, **{"max_epochs": 0, "random_state": 0, "batch_size": 16, "lr": 0.01} | params)


def pretrained(**params: Any) -> Pretrained:
    return Pretrained(WEIGHTS, **{"prefix": "body"} | params)


def tensors(estimator: Any) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in estimator.module_.state_dict().items()}


def has_body(estimator: Any, weights: Any = WEIGHTS) -> bool:
    return all(torch.equal(tensors(estimator)["body." + name], tensor) for name, tensor in weights.items())


def test_the_body_is_loaded_and_the_head_is_fresh() -> None:
    cold, warm = net().fit(X, Y), net(warm_start_from=pretrained()).fit(X, Y)
    assert has_body(warm)
    assert not has_body(cold)
    assert float(tensors(warm)["head.weight"].abs().sum()) > 0
    start = warm.start_
    assert (start.policy, start.donor, start.donor_id) == ("Warm", "warm_start_from", pretrained().id)
    assert list(start.loaded) == NAMES
    assert list(start.missing) == ["head.weight", "head.bias"]
    assert start.left_over == {}
    assert sum(start.loaded.values()) + sum(start.missing.values()) == pytest.approx(1)
    n = sum(tensor.numel() for name, tensor in tensors(warm).items() if tensor.is_floating_point())
    assert start.missing["head.bias"] == pytest.approx(3 / n)
    assert start.kept["body.0.weight"] == 1
    assert start.kept["head.weight"] == 0
    assert warm.lineage_.generation == 1
    assert warm.lineage_.parent == pretrained().id
    assert (cold.start_.loaded, cold.start_.missing, cold.start_.left_over) == (None, None, None)
    own = net(warm_start_from=FrozenEstimator(warm)).fit(X, Y)
    assert own.start_.loaded is None


@given(
    prefix=st.sampled_from([None, "body", "body."]),
    wrap=st.sampled_from(["", "module.", "a.bert."]),
    classifies=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.float16]),
    extra=st.booleans(),
)
def test_names_and_dtypes_are_brought_into_the_networks(
    prefix: str | None, wrap: str, classifies: bool, dtype: torch.dtype, extra: bool
) -> None:
    source = {wrap + name: t.to(dtype) if t.is_floating_point() else t for name, t in WEIGHTS.items()}
    if extra:
        source["classifier.weight"] = torch.ones(7, 16, dtype=dtype)
    rename = {wrap: "" if prefix else "body."} if wrap else ({} if prefix else {n: f"body.{n}" for n in WEIGHTS})
    donor = Pretrained(source, prefix=prefix, rename=rename)
    cls = WarmStartClassifier if classifies else WarmStartRegressor
    fitted = net(cls, warm_start_from=donor).fit(X, Y if classifies else X[:, :3])
    expected = torch.float64 if dtype is torch.float64 else torch.float32
    assert tensors(fitted)["head.weight"].dtype is expected
    assert has_body(
        fitted, {n: t.to(dtype).to(expected) if t.is_floating_point() else t for n, t in WEIGHTS.items()}
    )
    assert list(fitted.start_.left_over) == (["classifier.weight"] if extra else [])


@pytest.mark.parametrize("how", ["object", "path", "text", "module", "dict"])
def test_every_way_to_give_it_is_the_same(tmp_path: Path, how: str) -> None:
    """Names are the network's own here, as a file of the whole model has them."""
    whole = {f"body.{name}": tensor for name, tensor in WEIGHTS.items()}
    save_file(whole, tmp_path / "model.safetensors")
    module = Net(7)
    module.load_state_dict(whole, strict=False)
    given = {
        "object": Pretrained(whole),
        "path": tmp_path / "model.safetensors",
        "text": str(tmp_path / "model.safetensors"),
        "module": module,
        "dict": whole,
    }[how]
    fitted = clone(net(warm_start_from=given)).fit(X, Y)
    assert has_body(fitted)
    assert list(fitted.start_.missing) == ["head.weight", "head.bias"]


def test_a_file_of_torch_as_text_asks_for_pretrained(tmp_path: Path) -> None:
    torch.save(WEIGHTS, tmp_path / "model.pth")
    with pytest.raises(CheckpointError, match=r"Pretrained\('.*model.pth'\) reads them without running code"):
        net(warm_start_from=str(tmp_path / "model.pth")).fit(X, Y)
    assert has_body(net(warm_start_from=Pretrained(tmp_path / "model.pth", prefix="body")).fit(X, Y))


def test_a_head_that_fits_is_loaded_unless_it_is_left_out() -> None:
    whole = {**{f"body.{name}": t for name, t in WEIGHTS.items()}, "head.weight": torch.ones(3, 16)}
    assert bool((tensors(net(warm_start_from=whole).fit(X, Y))["head.weight"] == 1).all())
    left_out = Pretrained(whole, rename={"head": None})
    fitted = net(warm_start_from=left_out).fit(X, Y)
    assert not bool((tensors(fitted)["head.weight"] == 1).any())
    assert list(fitted.start_.left_over) == ["head.weight"]


def test_tied_weights_are_loaded_by_either_name_and_stay_tied() -> None:
    for name in ("enc.weight", "dec.weight"):
        fitted = net(module=Tied, warm_start_from={name: torch.ones(3, 4)}).fit(X, Y)
        assert bool((fitted.module_.enc.weight == 1).all())
        assert fitted.module_.enc.weight is fitted.module_.dec.weight
        assert list(fitted.start_.loaded) == ["enc.weight"]
        assert fitted.start_.missing == {}  # positions are whole numbers
        assert fitted.start_.left_over == {}
    other = {"enc.weight": torch.ones(3, 4), "dec.weight": torch.zeros(3, 4), "position_ids": torch.arange(5) + 1}
    fitted = net(module=Tied, warm_start_from=other).fit(X, Y)
    assert bool((fitted.module_.enc.weight == 1).all())
    assert list(fitted.start_.left_over) == ["dec.weight"]
    assert torch.equal(fitted.module_.position_ids, torch.arange(5) + 1)


@pytest.mark.parametrize("policy", policy_names())
def test_every_policy_starts_from_it(policy: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = net(warm_start_from=pretrained(), init_policy=policy, max_epochs=1).fit(X, Y)
    if policy == "cold":
        assert fitted.start_.donor is None
    else:
        assert fitted.start_.donor == "warm_start_from"
        assert list(fitted.start_.loaded) == NAMES
    assert fitted.score(X, Y) > 0


def test_a_source_of_a_race_and_an_arm_of_a_comparison() -> None:
    race = BestOf(["warm"], sources=[Pretrained(body(seed=2), prefix="body"), pretrained()])
    start = net(init_policy=race).fit(X, Y).start_
    assert start.donor == "init_policy"
    assert start.donor_id in {each.id for each in race.sources}
    assert list(start.loaded) == NAMES
    arms = {"cold": "cold", "pretrained": {"warm_start_from": pretrained()}}
    phases = DataIncremental(2)
    comparator = WarmStartComparator(net(max_epochs=2), arms, phases, n_repeats=2, random_state=0)
    results = comparator.fit(X, Y).results_
    assert {"cold", "pretrained"} <= set(results["arm"])


def test_searches_in_other_processes_start_from_the_file(tmp_path: Path) -> None:
    save_file(WEIGHTS, tmp_path / "model.safetensors")
    donor = Pretrained(tmp_path / "model.safetensors", prefix="body")
    here = cross_val_score(net(warm_start_from=donor, max_epochs=1), X, Y, cv=2)
    there = cross_val_score(net(warm_start_from=donor, max_epochs=1), X, Y, cv=2, n_jobs=2)
    np.testing.assert_array_equal(here, there)
    grid = {"init_policy": ["warm", "shrink_perturb"], "warm_start_from": [None, donor]}
    search = GridSearchCV(net(max_epochs=1), grid, cv=2).fit(X, Y)
    assert "Pretrained" in repr(search.cv_results_["param_warm_start_from"])


def test_initialize_loads_the_body_into_a_net_of_its_own_size() -> None:
    made = net(warm_start_from=pretrained(), module__n_outputs=2).initialize()
    assert has_body(made)
    assert has_body(net(warm_start_from=pretrained()).initialize())
    with pytest.raises(ValueError, match="would match"):
        net(warm_start_from=WEIGHTS).initialize()


def test_a_partial_fit_starts_from_it_and_asks_for_labels() -> None:
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        net(warm_start_from=pretrained()).partial_fit(X, Y)
    made = net(warm_start_from=pretrained(), lr=0.0).partial_fit(X, Y, classes=["maybe", "no", "yes"])
    assert torch.equal(tensors(made)["body.0.weight"], WEIGHTS["0.weight"])
    assert list(made.start_.loaded) == NAMES
    net(WarmStartRegressor, warm_start_from=pretrained()).partial_fit(X, X[:, :3])


def test_rows_are_not_known_so_nothing_leaks(recwarn: Any) -> None:
    fitted = net(warm_start_from=pretrained(), max_epochs=1).fit(X[:40], Y[:40])
    fitted.score(X[40:], Y[40:])
    assert [each for each in recwarn if "Leak" in each.category.__name__] == []


@pytest.mark.parametrize("mode", ["keep", "mask"])
def test_there_is_no_optimizer_to_keep(mode: str) -> None:
    with pytest.warns(UserWarning, match="finds nothing to keep: a donor of another module has no optimizer"):
        kept = net(warm_start_from=pretrained(), optimizer_state=mode, max_epochs=2).fit(X, Y)
    reset = net(warm_start_from=pretrained(), max_epochs=2).fit(X, Y)
    assert all(torch.equal(tensor, tensors(reset)[name]) for name, tensor in tensors(kept).items())


def test_what_was_trained_from_it_is_a_donor_like_any_other(tmp_path: Path) -> None:
    fitted = net(warm_start_from=pretrained(), max_epochs=2, warm_start=True).fit(X, Y)
    Checkpoint.from_estimator(fitted).save(tmp_path / "tuned.safetensors")
    again = net(warm_start_from=tmp_path / "tuned.safetensors").fit(X, Y)
    assert all(torch.equal(tensor, tensors(fitted)[name]) for name, tensor in tensors(again).items())
    assert fitted.fit(X, Y).start_.donor == "self"
    assert fitted.start_.loaded is None


# ---------------------------------------------------------------- a module that loads its body when it is built


def test_cold_reloads_the_body_in_every_fit() -> None:
    loading = net(module__load=WEIGHTS, init_policy="cold", warm_start=True, max_epochs=2)
    template = net(module=Net(load=WEIGHTS), init_policy="cold", warm_start=True, max_epochs=2)
    for each in (loading, template):
        for _ in range(2):
            each.fit(X, Y)
            assert not has_body(each)
        assert has_body(each.set_params(max_epochs=0).fit(X, Y))


class _Fresh(InitPolicy):
    """Start as a fresh draw, but with a donor."""

    def start(self, previous: Any, fresh: Any, context: Any) -> Any:
        return fresh.copy()


@pytest.mark.parametrize(
    ("policy", "loaded"),
    [
        (_Fresh(), True),
        ("warm", False),
        ("shrink_perturb", False),
    ],
)
def test_fresh_is_the_pretrained_body_then(policy: Any, loaded: bool) -> None:
    fitted = net(module__load=WEIGHTS, warm_start=True, max_epochs=2).fit(X, Y)
    assert has_body(fitted.set_params(init_policy=policy, max_epochs=0).fit(X, Y)) is loaded


def test_policies_move_towards_the_pretrained_body() -> None:
    first = net(module__load=WEIGHTS, warm_start=True, max_epochs=3).fit(X, Y)
    trained, weight = tensors(first)["body.0.weight"], WEIGHTS["0.weight"]
    start = first.set_params(max_epochs=0, init_policy="shrink_perturb", init_policy__shrink=0.4)
    start.set_params(init_policy__perturb=0.6).fit(X, Y)
    torch.testing.assert_close(tensors(start)["body.0.weight"], 0.4 * trained + 0.6 * weight)
    again = net(module__load=WEIGHTS, warm_start=True, max_epochs=3).fit(X, Y)
    again.set_params(max_epochs=0, init_policy="reset_layers", init_policy__which=["body.0"]).fit(X, Y)
    assert torch.equal(tensors(again)["body.0.weight"], weight)
    assert not torch.equal(tensors(again)["body.1.weight"], WEIGHTS["1.weight"])


def test_an_anchor_to_fresh_is_an_anchor_to_the_pretrained_body() -> None:
    params = {"optimizer": torch.optim.SGD, "lr": 0.05, "max_epochs": 3}
    anchored = net(module__load=WEIGHTS, **params, callbacks=[Anchor(5.0, to="fresh")]).fit(X, Y)
    free = net(module__load=WEIGHTS, **params).fit(X, Y)
    moved = [float((tensors(each)["body.0.weight"] - WEIGHTS["0.weight"]).norm()) for each in (anchored, free)]
    assert 0 < moved[0] < moved[1]
    anchored.set_params(warm_start=True, max_epochs=1).fit(X, Y)
    anchor = dict(anchored.callbacks_)["Anchor"].anchor_
    assert torch.equal(anchor["body.0.weight"], WEIGHTS["0.weight"])


# ---------------------------------------------------------------- fitted estimators of another module


class Learner(WarmStartRegressor):
    """A net that learns a body, and says what other modules take of it."""

    def _donate(self) -> Any:
        donor = super()._donate()
        return type(donor)(
            **vars(donor) | {"description": {**donor.description, "body": {"rename": {"0": "body"}}}}
        )


class Body(nn.Sequential):
    def __init__(self, n_outputs: int = 4):
        super().__init__(body(), nn.Linear(16, n_outputs))


def test_the_body_of_a_fitted_net_is_a_donor_of_another_module(tmp_path: Path) -> None:
    learner = Learner(Body, max_epochs=1, random_state=0).fit(X[:30], X[:30])
    checkpoint = Checkpoint.from_estimator(learner)
    checkpoint.save(tmp_path / "learner.safetensors")
    weights = {name: tensor.clone() for name, tensor in learner.module_[0].state_dict().items()}
    for source in (FrozenEstimator(learner), checkpoint, tmp_path / "learner.safetensors"):
        made = net(warm_start_from=source).fit(X, Y)
        assert has_body(made, weights)
        assert list(made.start_.loaded) == NAMES
        assert list(made.start_.left_over) == ["1.weight", "1.bias"]
        assert made.start_.donor_id == checkpoint.id
        assert has_body(net(warm_start_from=source).initialize(), weights)
        own = Learner(Body, max_epochs=0, random_state=1, warm_start_from=source).fit(X, X)
        assert own.start_.loaded is None
        explicit = Pretrained(learner, rename={"0": "body"})
        assert has_body(net(warm_start_from=explicit).fit(X, Y), weights)
    with pytest.warns(UserWarning, match="trained the donor"):
        net(warm_start_from=FrozenEstimator(learner), max_epochs=1).fit(X[30:], Y[30:]).score(X[:30], Y[:30])


def test_columns_of_a_body_are_compared(tmp_path: Path) -> None:
    learner = Learner(Body, max_epochs=1, random_state=0).fit(X, X)
    with pytest.raises(ValueError, match="X has 3 features"):
        net(warm_start_from=FrozenEstimator(learner)).fit(X[:, :3], Y)


def test_standardisation_moves_a_loaded_first_layer_and_no_fresh_one() -> None:
    far = X * 10 + 100
    made = net(warm_start_from=pretrained(), standardize=True, dtype="float64").fit(far, Y)
    with torch.no_grad():
        there = made.module_.eval().body(torch.from_numpy(made.scaler_.transform(far)))
        here = body().double().eval()(torch.from_numpy(far).double())
    torch.testing.assert_close(there, here, rtol=1e-4, atol=1e-4)

    class Deep(nn.Module):
        def __init__(self, n_outputs: int = 3):
            super().__init__()
            self.first, self.body, self.head = nn.Linear(4, 4), body(), nn.Linear(16, n_outputs)

        def forward(self, X: Tensor) -> Tensor:
            return self.head(self.body(self.first(X)))

    cold = net(module=Deep, standardize=True).fit(far, Y)
    warm = net(module=Deep, standardize=True, warm_start_from=pretrained()).fit(far, Y)
    ratio = float(tensors(warm)["first.weight"].norm() / tensors(cold)["first.weight"].norm())
    assert 0.3 < ratio < 3  # made up for, it would be some ten times as large


# ---------------------------------------------------------------- models of Hugging Face


class TextNet(nn.Module):
    """A small encoder, made from its configuration, and a head."""

    def __init__(self, config: Any, n_outputs: int = 2):
        super().__init__()
        self.body = pytest.importorskip("transformers").BertModel(config, add_pooling_layer=False)
        self.head = nn.Linear(config.hidden_size, n_outputs)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.head(self.body(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state[:, 0])


def test_a_folder_of_hugging_face_is_the_body_of_a_text_net(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=50, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16
    )
    tokens = {"input_ids": torch.randint(0, 50, (12, 5)), "attention_mask": torch.ones(12, 5, dtype=torch.int64)}
    labels = np.arange(12) % 2
    language_model = transformers.BertForMaskedLM(config)  # its decoder is tied to its embeddings
    language_model.save_pretrained(tmp_path / "lm")
    language_model.bert.save_pretrained(tmp_path / "body")
    torch.save(language_model.state_dict(), tmp_path / "lm.pth")
    donors = [
        Pretrained(tmp_path / "body", prefix="body"),
        Pretrained(tmp_path / "lm", rename={"bert": "body"}),
        Pretrained(tmp_path / "lm.pth", rename={"bert": "body", "cls": None}),
        Pretrained(language_model, rename={"bert": "body"}),
    ]
    weights = language_model.bert.state_dict()
    for donor in donors:
        fitted = net(module=TextNet, module__config=config, warm_start_from=donor).fit(tokens, labels)
        assert has_body(fitted, weights)
        assert list(fitted.start_.missing) == ["head.weight", "head.bias"]
        assert all(name.startswith("cls.") for name in fitted.start_.left_over)
    with pytest.raises(ValueError, match=r"rename=\{'bert.': 'body.'\}\) would match"):
        net(module=TextNet, module__config=config, warm_start_from=language_model).fit(tokens, labels)


# ---------------------------------------------------------------- donors that do not fit


NAN, INF = (torch.full((16,), float(value)) for value in ("nan", "inf"))


@pytest.mark.parametrize(
    ("change", "prefix", "words"),
    [
        ({}, None, r"0% of the network's numbers.*lacks body.0.weight.*in the donor: 0.weight.*prefix='body.'"),
        ({"0.weight": torch.ones(1, 16, 4)}, "body", r"\(16, 4\) in the network and \(1, 16, 4\) in the donor"),
        ({"0.weight": torch.ones(16, 1)}, "body", "not of the same shape"),
        (
            {"0.weight": torch.ones(16, 4, dtype=torch.int8)},
            "body",
            "'0.weight' holds torch.int8, and the network's",
        ),
        ({"0.bias": NAN}, "body", "NaN or infinite: body.0.bias"),
        ({"0.bias": INF}, "body", "NaN or infinite: body.0.bias"),
        ({"1.running_var": NAN}, "body", "NaN or infinite: body.1.running_var"),
        ({"0.bias": torch.full((16,), 1e300, dtype=torch.float64)}, "body", "NaN or infinite: body.0.bias"),
    ],
)
def test_changed_weights_that_do_not_fit(change: Any, prefix: Any, words: str) -> None:
    assert_refused(Pretrained({**WEIGHTS, **change}, prefix=prefix), words)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            {f"bert.{name}": tensor for name, tensor in WEIGHTS.items()},
            r"rename=\{'bert.': 'body.'\}\) would match",
        ),
        ({"conv.weight": torch.ones(3, 3)}, "a network of another kind; no prefix matches more"),
        ({f"body.{n}": t for n, t in WEIGHTS.items() if "weight" not in n}, "lacks body.0.weight"),
    ],
)
def test_donors_that_do_not_fit(source: Any, words: str) -> None:
    assert_refused(source, words)


def assert_refused(donor: Any, words: str) -> None:
    subject = net(max_epochs=1).fit(X, Y)
    before = tensors(subject)
    subject.set_params(warm_start_from=donor, dtype="float32")
    with pytest.raises(ValueError, match=words):
        subject.fit(X, Y)
    assert all(torch.equal(tensor, before[name]) for name, tensor in tensors(subject).items())
    subject.set_params(init_policy="cold").fit(X, Y)  # a cold start does not ask


def test_shapes_are_not_broadcast() -> None:
    odd = {**WEIGHTS, "0.bias": torch.ones(1), "1.bias": torch.ones(1, 16)}
    start = net(warm_start_from=Pretrained(odd, prefix="body")).fit(X, Y).start_
    assert {"body.0.bias", "body.1.bias"} <= set(start.missing)
    assert set(start.left_over) == {"0.bias", "1.bias"}


def test_numbers_that_do_not_count_are_not_looked_at() -> None:
    odd = {**WEIGHTS, "other": torch.full((2,), float("nan"))}
    assert has_body(net(warm_start_from=Pretrained(odd, prefix="body")).fit(X, Y))


def test_weights_of_another_module_are_no_incumbent(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({f"body.{name}": tensor for name, tensor in WEIGHTS.items()}, path)
    comparator = WarmStartComparator(net(max_epochs=1), n_repeats=2, incumbent=path)
    with pytest.raises(CheckpointError, match="safetensors file of another library"):
        comparator.fit(X, Y)
