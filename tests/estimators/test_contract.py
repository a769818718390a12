"""scikit-learn's contract, without expected failures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks
from skorch import NeuralNetClassifier

from sk_warmstart import WarmStartClassifier, WarmStartMixin, WarmStartRegressor, WarmStartTransformer
from sk_warmstart.policies import ShrinkPerturb

X = np.random.default_rng(0).normal(size=(60, 4))
y = (X[:, 0] > 0).astype(int)


@parametrize_with_checks([WarmStartClassifier(), WarmStartRegressor(), WarmStartTransformer()])
def test_check_estimator(estimator: Any, check: Any) -> None:
    check(estimator)


class TestParameters:
    def test_names_are_those_of_the_constructor(self) -> None:
        net = WarmStartClassifier(module__hidden_layer_sizes=(4,), optimizer__weight_decay=0.1)
        params = net.get_params(deep=False)
        assert params["module__hidden_layer_sizes"] == (4,)
        assert not [name for name in params if name.startswith("_") or name.endswith("_")]
        assert params["device"] == "auto"
        assert clone(net).get_params(deep=False) == params

    def test_fitting_changes_no_parameter(self) -> None:
        net = WarmStartClassifier(max_epochs=1)
        before = net.get_params(deep=False)
        net.fit(X, y).partial_fit(X, y)
        assert net.get_params(deep=False) == before

    def test_nested_policy_parameters(self) -> None:
        named = WarmStartClassifier(init_policy="shrink_perturb", init_policy__shrink=0.7)
        assert clone(named).get_params()["init_policy__shrink"] == 0.7
        named.set_params(init_policy__shrink=0.8)
        assert named.get_params()["init_policy__shrink"] == 0.8
        equal = "".join(["shrink_", "perturb"])  # another object of the same value
        assert named.set_params(init_policy=equal).get_params()["init_policy__shrink"] == 0.8
        assert "init_policy__shrink" not in clone(named).set_params(init_policy="warm").get_params()
        held = WarmStartClassifier(init_policy=ShrinkPerturb())
        held.set_params(init_policy__shrink=0.9)
        assert held.init_policy.shrink == 0.9
        both = WarmStartClassifier().set_params(init_policy__shrink=0.3, init_policy="shrink_perturb")
        donor = both.fit(X, y).set_params(warm_start=True, max_epochs=0).fit(X, y)
        assert donor.start_.params["shrink"] == 0.3

    def test_unknown_names_are_refused(self) -> None:
        net = WarmStartClassifier(max_epochs=1).fit(X, y)
        for name in ("nonsense", "modul__hidden", "init_polic__shrink"):
            with pytest.raises(ValueError, match="Invalid parameter"):
                net.set_params(**{name: 1})
        with pytest.raises(ValueError, match="got unexpected argument"):
            WarmStartClassifier(nonsense=1).fit(X, y)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("max_epochs", -1),
            ("max_epochs", 1.5),
            ("batch_size", 0),
            ("lr", -1.0),
            ("optimizer_state", "hold"),
            ("schema", "loose"),
            ("dtype", "float16"),
            ("validation_fraction", 0.0),
            ("validation_fraction", 1),
            ("n_iter_no_change", 0),
            ("tol", -1e-3),
            ("early_stopping", "yes"),
            ("warm_start", "yes"),
        ],
    )
    def test_values_out_of_range_are_named_and_cost_nothing(self, name: str, value: Any) -> None:
        net = WarmStartClassifier(max_epochs=1, random_state=0).fit(X, y)
        before = net.predict_proba(X)
        good = net.get_params()[name]
        net.set_params(**{name: value})
        with pytest.raises(ValueError, match=f"The '{name}' parameter must be .*, got .* instead"):
            net.fit(X, y)
        assert np.array_equal(net.set_params(**{name: good}).predict_proba(X), before)

    def test_learning_rate_of_a_fitted_net_is_set_at_once(self) -> None:
        net = WarmStartClassifier(max_epochs=1).fit(X, y)
        net.set_params(lr=0.5, optimizer__weight_decay=0.2)
        assert net.optimizer_.param_groups[0]["lr"] == 0.5
        assert net.optimizer_.param_groups[0]["weight_decay"] == 0.2
        assert clone(net).get_params()["optimizer__weight_decay"] == 0.2

    def test_numbers_of_one_group(self) -> None:
        groups = [("output*", {"lr": 0.5})]
        net = WarmStartClassifier(max_epochs=1, optimizer__param_groups=groups).fit(X, y)
        net.set_params(optimizer__param_groups__0__lr=0.7)
        assert [group["lr"] for group in net.optimizer_.param_groups] == [0.7, 1e-3]
        assert "optimizer__param_groups__0__lr" not in clone(net).get_params()


def test_the_mixin_makes_a_warm_net_of_another_skorch_class() -> None:
    class Theirs(NeuralNetClassifier):
        def get_loss(self, *args: Any, **kwargs: Any) -> Any:
            self.calls_ = getattr(self, "calls_", 0) + 1
            return super().get_loss(*args, **kwargs)

    class Net(WarmStartMixin, Theirs):
        pass

    from torch import nn

    class Probabilities(nn.Sequential):
        def __init__(self, n_features: int, n_outputs: int):
            super().__init__(nn.Linear(n_features, n_outputs), nn.Softmax(-1))

    net = Net(Probabilities, warm_start=True, train_split=None, verbose=0, max_epochs=2, lr=0.1)
    labels = np.array(["no", "yes"])[y]
    net.fit(X, labels).fit(X, labels)
    assert net.start_.policy == "Warm"
    assert net.calls_ > 0
    assert len(net.history) == 4
    assert set(net.predict(X)) <= {"no", "yes"}


def test_what_a_module_draws_itself_is_seeded() -> None:
    class Noisy(torch.nn.Module):
        def __init__(self, n_features: int, n_outputs: int):
            super().__init__()
            self.layer = torch.nn.Linear(n_features, n_outputs)

        def forward(self, X: torch.Tensor) -> torch.Tensor:
            return self.layer(X + torch.randn_like(X) if self.training else X)

    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 3)), rng.integers(0, 2, 60)
    one, two = (WarmStartClassifier(Noisy, max_epochs=3, random_state=0).fit(X, y) for _ in range(2))
    assert one.loss_curve_ == two.loss_curve_
