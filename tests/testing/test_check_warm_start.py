"""Each check passes on the estimators of this library, and fails on one that breaks its law."""

from __future__ import annotations

import unittest
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from skorch import NeuralNetClassifier
from torch import nn

from sk_warmstart import WarmStartClassifier, WarmStartRegressor
from sk_warmstart.testing import (
    N_CLASSES,
    N_FEATURES,
    check_warm_start,
    parametrize_with_warm_start_checks,
    run_checks,
    warm_start_checks,
)

pytest_plugins = ["pytester"]

OURS = [
    WarmStartClassifier(module__hidden_layer_sizes=(16,)),
    WarmStartRegressor(module__hidden_layer_sizes=(16,)),
]

OF_CLASSIFIERS = {
    "check_zero_training_on_a_class_subset_changes_nothing",
    "check_class_subset_keeps_classes",
    "check_labels_of_any_kind",
    "check_unseen_class_is_never_silent",
}


class Network(nn.Module):
    def __init__(self, num_units: int = 16):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(N_FEATURES, num_units), nn.ReLU(), nn.Linear(num_units, N_CLASSES), nn.Softmax(dim=-1)
        )

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.layers(X.float())


class Deaf(MLPClassifier):
    """Ignores warm_start."""

    def fit(self, X: Any, y: Any) -> Any:
        vars(self).pop("coefs_", None)
        return super().fit(X, y)


class LosesItsSeed(MLPClassifier):
    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "random_state": 1}


class LosesItsOptimizer(MLPClassifier):
    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in super().__getstate__().items() if key != "_optimizer"}


class WarnsOfLeaks(MLPClassifier):
    def score(self, X: Any, y: Any) -> float:
        class LeakWarning(UserWarning):
            pass

        warnings.warn("these rows were trained on", LeakWarning, stacklevel=2)
        return super().score(X, y)


MLP = MLPClassifier(hidden_layer_sizes=(16,))
NET = NeuralNetClassifier(Network, lr=0.5)
with torch.random.fork_rng(devices=[]):
    torch.manual_seed(0)
    INSTANCE = NeuralNetClassifier(Network(), lr=0.5)
FOREST = RandomForestClassifier()
BREAKS = [
    ("check_warm_start_is_not_ignored", Deaf(), "gives just what a fresh clone's fit"),
    ("check_zero_training_changes_nothing", LogisticRegression(), "without training on the same rows"),
    ("check_zero_training_on_a_class_subset_changes_nothing", FOREST, r"left classes_ at \[0, 1\]"),
    ("check_zero_training_on_a_class_subset_changes_nothing", NET, r"left classes_ at \[0, 1\]"),
    ("check_cold_refit_equals_fresh_clone", INSTANCE, "changes predictions of 100% of the rows"),
    ("check_partial_fits_equal_one_fit", MLP, "3 calls of partial_fit, against one fit of 3 epochs"),
    ("check_partial_fits_equal_one_fit", MLPRegressor(), "3 calls of partial_fit, against one fit of 3 epochs"),
    ("check_equal_set_params_changes_nothing", NET, "set_params of module to the value that it has"),
    ("check_changed_set_params_keeps_predictions", NET, "module__num_units=9"),
    ("check_changed_architecture_is_not_ignored", MLP, "silently kept the old architecture"),
    ("check_class_subset_keeps_classes", MLP, "raised ValueError: warm_start can only be used where"),
    ("check_class_subset_keeps_classes", NET, r"left classes_ at \[0, 2\]"),
    ("check_labels_of_any_kind", NET, "labels that are strings raised TypeError"),
    ("check_unseen_class_is_never_silent", NET, r"raised nothing and left classes_ at \[1, 2\]"),
    ("check_other_columns_are_never_silent", FOREST, "raised nothing, but predict raised ValueError"),
    ("check_other_columns_are_never_silent", NET, "raised RuntimeError"),
    ("check_other_columns_are_never_silent", SGDClassifier(), "was refused, and then predict raised"),
    ("check_validation_rows_never_trained", MLP, "13 of the 24 rows that fit number 2 validates on"),
    ("check_validation_rows_never_trained", NET, "24 of the 48 rows that fit number 2 validates on"),
    ("check_epoch_zero_counts", MLP, "learning rate 300 times too high"),
    ("check_random_labels_score_chance", INSTANCE, "in cross-validation after a fit on all 60 rows"),
    ("check_reused_estimator_warns_of_leak", MLP, "no warning tells of the leak"),
    ("check_schedule_restarts", NET, "0.5, 0.25, 0.125 in the first fit and 0.0625"),
    ("check_schedule_restarts", MLP, "continued instead of restarting: at the end"),
    ("check_early_stopping_counts_anew", MLP, "n_iter_no_change=60 stopped after .* epochs, a cold one after 60"),
    ("check_failing_fit_loses_nothing", NET, "raised nothing: it trained on it, and .* which are NaN now"),
    ("check_failing_fit_loses_nothing", SGDClassifier(), "no attribute 'classes_'"),
    ("check_partial_fit_cost_is_flat", NET, "call 10 of partial_fit takes"),
    ("check_parameters_are_not_mutated", INSTANCE, "changed the Network that is given as the parameter module"),
    ("check_copies_of_unfitted_fit_equally", LosesItsSeed(), "fit of a pickle changes"),
    ("check_copies_of_fitted_continue_equally", LosesItsOptimizer(), "partial_fit of a pickle"),
]


@pytest.mark.parametrize(
    ("name", "check"),
    [pytest.param(*item, id=repr(item.check)) for estimator in OURS for item in warm_start_checks(estimator)],
)
def test_ours_pass(name: str, check: Any) -> None:
    if name in OF_CLASSIFIERS and isinstance(check.estimator, WarmStartRegressor):
        with pytest.raises(unittest.SkipTest, match="only classifiers have classes"):
            check()
    else:
        check()


@pytest.mark.parametrize(
    ("name", "estimator", "message"),
    [pytest.param(*row, id=f"{row[0]}({type(row[1]).__name__})") for row in BREAKS],
)
def test_a_check_fails_where_its_law_is_broken(name: str, estimator: Any, message: str) -> None:
    check = dict(warm_start_checks(estimator))[name]
    with pytest.raises(AssertionError, match=message):
        check()


def test_every_check_has_been_seen_to_fail() -> None:
    assert {name for name, *_ in BREAKS} == {name for name, _ in warm_start_checks(MLP)}


def test_a_warning_of_the_leak_is_enough() -> None:
    dict(warm_start_checks(WarnsOfLeaks()))["check_reused_estimator_warns_of_leak"]()


@pytest.mark.parametrize(
    ("name", "estimator", "reason"),
    [
        ("check_zero_training_changes_nothing", MLP, "max_iter=0 is not legal"),
        ("check_partial_fits_equal_one_fit", LogisticRegression(), "no partial_fit"),
        ("check_changed_architecture_is_not_ignored", INSTANCE, "no parameter was found"),
        ("check_class_subset_keeps_classes", MLPRegressor(), "only classifiers"),
        ("check_failing_fit_loses_nothing", FOREST, "missing values are allowed"),
        ("check_epoch_zero_counts", FOREST, "no parameter early_stopping"),
        ("check_validation_rows_never_trained", LogisticRegression(), "cannot be seen"),
    ],
    ids=lambda value: "",
)
def test_what_does_not_apply_is_skipped_and_says_why(name: str, estimator: Any, reason: str) -> None:
    with pytest.raises(unittest.SkipTest, match=reason):
        dict(warm_start_checks(estimator))[name]()


def test_checks_unpack_and_tell_what_they_are() -> None:
    checks = list(warm_start_checks(MLP))
    assert len(checks) == len({name for name, _ in checks}) >= 20
    for item in checks:
        name, check = item
        assert (item.name, item.check, check.name) == (name, check, name)
        assert name.startswith("check_")
        assert check.law is None or 1 <= check.law <= 12
        assert check.summary == check.__doc__.strip().splitlines()[0]
    assert {check.law for _, check in checks} == {None, 1, 2, 3, 4, 5, 6, 8, 9, 11, 12}


def test_a_check_runs_on_another_estimator_too() -> None:
    check = dict(warm_start_checks(MLP))["check_class_subset_keeps_classes"]
    check(OURS[0])
    with pytest.raises(AssertionError):
        check()
    with pytest.raises(TypeError, match="no parameter warm_start"):
        check(DummyClassifier())


def test_the_estimator_and_the_global_generators_are_left_alone() -> None:
    net = WarmStartClassifier(module__hidden_layer_sizes=(4,), random_state=3)
    before, state = dict(vars(net)), np.random.get_state()[1].copy()  # noqa: NPY002
    torch_state = torch.get_rng_state()
    names = ["check_cold_refit_equals_fresh_clone", "check_schedule_restarts"]
    assert set(check_warm_start(net, checks=names)["status"]) == {"passed"}
    assert vars(net) == before
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_expected_failures() -> None:
    reason = "scikit-learn takes hidden_layer_sizes at the first fit only"
    checks = dict(warm_start_checks(MLP, {"check_changed_architecture_is_not_ignored": reason}))
    with pytest.raises(unittest.SkipTest, match=reason):
        checks["check_changed_architecture_is_not_ignored"]()
    checks = dict(warm_start_checks(MLP, {"check_warm_start_is_not_ignored": "it is deaf"}))
    with pytest.raises(AssertionError, match=r"expected to fail \(it is deaf\) and passes"):
        checks["check_warm_start_is_not_ignored"]()
    with pytest.raises(
        ValueError, match="expected_failed_checks must be names of checks; there is no check check_nothing"
    ):
        warm_start_checks(MLP, {"check_nothing": ""})


def test_check_warm_start_returns_a_table() -> None:
    names = [
        "check_warm_start_is_not_ignored",
        "check_zero_training_changes_nothing",
        "check_changed_architecture_is_not_ignored",
        "check_class_subset_keeps_classes",
    ]
    table = check_warm_start(MLP, {names[3]: "all classes are needed"}, checks=names)
    assert list(table.columns) == ["check", "law", "status", "message"]
    rows = table.set_index("check").loc[names]
    assert list(rows["status"]) == ["passed", "skipped", "failed", "expected failure"]
    assert rows["message"].iloc[0] == ""
    assert rows["message"].iloc[3] == "all classes are needed"
    assert rows["law"].iloc[1] == 1
    with pytest.raises(ValueError, match="no check check_nothing"):
        check_warm_start(MLP, checks=["check_nothing"])


def test_run_checks_is_a_deprecated_name() -> None:
    name = "check_class_subset_keeps_classes"
    with pytest.warns(FutureWarning, match="use check_warm_start"):
        table = run_checks(MLP, expected_failures={name: "all classes are needed"}, checks=[name])
    assert list(table["status"]) == ["expected failure"]


def reasons_of(estimator: Any) -> dict[str, str]:
    return {"check_class_subset_keeps_classes": "all classes are needed"} if estimator is MLP else {}


PARAMETRIZED = parametrize_with_warm_start_checks([MLP, INSTANCE, NET], expected_failed_checks=reasons_of)
CASES = {case.id: case for case in PARAMETRIZED.args[1]}


def test_parametrized_checks_have_ids_and_marks() -> None:
    assert PARAMETRIZED.args[0] == ("estimator", "check")
    assert len(CASES) == len(PARAMETRIZED.args[1]) - len(list(warm_start_checks(NET)))  # two nets of one class
    case = CASES["MLPClassifier(hidden_layer_sizes=(16,))-check_class_subset_keeps_classes"]
    (mark,) = case.marks
    assert (mark.name, mark.kwargs) == ("xfail", {"reason": "all classes are needed", "strict": True})
    assert not CASES["NeuralNetClassifier-check_class_subset_keeps_classes"].marks
    assert sum(bool(case.marks) for case in CASES.values()) == 1
    estimator, check = case.values
    assert estimator is MLP
    with pytest.raises(AssertionError):  # pytest's mark expects it, not the check
        check(estimator)


def test_a_parametrized_test_runs_and_a_pass_that_was_not_expected_fails(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from sklearn.neural_network import MLPClassifier
        from sk_warmstart.testing import parametrize_with_warm_start_checks

        def reasons(estimator):
            return {"check_class_subset_keeps_classes": "a", "check_warm_start_is_not_ignored": "b"}

        @parametrize_with_warm_start_checks([MLPClassifier()], expected_failed_checks=reasons)
        def test_warm_start(estimator, check):
            check(estimator)
        """
    )
    selected = "class_subset_keeps or start_is_not_ignored or partial_fits_equal or labels_of_any"
    result = pytester.runpytest_inprocess("-q", "-p", "no:cacheprovider", "-k", selected)
    result.assert_outcomes(xfailed=1, failed=2, passed=1)
    result.stdout.fnmatch_lines(["*XPASS(strict)*b*"])


def test_expected_failed_checks_of_the_decorator_is_a_function_and_names_checks() -> None:
    with pytest.raises(TypeError, match=r"must be a function of an estimator .* it is a dict"):
        parametrize_with_warm_start_checks([MLP], expected_failed_checks={"check_nothing": ""})
    with pytest.raises(ValueError, match="there is no check check_nothing"):
        parametrize_with_warm_start_checks([MLP], expected_failed_checks=lambda estimator: {"check_nothing": ""})


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (MLPClassifier, r"must be an instance, not a class: pass MLPClassifier\(\)"),
        (DummyClassifier(), "no parameter warm_start"),
        (KMeans(), "must be a scikit-learn classifier or regressor"),
        ("no estimator", "must be a scikit-learn classifier or regressor"),
    ],
    ids=lambda value: "",
)
def test_what_cannot_be_checked_is_refused_at_once(estimator: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        warm_start_checks(estimator)
