"""Texts and diagrams of estimators, policies, callbacks, augmentations and phases read as scikit-learn's do."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from helpers import iris
from hypothesis import given
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

import sk_warmstart.augment
import sk_warmstart.callbacks
import sk_warmstart.policies
from sk_warmstart import (
    Checkpoint,
    ClassIncremental,
    DataIncremental,
    OldAndNew,
    Pretrained,
    RollingWindow,
    WarmStartClassifier,
    WarmStartComparator,
    WarmStartMixin,
    WarmStartRegressor,
    WarmStartTransformer,
)
from sk_warmstart.callbacks import Anchor, Freeze
from sk_warmstart.comparison import Trajectory
from sk_warmstart.policies import Compose, ShrinkPerturb
from sk_warmstart.training import Companion

ESTIMATORS = [WarmStartClassifier, WarmStartRegressor, WarmStartTransformer]
ROOMS = [sk_warmstart.policies, sk_warmstart.callbacks, sk_warmstart.augment]
PUBLIC = [getattr(room, name) for room in ROOMS for name in room.__all__]
OTHERS = [each for each in PUBLIC if inspect.isclass(each) and issubclass(each, BaseEstimator)]
OTHERS += [Trajectory, ClassIncremental, DataIncremental, OldAndNew, RollingWindow]
NESTED = ["module__dropout", "optimizer__momentum", "callbacks__print_log", "init_policy__shrink"]


class OfSkorch(WarmStartMixin, NeuralNetRegressor):
    """A net of skorch with the mixin before it."""


def plain_values() -> st.SearchStrategy[Any]:
    numbers = st.integers(-1000, 1000) | st.floats(-1e6, 1e6) | st.booleans() | st.none()
    simple = numbers | st.text("ab '\"\\\n", max_size=4)
    return (
        simple
        | st.lists(simple, max_size=3)
        | st.tuples(simple)
        | st.dictionaries(st.text("ab"), simple, max_size=2)
    )


def parameters_of(cls: Any) -> list[str]:
    parameters = inspect.signature(cls).parameters.values()
    return [each.name for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]


@st.composite
def objects(draw: st.DrawFn, cls: Any) -> Any:
    """Some object of a class, with plain values for some of its parameters."""
    names = [name for name in parameters_of(cls) if name != "module"]
    names += NESTED if cls in ESTIMATORS else []
    needed = {each.name for each in inspect.signature(cls).parameters.values() if each.default is each.empty}
    chosen = draw(st.sets(st.sampled_from(names), max_size=4)) if names else set()
    return cls(**{name: draw(plain_values()) for name in sorted(chosen | (needed & set(names)))})


def set_by_user(html: str) -> set[str]:
    """Parameters that a diagram marks."""
    return set(re.findall(r'<tr class="user-set">.*?<td class="param">\s*(?:<a [^>]*>)?\s*(\w+)', html, re.DOTALL))


@pytest.mark.parametrize("cls", [*ESTIMATORS, *OTHERS], ids=lambda cls: f"{cls.__module__}.{cls.__name__}")
@given(data=st.data())
def test_a_text_typed_in_gives_the_object(cls: Any, data: Any) -> None:
    given_object = data.draw(objects(cls))
    typed = eval(repr(given_object), {cls.__name__: cls})
    assert type(typed) is cls
    assert repr(typed) == repr(given_object)
    assert typed.get_params(deep=False) == given_object.get_params(deep=False)


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_what_is_at_its_default_is_left_out(cls: Any) -> None:
    name = cls.__name__
    assert repr(cls()) == f"{name}()"
    assert repr(cls(max_epochs=5, init_policy="warm", module__dropout=0.1)) == (
        f"{name}(max_epochs=5, module__dropout=0.1)"
    )
    assert str(cls(init_policy=ShrinkPerturb(0.2), callbacks=[("f", Freeze(n_epochs=1)), Anchor()])) == (
        f"{name}(callbacks=[('f', Freeze(n_epochs=1)), Anchor()],\n"
        f"{' ' * len(name)} init_policy=ShrinkPerturb(shrink=0.2))"
    )


WAYS: list[Callable[[Any], Any]] = [
    clone,
    copy.deepcopy,
    lambda net: pickle.loads(pickle.dumps(net)),
    lambda net: Checkpoint.from_estimator(net).to_estimator(clone(net)),
    FrozenEstimator,
]


@pytest.mark.parametrize("way", WAYS, ids=["clone", "deepcopy", "pickle", "checkpoint", "frozen"])
def test_fits_and_copies_do_not_change_a_text(way: Callable[[Any], Any]) -> None:
    X, y = iris()
    net = WarmStartClassifier(max_epochs=1, warm_start=True, callbacks=[Freeze(n_epochs=1)], lr=0.1)
    text = repr(net)
    assert text == "WarmStartClassifier(callbacks=[Freeze(n_epochs=1)], lr=0.1, max_epochs=1,\n" + (
        "                    warm_start=True)"
    )
    twin = way(net.fit(X, y).fit(X, y))
    assert repr(net) == text
    assert repr(getattr(twin, "estimator", twin)) == text


def test_in_pipelines_and_searches() -> None:
    X, y = iris()
    pipe = make_pipeline(StandardScaler(), WarmStartClassifier(max_epochs=1, module__hidden_layer_sizes=(4,)))
    search = GridSearchCV(pipe, {"warmstartclassifier__max_epochs": [2]}, cv=2).fit(X, y)
    assert repr(search.best_estimator_) == (
        "Pipeline(steps=[('standardscaler', StandardScaler()),\n"
        "                ('warmstartclassifier',\n"
        "                 WarmStartClassifier(max_epochs=2,\n"
        "                                     module__hidden_layer_sizes=(4,)))])"
    )
    assert "WarmStartClassifier(max_epochs=1,\n" in repr(search)


def test_in_a_comparator() -> None:
    arms = {"cold": "cold", "frozen": {"callbacks": [Freeze(which="head")], "lr": 0.1}}
    comparator = WarmStartComparator(WarmStartClassifier(max_epochs=2), arms)
    assert repr(comparator) == (
        "WarmStartComparator(estimator=WarmStartClassifier(max_epochs=2),\n"
        "                    policies={'cold': 'cold',\n"
        "                              'frozen': {'callbacks': [Freeze(which='head')],\n"
        "                                         'lr': 0.1}})"
    )
    with pytest.raises(ValueError, match=re.escape("estimator WarmStartClassifier(max_epochs=2). Valid")):
        comparator.estimator.set_params(learning_rate=1)


def test_a_companion_of_the_users_own() -> None:
    class Halved(Companion):
        def __init__(self, share: float = 0.5, which: str = "all"):
            self.share = share
            self.which = which
            self.seen_ = 0

    assert repr(Halved(0.25)) == "Halved(share=0.25)"


def test_nets_of_skorch_have_the_defaults_of_their_class() -> None:
    assert repr(OfSkorch(nn.Linear, lr=0.01, max_epochs=3, schema="adapt", module__bias=False)) == (
        "OfSkorch(max_epochs=3, module=<class 'torch.nn.modules.linear.Linear'>,\n"
        "         module__bias=False, schema='adapt')"
    )


def test_all_parameters_where_that_is_asked_for() -> None:
    with config_context(print_changed_only=False):
        assert repr(Freeze()) == "Freeze(n_epochs=None, which='body')"
        text = repr(WarmStartClassifier())
    assert "callbacks=None" in text
    assert "max_epochs=100" in text


def large_values() -> dict[str, Any]:
    network = nn.Sequential(*(nn.Linear(9, 9) for _ in range(200)))
    return {
        "module": network,
        "warm_start_from": network.state_dict(),
        "callbacks": [Freeze(n_epochs=i) for i in range(500)],
        "classes": np.arange(100_000),
    }


@pytest.mark.parametrize("name", large_values())
def test_large_values_are_cut(name: str) -> None:
    text = repr(WarmStartClassifier(lr=0.25, **{name: large_values()[name]}))
    assert text.startswith("WarmStartClassifier(")
    assert text.endswith(")")
    assert len("".join(text.split())) < 800


def test_donors_are_short() -> None:
    X, y = iris()
    net = WarmStartClassifier(max_epochs=1).fit(X, y)
    for donor in (Checkpoint.from_estimator(net), Pretrained(net.module_), FrozenEstimator(net)):
        text = repr(WarmStartClassifier(warm_start_from=donor))
        assert text == f"WarmStartClassifier(warm_start_from={donor!r})"
        assert len(text) < 150


@pytest.mark.parametrize("cls", [*ESTIMATORS, OfSkorch])
class TestUnfinished:
    def test_before_the_constructor(self, cls: Any) -> None:
        net = object.__new__(cls)
        assert repr(net) == f"{cls.__name__}()"
        assert estimator_html_repr(net)

    def test_within_the_constructor(self, cls: Any) -> None:
        seen: list[Any] = []

        class Broken(cls):
            def __init__(self, *args: Any, dtype: Any = "float64", **kwargs: Any):
                seen.append(self)
                super().__init__(*args, dtype=dtype, **kwargs)

            @property
            def lr(self) -> float:
                return 0.1  # skorch cannot set it

        with pytest.raises(AttributeError):
            Broken(nn.Linear)
        assert repr(seen[0]).startswith("Broken(")
        assert estimator_html_repr(seen[0])

    def test_after_parameters_that_were_refused(self, cls: Any) -> None:
        net = cls(module=nn.Linear)
        with pytest.raises(ValueError):
            net.set_params(max_epochs=7, no_such=3)
        with pytest.raises(ValueError):
            net.set_params(callbacks__no_such__which="head")
        assert "max_epochs=7" in repr(net)
        assert estimator_html_repr(net)

    def test_with_parameters_that_fit_refuses(self, cls: Any) -> None:
        net = cls(module=3, callbacks=7, optimizer="sgd", init_policy=Compose("warm"), device="nowhere")
        assert repr(net).startswith(f"{cls.__name__}(callbacks=7, device='nowhere',")
        assert estimator_html_repr(net)


class TestDiagrams:
    @pytest.mark.parametrize("cls", ESTIMATORS)
    def test_marks_what_the_user_set(self, cls: Any) -> None:
        assert set_by_user(estimator_html_repr(cls())) == set()
        given = {"max_epochs": 2, "callbacks": [Freeze(n_epochs=1)], "init_policy": ShrinkPerturb(0.2)}
        given |= {"module__dropout": 0.1, "device": "cpu"}
        net = cls(**given)
        assert set_by_user(estimator_html_repr(net)) == set(given)

    def test_of_a_fitted_pipeline(self) -> None:
        X, y = iris()
        net = WarmStartClassifier(max_epochs=1, callbacks=[("f", Freeze(n_epochs=1))])
        html = estimator_html_repr(make_pipeline(StandardScaler(), net).fit(X, y))
        assert set_by_user(html) == {"steps", "max_epochs", "callbacks"}
        assert "callbacks__" not in html

    def test_of_a_comparator(self) -> None:
        comparator = WarmStartComparator(WarmStartClassifier(max_epochs=1), n_repeats=4)
        assert set_by_user(estimator_html_repr(comparator)) == {"estimator", "n_repeats", "max_epochs"}

    def test_of_policies_and_callbacks(self) -> None:
        composed = Compose([("shrink", ShrinkPerturb(0.2)), "reset_layers"])
        assert set_by_user(estimator_html_repr(composed)) == {"steps"}
        assert set_by_user(estimator_html_repr(Freeze(n_epochs=3))) == {"n_epochs"}
        assert set_by_user(estimator_html_repr(Freeze())) == set()


def test_the_network_is_a_line_away() -> None:
    net = WarmStartClassifier(nn.Linear, module__in_features=4, module__out_features=3).initialize()
    assert "Linear(in_features=4" in repr(net.module_)
    assert repr(net) == repr(clone(net))
    assert "[initialized]" in NeuralNetClassifier.__repr__(net)  # skorch's own
    assert torch.is_tensor(net.module_.weight)
