"""Arms of a replicate share everything but their start; replicates are repeatable, packed or not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from comparators import CLOCK, KEYS, X, Y, comparator, net
from joblib import Parallel, delayed, parallel_config
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_warmstart import WarmStartComparator
from sk_warmstart.comparison import DataIncremental
from sk_warmstart.policies import InitPolicy


class Redraw(InitPolicy):
    """Cold by another name: its fresh draw is independent of the cold arm's."""

    def start(self, previous: Any, fresh: Any, context: Any) -> Any:
        return fresh.copy()


def test_arms_of_the_same_policy_are_the_same() -> None:
    policies = {"cold": "cold", "cold again": {"init_policy": "cold"}, "warm": "warm", "warm again": "warm"}
    twins = comparator(policies=policies, n_repeats=5).fit(X, Y)
    for one, other in (("cold", "cold again"), ("warm", "warm again")):
        for table in (twins.results_, twins.curves_):
            rows = [
                table[table["arm"] == arm].drop(columns=["arm", *CLOCK], errors="ignore").reset_index(drop=True)
                for arm in (one, other)
            ]
            pd.testing.assert_frame_equal(*rows)
    assert not np.array_equal(*(twins.results_.loc[twins.results_["arm"] == a, "score"] for a in ("cold", "warm")))
    gain = twins.gain_.loc["cold again"]
    assert gain["gain"] == 0
    # That none of the 133 rows that test differs bounds how common a difference can be, and is no certainty.
    assert -gain["gain_low"] == gain["gain_high"] == pytest.approx(1 - 0.05 ** (1 / 133), rel=0.01)
    assert gain["p_adjusted"] == 1
    assert gain["speedup"] == 1
    assert gain["verdict"] == "undecided"


@pytest.mark.slow
def test_cold_against_another_cold_makes_no_difference() -> None:
    verdicts = []
    for seed in range(4):
        arms = {"cold": "cold", "cold again": Redraw()}
        estimator = make_pipeline(StandardScaler(), net(max_epochs=5, batch_size=16, lr=0.02))
        twice = comparator(
            estimator, policies=arms, phases=DataIncremental(2), n_repeats=6, random_state=seed
        ).fit(X, Y)
        scores = twice.curves_[twice.curves_["epoch"] == 1].set_index([*KEYS, "arm"])["train_loss"].unstack()
        assert (scores["cold"] != scores["cold again"]).all()  # another draw indeed
        verdicts.append(twice.gain_.loc["cold again", "verdict"])
    assert set(verdicts) <= {"neutral", "undecided"}


def test_replicates_differ_and_seeds_repeat_them(fitted: WarmStartComparator) -> None:
    kept = fitted.results_.drop(columns=CLOCK)
    again = clone(fitted).fit(X, Y)
    pd.testing.assert_frame_equal(again.results_.drop(columns=CLOCK), kept)
    pd.testing.assert_frame_equal(again.curves_, fitted.curves_)
    other = clone(fitted).set_params(random_state=1).fit(X, Y)
    assert not np.allclose(other.results_["score"], fitted.results_["score"])
    first, second = (kept[kept["repeat"] == repeat]["start_score"].to_numpy() for repeat in (0, 1))
    assert not np.allclose(first, second)


@pytest.mark.slow
def test_parallel_replicates_are_the_same_replicates() -> None:
    one, two = (comparator(n_jobs=n_jobs).fit(X, Y) for n_jobs in (None, 2))
    pd.testing.assert_frame_equal(one.results_.drop(columns=CLOCK), two.results_.drop(columns=CLOCK))
    pd.testing.assert_frame_equal(one.curves_, two.curves_)


def test_packed_and_one_by_one_agree() -> None:
    """Law 10: how fits are trained changes what they cost and nothing else."""
    policies = ("cold", "warm", "shrink_perturb")
    packed, alone = (comparator(policies=policies, packed=p).fit(X, Y) for p in (True, False))
    tables = [c.results_.drop(columns=CLOCK) for c in (packed, alone)]
    pd.testing.assert_frame_equal(*tables, rtol=1e-6)
    pd.testing.assert_frame_equal(packed.curves_, alone.curves_, rtol=1e-6)
    assert (packed.results_["seconds"] > 0).all()


def test_dropout_in_a_pack_is_repeatable() -> None:
    estimator = net(module__dropout=0.3)
    one, two = (comparator(estimator).fit(X, Y) for _ in range(2))
    pd.testing.assert_frame_equal(one.curves_, two.curves_)


def test_a_comparison_inside_a_packed_search_is_the_same_comparison() -> None:
    alone = comparator(n_repeats=1).fit(X, Y)
    with parallel_config(backend="packed", n_jobs=4):
        inside = comparator(n_repeats=1).fit(X, Y)
        pair = Parallel()(delayed(clone(alone).fit)(X, Y) for _ in range(2))
    for other in (inside, *pair):
        pd.testing.assert_frame_equal(other.curves_, alone.curves_, rtol=1e-6)


def test_an_arm_with_a_random_state_has_draws_of_its_own() -> None:
    arms = {
        "cold": "cold",
        "same": "cold",
        "own": {"init_policy": "cold", "random_state": 1},
        "other": {"init_policy": "cold", "random_state": 2},
    }
    curves = comparator(net(max_epochs=2), policies=arms, phases=DataIncremental(2)).fit(X, Y).curves_
    ends = curves[curves["epoch"] == 2].pivot_table(index="repeat", columns="arm", values="train_loss")
    np.testing.assert_array_equal(ends["cold"], ends["same"])
    assert ends.loc[0, ["cold", "own", "other"]].nunique() == 3
    with pytest.raises(ValueError, match="random_state of the arm 'own' must be an integer"):
        comparator(policies={"cold": "cold", "own": {"init_policy": "warm", "random_state": None}}).fit(X, Y)
