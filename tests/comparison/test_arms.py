from typing import Any

import pytest
import torch
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import EarlyStopping

from sk_warmstart import WarmStartClassifier
from sk_warmstart.comparison.runs._estimators import last_step
from sk_warmstart.comparison.runs.arms._arm import make_arms
from sk_warmstart.policies import Cold, Interpolate, ShrinkPerturb, Warm


def arms_of(policies: Any, estimator: Any = None) -> dict[str, Any]:
    made = make_arms(policies, WarmStartClassifier() if estimator is None else estimator)
    return {arm.name: arm for arm in made}


def test_names_become_arms_and_cold_comes_first() -> None:
    arms = arms_of(("warm", "shrink_perturb", "cold"))
    assert list(arms) == ["cold", "warm", "shrink_perturb"]
    assert [arm.cold for arm in arms.values()] == [True, False, False]
    kinds = [type(arm.options[0].params["init_policy"]) for arm in arms.values()]
    assert kinds == [Cold, Warm, ShrinkPerturb]


def test_objects_are_named_by_their_repr() -> None:
    policy = Interpolate(fresh_share=0.5)
    arms = arms_of(["cold", policy])
    assert arms["Interpolate(fresh_share=0.5)"].options[0].params == {"init_policy": policy}


def test_a_policy_that_forgets_everything_is_cold() -> None:
    arms = arms_of(
        {
            "cold": "cold",
            "again": Cold(),
            "all": Interpolate(fresh_share=1.0),
            "half": Interpolate(fresh_share=0.5),
        }
    )
    assert {name: arm.cold for name, arm in arms.items()} == {
        "cold": True,
        "again": True,
        "all": True,
        "half": False,
    }


def test_a_mapping_gives_names_policies_and_parameters_of_the_estimator() -> None:
    arms = arms_of(
        {
            "cold": "cold",
            "by name": "warm",
            "by object": ShrinkPerturb(0.3),
            "keep": {"init_policy": "warm", "optimizer_state": "keep"},
            "shrink_perturb": {"init_policy__shrink": 0.7, "max_epochs": 3},
            "soft": {"init_policy": "interpolate", "init_policy__fresh_share": 0.2},
            "mine": {"lr": 0.1},
        }
    )
    params = {name: arm.options[0].params for name, arm in arms.items()}
    assert type(params["by name"]["init_policy"]) is Warm
    assert params["by object"]["init_policy"].shrink == 0.3
    assert params["keep"]["optimizer_state"] == "keep"
    assert params["shrink_perturb"]["init_policy"].shrink == 0.7
    assert params["shrink_perturb"]["max_epochs"] == 3
    assert params["soft"]["init_policy"].fresh_share == 0.2
    assert type(params["mine"]["init_policy"]) is Warm  # the estimator's own
    assert params["mine"]["lr"] == 0.1


def test_all_names_that_set_params_takes_are_names_of_an_arm() -> None:
    given = {
        "module__hidden_layer_sizes": (4,),
        "optimizer": torch.optim.SGD,
        "optimizer__momentum": 0.5,
        "optimizer__param_groups__0__lr": 0.1,
        "criterion__label_smoothing": 0.1,
        "callbacks__halt__patience": 3,
        "iterator_train__drop_last": True,
        "batch_size": 16,
    }
    net = WarmStartClassifier(callbacks=[("halt", EarlyStopping())])
    (_, arm) = arms_of({"cold": "cold", "mine": given}, net).values()
    assert {name: arm.options[0].params[name] for name in given} == given


def test_a_policy_of_the_estimators_own_gets_the_parameters() -> None:
    by_name = WarmStartClassifier(init_policy="shrink_perturb", init_policy__shrink=0.6)
    by_object = WarmStartClassifier(init_policy=ShrinkPerturb(shrink=0.6))
    for net in (by_name, by_object):
        arms = arms_of({"cold": "cold", "mine": {"init_policy__perturb": 0.2}}, net)
        policy = arms["mine"].options[0].params["init_policy"]
        assert (policy.shrink, policy.perturb) == (0.6, 0.2)


def test_a_policy_that_only_has_start_is_an_arm() -> None:
    class Half:
        def start(self, previous: Any, fresh: Any, context: Any) -> Any:
            return previous.copy()

    arms = arms_of(["cold", Half()])
    assert list(arms) == ["cold", "Half()"]
    assert not arms["Half()"].cold


def test_the_users_objects_are_not_changed() -> None:
    policy, net = ShrinkPerturb(0.3), WarmStartClassifier()
    given = {"cold": "cold", "mine": {"init_policy": policy, "init_policy__shrink": 0.9}}
    arms = arms_of(given, net)
    assert arms["mine"].options[0].params["init_policy"].shrink == 0.9
    assert policy.shrink == 0.3
    assert given["mine"] == {"init_policy": policy, "init_policy__shrink": 0.9}
    assert net.init_policy == "warm"


def test_the_names_of_version_0_1_are_taken_with_a_warning() -> None:
    with pytest.warns(FutureWarning, match="'shrink' of the arm 'shrink_perturb' is called 'init_policy__shrink"):
        arms = arms_of({"cold": "cold", "shrink_perturb": {"shrink": 0.7}})
    assert arms["shrink_perturb"].options[0].params["init_policy"].shrink == 0.7
    with pytest.warns(FutureWarning, match="is called 'init_policy__shrink'"):
        arms = arms_of({"cold": "cold", "mine": {"init_policy": ShrinkPerturb(0.3), "shrink": 0.9}})
    assert arms["mine"].options[0].params["init_policy"].shrink == 0.9


# -- pipelines -------------------------------------------------------------------------------------------


def pipeline(**params: Any) -> Pipeline:
    return Pipeline([("scaler", StandardScaler()), ("net", WarmStartClassifier(**params))])


def test_in_a_pipeline_a_name_means_the_last_step_and_a_full_one_its_step() -> None:
    (_, arm) = arms_of(
        {"cold": "cold", "mine": {"lr": 0.1, "net__batch_size": 16, "scaler__with_mean": False}}, pipeline()
    ).values()
    option = arm.options[0]
    assert (option.params["lr"], option.params["batch_size"]) == (0.1, 16)
    assert option.steps == {"scaler__with_mean": False}
    (_, arm) = arms_of({"cold": "cold", "mine": {"scaler": "passthrough"}}, pipeline()).values()
    assert arm.options[0].steps == {"scaler": "passthrough"}


def test_a_step_that_is_called_like_a_parameter_of_the_last_gives_way() -> None:
    estimator = Pipeline([("module", StandardScaler()), ("net", WarmStartClassifier())])
    (_, arm) = arms_of({"cold": "cold", "mine": {"module__dropout": 0.5}}, estimator).values()
    assert arm.options[0].params["module__dropout"] == 0.5
    assert arm.options[0].steps == {}


@pytest.mark.parametrize("name", ["scaler__with_median", "memory", "verbose__x", "net__lrate", "other__lr"])
def test_in_a_pipeline_too_names_are_checked(name: str) -> None:
    words = f"the arm 'mine': '{name}' is no parameter of WarmStartClassifier, .* steps before it .scaler__"
    with pytest.raises(ValueError, match=words):
        arms_of({"cold": "cold", "mine": {name: 1}}, pipeline())


@pytest.mark.parametrize(
    ("policies", "message"),
    [
        (("warm",), r"policies must hold 'cold', .* got \['warm'\]"),
        (("cold",), "at least one policy beside 'cold'"),
        ((), "policies must hold 'cold'"),
        (("cold", "warm", "warm"), "holds 'warm' twice: give the arms names of their own in a dict"),
        (("cold", "lukewarm"), r"init_policy must be one of \['cold', 'warm'.*got 'lukewarm'"),
        (("cold", Warm), "init_policy must be one of"),
        ({"cold": "cold", "x": {"shrink": 0.5}}, "the arm 'x': 'shrink' is no parameter of WarmStartClassifier"),
        ({"cold": "cold", "warm": {"shrink": 0.5}}, "the arm 'warm': 'shrink' is no parameter"),
        ({"cold": "cold", "x": {"module__width": 5}}, "'module__width' is no parameter of .*, batch_size, "),
        ({"cold": "cold", "x": {"optimizer__momentum": 0.9}}, "'optimizer__momentum' is no parameter"),
        ({"cold": "cold", "x": {"callbacks__halt__patience": 3}}, "the arm 'x': .*halt"),
        ({"cold": "cold", "x": {"init_policy__shrink": 0.5}}, "the arm 'x': .* has no parameter 'shrink'"),
        ({"cold": {"init_policy": "warm"}, "warm": "warm"}, "the arm 'cold' is the reference and must start cold"),
        ({"cold": "warm", "warm": "warm"}, "the arm 'cold' is the reference and must start cold"),
    ],
)
def test_what_cannot_be_an_arm_says_why(policies: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        arms_of(policies)


# -- estimators of other libraries -----------------------------------------------------------------------


def test_any_estimator_with_warm_start_has_two_arms() -> None:
    arms = arms_of(("warm", "cold"), make_pipeline(StandardScaler(), SGDClassifier()))
    assert [(arm.name, arm.cold, arm.options[0].params) for arm in arms.values()] == [
        ("cold", True, {}),
        ("warm", False, {}),
    ]


@pytest.mark.parametrize("policies", [{"cold": "cold", "warm": "warm"}, {"cold": {}, "warm": {}}])
def test_they_may_be_named_in_a_mapping(policies: dict[str, Any]) -> None:
    assert list(arms_of(policies, LogisticRegression())) == ["cold", "warm"]


@pytest.mark.parametrize(
    ("policies", "estimator", "message"),
    [
        (("cold", "shrink_perturb"), SGDClassifier(), "SGDClassifier starts 'cold' or 'warm'"),
        (("cold", "warm"), KNeighborsClassifier(), "has neither a parameter warm_start nor partial_fit"),
        (("cold", "warm"), object(), "object has neither a parameter warm_start"),
        ({"cold": "cold", "warm": {"alfa": 1.0}}, SGDClassifier(), "'alfa' is no parameter of SGDClassifier"),
        ({"cold": "warm", "warm": "warm"}, SGDClassifier(), "the arm 'cold' is the reference and must start cold"),
        ({"cold": "cold", "warm": ShrinkPerturb()}, SGDClassifier(), "the arm 'warm': SGDClassifier starts"),
        ({"cold": "cold", "warm": {"add": 5}}, SGDClassifier(), "SGDClassifier does not grow by rounds"),
        ({"cold": {"add": 5}, "warm": "warm"}, RandomForestClassifier(), "a cold start adds none"),
        ({"cold": "cold", "warm": {"add": 0}}, RandomForestClassifier(), "add must be an integer of at least 1"),
        ({"cold": "cold", "warm": {"init_policy": "dash"}}, RandomForestClassifier(), "'dash' needs a WarmStart"),
        (
            {"cold": "cold", "warm": {"scaler__with_mean": 1, "forest__depth": 2}},
            Pipeline([("scaler", StandardScaler()), ("forest", RandomForestClassifier())]),
            "'forest__depth' is no parameter of RandomForestClassifier",
        ),
    ],
)
def test_what_they_cannot_do_is_said(policies: Any, estimator: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        arms_of(policies, estimator)


def test_last_step() -> None:
    net: BaseEstimator = SGDClassifier()
    assert last_step(net) is net
    assert last_step(make_pipeline(StandardScaler(), net)) is net


def test_names_of_arms_are_text() -> None:
    with pytest.raises(ValueError, match="the names of arms must be text"):
        arms_of({"cold": "cold", 1: "warm"})


@pytest.mark.parametrize("name", ["", " ", " cold", "warm ", "a\nb", "a\x1b[31m", "\u202eabc", "\ud800"])
def test_names_of_arms_can_be_printed_in_a_line(name: str) -> None:
    with pytest.raises(ValueError, match="is no name of an arm"):
        arms_of({"cold": "cold", name: "warm"})
