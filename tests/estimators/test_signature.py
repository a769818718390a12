"""Constructors name all parameters that an estimator has, with their defaults."""

from __future__ import annotations

import functools
import inspect
import pickle
from typing import Any
from weakref import WeakValueDictionary

import cloudpickle
import pytest
import skorch
from sklearn.base import clone
from torch import nn

from sk_warmstart import WarmStartClassifier, WarmStartMixin, WarmStartRegressor, WarmStartTransformer
from sk_warmstart.estimators.parameters._signature import sign_constructor


class Classifies(WarmStartMixin, skorch.NeuralNetClassifier):
    """The mixin before one class of skorch."""


class Regresses(WarmStartMixin, skorch.NeuralNetRegressor):
    """The mixin before another."""


class Deeper(WarmStartClassifier):
    """Parameters of a class of the user's, before those of the library."""

    def __init__(self, module: Any = nn.Linear, *args: Any, depth: int = 2, lr: float = 0.5, **kwargs: Any):
        self.depth = depth
        super().__init__(module, *args, lr=lr, **kwargs)


CLASSES = [WarmStartClassifier, WarmStartRegressor, WarmStartTransformer, Classifies, Regresses, Deeper]


def by_name(cls: Any) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(cls).parameters.values()
    return {each.name: each for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)}


@pytest.mark.parametrize("cls", CLASSES)
def test_all_parameters_with_their_defaults(cls: Any) -> None:
    params = cls(nn.Linear).get_params(deep=False)
    named = by_name(cls)
    assert set(named) == set(params)
    assert {name: each.default for name, each in named.items() if name != "module"} == {
        name: value for name, value in params.items() if name != "module"
    }


@pytest.mark.parametrize("cls", CLASSES)
def test_other_names_are_taken_as_before(cls: Any) -> None:
    kinds = [each.kind for each in inspect.signature(cls).parameters.values()]
    assert kinds.count(inspect.Parameter.VAR_KEYWORD) == 1
    assert clone(cls(nn.Linear, module__bias=False)).module__bias is False


def test_classes_do_not_share_what_they_add() -> None:
    assert "lr" not in by_name(WarmStartMixin)
    assert by_name(Classifies)["criterion"].default is nn.NLLLoss
    assert by_name(Regresses)["criterion"].default is nn.MSELoss
    assert "depth" not in by_name(WarmStartClassifier)


def test_a_class_that_adds_nothing_keeps_its_constructor() -> None:
    class Same(WarmStartClassifier):
        pass

    assert Same.__init__ is WarmStartClassifier.__init__


def test_a_constructor_that_hands_nothing_on_says_so() -> None:
    class Closed(WarmStartClassifier):
        def __init__(self, depth: int = 2):
            super().__init__(max_epochs=depth)

    assert list(inspect.signature(Closed).parameters) == ["depth"]


def test_a_constructor_that_is_no_function_is_left_alone() -> None:
    class Odd(WarmStartClassifier):
        __init__ = functools.partialmethod(WarmStartClassifier.__init__, max_epochs=3)

    before = vars(Odd)["__init__"]
    sign_constructor(Odd)
    assert vars(Odd)["__init__"] is before
    assert Odd().max_epochs == 3


def test_a_class_from_a_notebook_travels_by_value(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(WarmStartMixin, skorch.NeuralNetClassifier):
        pass

    pickled = cloudpickle.dumps(Own(nn.Linear, max_epochs=3))
    monkeypatch.setattr(cloudpickle.cloudpickle, "_DYNAMIC_CLASS_TRACKER_BY_ID", WeakValueDictionary())
    net = pickle.loads(pickled)  # as in another process, which has not met the class
    assert type(net) is not Own
    assert by_name(type(net)).keys() == by_name(Own).keys()
    assert repr(net) == repr(Own(nn.Linear, max_epochs=3))
