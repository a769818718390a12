from typing import Any

import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_warmstart import WarmStartClassifier
from sk_warmstart.comparison.runs._arms import last_step, make_arms
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


def test_a_mapping_gives_names_policies_and_parameters() -> None:
    arms = arms_of(
        {
            "cold": "cold",
            "by name": "warm",
            "by object": ShrinkPerturb(0.3),
            "keep": {"init_policy": "warm", "optimizer_state": "keep"},
            "shrink_perturb": {"shrink": 0.7, "max_epochs": 3},
            "soft": {"init_policy": "interpolate", "fresh_share": 0.2},
        }
    )
    assert type(arms["by name"].options[0].params["init_policy"]) is Warm
    assert arms["by object"].options[0].params["init_policy"].shrink == 0.3
    assert arms["keep"].options[0].params["optimizer_state"] == "keep"
    assert arms["shrink_perturb"].options[0].params["init_policy"].shrink == 0.7
    assert arms["shrink_perturb"].options[0].params["max_epochs"] == 3
    assert arms["soft"].options[0].params["init_policy"].fresh_share == 0.2


def test_the_users_objects_are_not_changed() -> None:
    policy, net = ShrinkPerturb(0.3), WarmStartClassifier()
    given = {"cold": "cold", "mine": {"init_policy": policy, "shrink": 0.9}}
    arms = arms_of(given, net)
    assert arms["mine"].options[0].params["init_policy"].shrink == 0.9
    assert policy.shrink == 0.3
    assert given["mine"] == {"init_policy": policy, "shrink": 0.9}
    assert net.init_policy == "warm"


@pytest.mark.parametrize(
    ("policies", "message"),
    [
        (("warm",), r"policies must hold 'cold', .* got \['warm'\]"),
        (("cold",), "at least one policy beside 'cold'"),
        ((), "policies must hold 'cold'"),
        (("cold", "warm", "warm"), "holds 'warm' twice: give the arms names of their own in a dict"),
        (("cold", "lukewarm"), r"init_policy must be one of \['cold', 'warm'.*got 'lukewarm'"),
        (("cold", Warm), "init_policy must be one of"),
        ({"cold": "cold", "x": {"shrink": 0.5}}, "the arm 'x' names no policy: add 'init_policy'"),
        ({"cold": "cold", "warm": {"shrink": 0.5}}, "has no parameter 'shrink'"),
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
        (("cold", "shrink_perturb"), SGDClassifier(), "SGDClassifier knows only the arms 'cold' and 'warm'"),
        (("cold", "warm"), KNeighborsClassifier(), "has neither a parameter warm_start nor partial_fit"),
        (("cold", "warm"), object(), "object has neither a parameter warm_start"),
        ({"cold": "cold", "warm": {"alpha": 1.0}}, SGDClassifier(), "the arm 'warm' takes no parameters"),
        ({"cold": "warm", "warm": "warm"}, SGDClassifier(), "the arm 'cold' takes no parameters"),
        ({"cold": "cold", "warm": ShrinkPerturb()}, SGDClassifier(), "the arm 'warm' takes no parameters"),
    ],
)
def test_what_they_cannot_do_is_said(policies: Any, estimator: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        arms_of(policies, estimator)


def test_last_step() -> None:
    net: BaseEstimator = SGDClassifier()
    assert last_step(net) is net
    assert last_step(make_pipeline(StandardScaler(), net)) is net
