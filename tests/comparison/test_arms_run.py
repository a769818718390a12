"""What arms may set is what their fits, scores and refits are made with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from comparators import X, Y, comparator, net
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback, EpochScoring

from sk_warmstart.callbacks import GradualUnfreeze
from sk_warmstart.comparison import DataIncremental


def scaled() -> Pipeline:
    return Pipeline([("scaler", StandardScaler()), ("net", net(max_epochs=5))])


def test_steps_before_the_last_are_an_arms_own() -> None:
    policies = {
        "cold": "cold",
        "same": {"init_policy": "cold", "scaler__with_mean": True},
        "raw": {"init_policy": "cold", "scaler": "passthrough"},
    }
    result = comparator(scaled(), policies=policies, phases=DataIncremental(2), refit="raw").fit(X, Y)
    assert (result.results_["error"] == "").all()
    losses = result.curves_.pivot_table(index=["repeat", "epoch"], columns="arm", values="train_loss")
    np.testing.assert_array_equal(losses["same"], losses["cold"])
    assert (losses["raw"] != losses["cold"]).all()
    assert result.best_estimator_.named_steps["scaler"] == "passthrough"
    np.testing.assert_array_equal(result.predict(X), result.best_estimator_[-1].predict(X))


def test_the_arm_with_other_steps_is_what_that_pipeline_alone_gives() -> None:
    policies = {"cold": "cold", "raw": {"init_policy": "cold", "scaler": "passthrough"}}
    both = comparator(scaled(), policies=policies, phases=DataIncremental(2)).fit(X, Y)
    alone = scaled().set_params(scaler="passthrough")
    twin = {"cold": "cold", "again": {"init_policy": "cold"}}
    raw = comparator(alone, policies=twin, phases=DataIncremental(2)).fit(X, Y)
    scores = [r.results_.set_index("arm")["score"] for r in (both, raw)]
    np.testing.assert_allclose(scores[0].loc["raw"], scores[1].loc["cold"])


class Counts(Callback):
    """Counts the epochs of all fits."""

    epochs = 0

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        Counts.epochs += 1


def test_an_arm_may_have_callbacks_of_its_own() -> None:
    Counts.epochs = 0
    policies = {"cold": "cold", "watched": {"init_policy": "warm", "callbacks": [("counts", Counts())]}}
    result = comparator(policies=policies, phases=DataIncremental(2), refit="watched").fit(X, Y)
    assert (result.results_["error"] == "").all()
    assert result.curves_["distance_from_start"].notna().all()
    assert Counts.epochs == 2 * 3 + 3  # two replicates and the refit
    assert [name for name, _ in result.best_estimator_.callbacks] == ["counts"]


def test_parameters_of_callbacks_reach_the_fits() -> None:
    estimator = net(callbacks=[("scored", EpochScoring("accuracy", name="seen", on_train=True))])
    policies = {"cold": "cold", "renamed": {"init_policy": "cold", "callbacks__scored__name": "called"}}
    result = comparator(estimator, policies=policies, phases=DataIncremental(2), refit="renamed").fit(X, Y)
    assert (result.results_["error"] == "").all()
    assert "called" in result.best_estimator_.history[-1]


def test_parameters_of_module_and_optimizer_reach_the_fits() -> None:
    policies = {
        "cold": "cold",
        "small": {"init_policy": "cold", "module__hidden_layer_sizes": (2,)},
        "decayed": {"init_policy": "cold", "optimizer__weight_decay": 5.0},
    }
    result = comparator(policies=policies, phases=DataIncremental(2), refit="small").fit(X, Y)
    assert (result.results_["error"] == "").all()
    assert next(result.best_estimator_.module_.parameters()).shape[0] == 2
    last = result.curves_[(result.curves_["repeat"] == 0) & (result.curves_["epoch"] == 3)]
    assert last["train_loss"].nunique() == 3


def test_an_object_with_start_alone_is_compared() -> None:
    class Mine:
        def start(self, previous: Any, fresh: Any, context: Any) -> Any:
            return previous.copy()

    result = comparator(policies=["cold", "warm", Mine()], phases=DataIncremental(2)).fit(X, Y)
    curves = result.curves_.pivot_table(index=["repeat", "epoch"], columns="arm", values="train_loss")
    np.testing.assert_array_equal(curves["Mine()"], curves["warm"])


def test_a_wrong_name_is_refused_before_any_fit() -> None:
    class Never(type(net())):  # type: ignore[misc]
        def fit(self, *args: Any, **kwargs: Any) -> Any:
            raise AssertionError("a fit was begun")

    with pytest.raises(ValueError, match="'module__depth' is no parameter"):
        comparator(Never(), policies={"cold": "cold", "deep": {"module__depth": 3}}).fit(X, Y)


class Guard(TransformerMixin, BaseEstimator):
    """Passes rows on, as many as it may, or leaves one out."""

    def __init__(self, most: int = 10**6, drops: bool = False):
        self.most, self.drops = most, drops

    def fit(self, X: Any, y: Any = None) -> Guard:
        if len(X) > self.most:
            raise RuntimeError(f"more than {self.most} rows")
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Any) -> Any:
        return X[1:] if self.drops else X


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"guard__most": 10}, "RuntimeError: more than 10 rows"),
        ({"guard__drops": True}, "ValueError: the steps before the last one made 111 rows of 112"),
    ],
)
def test_a_step_that_fails_in_one_arm_is_told_of_that_arm(params: dict[str, Any], words: str) -> None:
    policies = {"cold": "cold", "bad": {"init_policy": "warm", **params}, "warm": "warm"}
    pipeline = Pipeline([("guard", Guard()), ("net", net())])
    result = comparator(pipeline, policies=policies, phases=DataIncremental(2)).fit(X, Y)
    errors = result.results_.groupby("arm")["error"].agg(set)
    assert errors["cold"] == errors["warm"] == {""}
    assert all(error.startswith(words) for error in errors["bad"])
    assert result.gain_.loc["bad", "verdict"] == "failed"


def test_each_fit_has_callbacks_of_its_own() -> None:
    unfreeze = GradualUnfreeze(1.5)
    policies = {"cold": "cold", "unfreeze": {"init_policy": "warm", "callbacks": [("unfreeze", unfreeze)]}}
    result = comparator(policies=policies, refit=None).fit(X, Y)
    assert (result.results_["error"] == "").all()
    assert not hasattr(unfreeze, "first_epoch_")
