"""No public parameter is left out of the lists."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from hostile_cases import LISTS, callbacks, parameters, phases, policies
from hostile_cases import comparator as comparators
from hostile_cases._case import Case

import sk_warmstart.callbacks
import sk_warmstart.policies
from sk_warmstart import WarmStartClassifier, WarmStartComparator, WarmStartRegressor

CASES = [case for groups in LISTS.values() for group in groups for case in group.cases]
# Listed elsewhere, or always in range.
OTHERWISE = {
    "warm_start_from": "in the list of donors",
    "phases": "in the list of phases",
    "predict_nonlinearity": "a prediction says it",
}


def refused(cases: list[Case], prefix: str) -> bool:
    return any(case.what.startswith(prefix) and case.error is not None for case in cases)


@pytest.mark.parametrize(
    "estimator", [WarmStartClassifier(), WarmStartRegressor()], ids=["classifier", "regressor"]
)
def test_of_the_estimators(estimator: Any) -> None:
    listed = [case for group in parameters.GROUPS for case in group.cases]
    names = set(estimator.get_params(deep=False)) - set(OTHERWISE)
    assert [name for name in sorted(names) if not refused(listed, f"{name}=")] == []


def test_of_the_comparator() -> None:
    listed = [case for group in comparators.GROUPS for case in group.cases]
    names = set(inspect.signature(WarmStartComparator).parameters) - set(OTHERWISE)
    assert [name for name in sorted(names) if not refused(listed, f"{name}=")] == []


@pytest.mark.parametrize("values", [policies.VALUES, callbacks.VALUES], ids=["policies", "callbacks"])
def test_of_classes(values: dict[Any, dict[str, Any]]) -> None:
    for cls, named in values.items():
        parameters = inspect.signature(cls).parameters.values()
        assert set(named) == {parameter.name for parameter in parameters if parameter.default != "deprecated"}


def test_of_phases() -> None:
    for cls, (_, named) in phases.VALUES.items():
        parameters = inspect.signature(cls).parameters.values()
        assert set(named) == {parameter.name for parameter in parameters if parameter.default != "deprecated"}


def test_no_class_is_left_out() -> None:
    public = {
        getattr(sk_warmstart.policies, name)
        for name in sk_warmstart.policies.__all__
        if inspect.isclass(getattr(sk_warmstart.policies, name))
        and issubclass(getattr(sk_warmstart.policies, name), sk_warmstart.policies.InitPolicy)
    }
    without = {cls for cls in public if not inspect.signature(cls).parameters}
    assert public - without - set(policies.VALUES) == {sk_warmstart.policies.Compose}  # it has a list of its own
    assert set(callbacks.VALUES) == {
        getattr(sk_warmstart.callbacks, name) for name in sk_warmstart.callbacks.__all__
    }


def test_what_is_listed_elsewhere_is_listed() -> None:
    for name in OTHERWISE:
        assert refused(CASES, name)


def test_each_case_has_a_name_of_its_own() -> None:
    for groups in LISTS.values():
        for group in groups:
            names = [case.what for case in group.cases]
            assert len(names) == len(set(names)), [name for name in names if names.count(name) > 1]
