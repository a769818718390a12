import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from sk_warmstart.comparison.findings._gain import best_arm, gain_table
from sk_warmstart.statistics import Posterior, correlated_t, pairs_to_decide, rope_verdict

DIFFERENCES = [0.021, 0.034, 0.008, 0.017, 0.027]
some_differences = st.lists(st.floats(-1, 1, allow_nan=False), min_size=2, max_size=12)
ratios = st.floats(0, 1)


def spreads(differences: list[float]) -> bool:
    """Whether the differences are far enough from equal that rounding plays no part."""
    return float(np.std(differences)) > 1e-6


# -- the posterior ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("ratio", [0.0, 1 / 9, 1 / 3])
def test_correlated_t_is_the_published_formula(ratio: float) -> None:
    n = len(DIFFERENCES)
    mean = sum(DIFFERENCES) / n
    variance = sum((d - mean) ** 2 for d in DIFFERENCES) / (n - 1)
    scale = math.sqrt((1 / n + ratio) * variance)
    t = stats.t(df=n - 1, loc=mean, scale=scale)

    posterior = correlated_t(DIFFERENCES, ratio)
    assert (posterior.mean, posterior.scale, posterior.df) == pytest.approx((mean, scale, n - 1))
    for bound in (-0.01, 0.0, 0.01, 0.03):
        assert posterior.below(bound) == pytest.approx(t.cdf(bound))
    assert posterior.interval(0.9) == pytest.approx(t.interval(0.9))


def test_without_overlap_it_is_the_paired_t_test() -> None:
    one_sided = stats.ttest_1samp(DIFFERENCES, 0.0, alternative="greater").pvalue
    assert correlated_t(DIFFERENCES).below(0.0) == pytest.approx(one_sided)


@pytest.mark.parametrize("differences", [[], [0.5]])
def test_fewer_than_two_replicates_decide_nothing(differences: list[float]) -> None:
    posterior = correlated_t(differences, 0.25)
    assert math.isnan(posterior.below(0.0))
    assert all(math.isnan(bound) for bound in posterior.interval(0.95))
    assert rope_verdict(posterior, 0.01, 0.95) == "undecided"
    assert pairs_to_decide(differences, 0.25, 0.01, 0.95) is None


@pytest.mark.parametrize(
    ("value", "verdict"), [(0.05, "beneficial"), (-0.05, "detrimental"), (0.004, "neutral"), (0.0, "neutral")]
)
def test_equal_differences_are_certain(value: float, verdict: str) -> None:
    posterior = correlated_t([value] * 5, 0.25)
    assert posterior.scale == 0
    assert posterior.interval(0.95) == pytest.approx((value, value))
    assert rope_verdict(posterior, 0.01, 0.95) == verdict


@pytest.mark.parametrize("n", [2, 4])
def test_a_few_equal_differences_decide_nothing(n: int) -> None:
    assert rope_verdict(correlated_t([0.05] * n, 0.25), 0.01, 0.95) == "undecided"
    assert pairs_to_decide([0.05] * n, 0.25, 0.01, 0.95) == 5


def test_rounding_is_no_spread() -> None:
    assert 0.1 + 0.2 != 0.3
    assert correlated_t([0.1 + 0.2, *[0.3] * 4]).scale == 0
    assert correlated_t([0.3 + 1e-9, *[0.3] * 4]).scale > 0


def test_all_equal_to_the_bound_is_undecided() -> None:
    assert rope_verdict(correlated_t([0.0] * 5), 0.0, 0.95) == "undecided"


# -- the verdict -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mean", "scale", "verdict"),
    [
        (0.05, 0.005, "beneficial"),
        (-0.05, 0.005, "detrimental"),
        (0.001, 0.002, "neutral"),
        (0.012, 0.01, "undecided"),
        (0.0, 0.05, "undecided"),
    ],
)
def test_four_outcomes(mean: float, scale: float, verdict: str) -> None:
    assert rope_verdict(Posterior(mean, scale, 9), 0.01, 0.95) == verdict


def test_a_verdict_needs_exactly_the_confidence() -> None:
    posterior = Posterior(0.05, 0.02, 9)
    content = 1 - 2 * posterior.below(0.01)  # of the central interval that ends at the ROPE
    assert rope_verdict(posterior, 0.01, content - 1e-9) == "beneficial"
    assert rope_verdict(posterior, 0.01, content + 1e-9) == "undecided"
    assert posterior.interval(content)[0] == pytest.approx(0.01)
    same = Posterior(0.0, 0.005, 9)
    content = 1 - 2 * same.below(-0.01)
    assert rope_verdict(same, 0.01, content - 1e-9) == "neutral"
    assert rope_verdict(same, 0.01, content + 1e-9) == "undecided"


@given(some_differences, ratios, st.floats(0, 0.5))
def test_the_three_regions_make_one(differences: list[float], ratio: float, rope: float) -> None:
    assume(spreads(differences))
    gain, _ = gain_table(frame(np.asarray(differences)), ratio, rope, 0.95)
    p = gain.loc["other", ["p_better", "p_equivalent", "p_worse"]].to_numpy(dtype=float)
    assert p.sum() == pytest.approx(1)
    assert ((p >= -1e-12) & (p <= 1 + 1e-12)).all()


@given(some_differences, ratios, st.floats(0.001, 0.5))
def test_the_other_sign_is_the_other_verdict(differences: list[float], ratio: float, rope: float) -> None:
    assume(spreads(differences))
    here, there = correlated_t(differences, ratio), correlated_t([-d for d in differences], ratio)
    assert there.below(-rope) == pytest.approx(1 - here.below(rope), abs=1e-9)
    assert there.interval(0.9) == pytest.approx(tuple(-bound for bound in here.interval(0.9)[::-1]))
    other = {"beneficial": "detrimental", "detrimental": "beneficial"}
    verdict = rope_verdict(here, rope, 0.9)
    assert rope_verdict(there, rope, 0.9) == other.get(verdict, verdict)


@given(some_differences, ratios, st.floats(0.01, 1))
def test_more_overlap_is_less_sure(differences: list[float], ratio: float, more: float) -> None:
    assume(spreads(differences))
    low, high = correlated_t(differences, ratio).interval(0.95)
    wider_low, wider_high = correlated_t(differences, ratio + more).interval(0.95)
    assert wider_low < low <= high < wider_high


# -- how many pairs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ratio", "rope"), [(0.0, 0.01), (0.005, 0.01), (0.0, 0.05)])
def test_that_many_pairs_decide_and_one_fewer_does_not(ratio: float, rope: float) -> None:
    differences = [0.06, -0.03, 0.05, -0.02, 0.045]
    needed = pairs_to_decide(differences, ratio, rope, 0.95)
    assert needed is not None
    assert needed > len(differences)

    def verdict(n: int) -> str:
        d = np.asarray(differences)
        scale = math.sqrt(1 / n + ratio) * d.std(ddof=1)
        return rope_verdict(Posterior(float(d.mean()), scale, n - 1), rope, 0.95)

    assert verdict(needed) != "undecided"
    assert verdict(needed - 1) == "undecided"


def test_pairs_that_decide_already_are_enough() -> None:
    assert pairs_to_decide([0.05, 0.06, 0.05, 0.06], 0.0, 0.01, 0.95) == 4


def test_overlap_may_leave_it_open_for_ever() -> None:
    differences = [0.06, -0.03, 0.05, -0.02, 0.045]
    assert pairs_to_decide(differences, 1.0, 0.01, 0.95) is None
    needed = pairs_to_decide(differences, 0.0, 0.01, 0.95)
    assert needed is not None
    assert pairs_to_decide(differences, 0.0, 0.01, 0.95, most=needed - 1) is None


# -- cold against cold -----------------------------------------------------------------------------------


def frame(differences: np.ndarray, split_effect: np.ndarray | None = None) -> pd.DataFrame:
    """Runs of two arms, as the comparator records them; one phase."""
    n = len(differences)
    cold = np.full(n, 0.8) if split_effect is None else 0.8 + split_effect
    return frame_of_scores(cold[:, None], (cold + differences)[:, None])


def frame_of_scores(cold: np.ndarray, other: np.ndarray) -> pd.DataFrame:
    """The same from arrays of shape (replicates, phases)."""
    n, phases = cold.shape
    place = pd.MultiIndex.from_product([range(n), range(2, 2 + phases)], names=["repeat", "phase"])
    arms = [
        place.to_frame(index=False).assign(arm=arm, score=scores.ravel())
        for arm, scores in (("cold", cold), ("other", other))
    ]
    return pd.concat(arms, ignore_index=True).assign(
        stream=0,
        epochs=10,
        samples=1000,
        n_fit=100,
        error="",
        seconds=0.1,
        target=np.nan,
        reached=False,
        epochs_to_target=np.nan,
        samples_to_target=np.nan,
    )


def a_a_comparison(rng: np.random.Generator, ratio: float, correlated: bool) -> tuple[np.ndarray, np.ndarray]:
    """Scores of two arms that are the same in truth: one split effect for both, noise of their own.

    There are 10 replicates of 2 phases. With ``correlated`` the differences of the replicates have as much in
    common as the correction assumes.
    """
    split, noise = rng.normal(0, 0.05, size=(10, 1)), 0.01
    cold, other = (0.8 + split + rng.normal(0, noise, size=(10, 2)) for _ in range(2))
    if correlated:
        # Means over two phases of a difference of two noises have the variance noise^2.
        other = other + rng.normal(0, noise * math.sqrt(ratio))
    return cold, other


def most_by_chance(n: int, rate: float) -> int:
    """The count that a rate exceeds once in a thousand experiments only."""
    return int(stats.binom.ppf(0.999, n, rate))


def a_a_counts(ratio: float, rope: float, correlated: bool, n: int, assumed: float | None = None) -> Counter[str]:
    rng = np.random.default_rng(20240501)
    verdicts: Counter[str] = Counter()
    for _ in range(n):
        cold, other = a_a_comparison(rng, ratio, correlated)
        posterior = correlated_t((other - cold).mean(axis=1), ratio if assumed is None else assumed)
        verdicts[rope_verdict(posterior, rope, 0.95)] += 1
    return verdicts


@pytest.mark.parametrize("rope", [0.0, 0.01])
@pytest.mark.parametrize("correlated", [False, True], ids=["independent", "correlated"])
@pytest.mark.parametrize("ratio", [0.0, 1 / 3], ids=["fixed splits", "new splits"])
def test_cold_against_cold_is_rarely_called_a_difference(rope: float, correlated: bool, ratio: float) -> None:
    n = 1000
    counts = a_a_counts(ratio, rope, correlated, n)
    better, worse = counts["beneficial"], counts["detrimental"]
    # The confidence is that of each of the two mistakes.
    assert max(better, worse) <= most_by_chance(n, 0.05)
    if rope > 0 or (ratio > 0 and not correlated):
        assert better + worse <= most_by_chance(n, 0.05)
    if rope == 0:
        assert counts["neutral"] == 0
    elif ratio == 0:
        assert counts["neutral"] > n / 2  # not silent: what is the same is mostly called so


def test_without_the_correction_for_overlap_there_would_be_far_too_many_mistakes() -> None:
    n = 400
    counts = a_a_counts(1 / 3, 0.0, correlated=True, n=n, assumed=0.0)
    assert min(counts["beneficial"], counts["detrimental"]) > most_by_chance(n, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("rope", [0.0, 0.01])
def test_the_table_says_of_cold_against_cold_what_the_statistic_says(rope: float) -> None:
    rng, n, mistakes = np.random.default_rng(5), 50, 0
    for _ in range(n):
        cold, other = a_a_comparison(rng, 1 / 3, correlated=False)
        gain, pairs = gain_table(frame_of_scores(cold, other), 1 / 3, rope, 0.95)
        verdict = gain.loc["other", "verdict"]
        mistakes += verdict in ("beneficial", "detrimental")
        assert verdict == rope_verdict(correlated_t((other - cold).mean(axis=1), 1 / 3), rope, 0.95)
        assert ("other" in pairs) == (verdict == "undecided")
    assert mistakes <= most_by_chance(n, 0.05)


def test_a_true_difference_is_found() -> None:
    rng = np.random.default_rng(1)
    split = rng.normal(0, 0.05, size=10)
    gain, pairs = gain_table(frame(rng.normal(0.05, 0.01, size=10), split), 1 / 3, 0.01, 0.95)
    assert gain.loc["other", "verdict"] == "beneficial"
    assert pairs == {}


# -- the table -------------------------------------------------------------------------------------------


def test_phases_are_averaged_before_replicates_are_compared() -> None:
    rng = np.random.default_rng(2)
    cold, other = rng.normal(0.8, 0.1, size=(6, 3)), rng.normal(0.82, 0.1, size=(6, 3))
    gain, _ = gain_table(frame_of_scores(cold, other), 0.25, 0.01, 0.95)
    by_repeat = (other - cold).mean(axis=1)
    expected = correlated_t(by_repeat, 0.25)
    assert gain.loc["other", "gain"] == pytest.approx(by_repeat.mean())
    low_high = tuple(gain.loc["other", ["gain_low", "gain_high"]])
    assert low_high == pytest.approx(expected.interval(0.95))
    assert gain.loc["cold", "verdict"] == "reference"


def test_the_fastest_of_the_practically_best_goes_on() -> None:
    gain = pd.DataFrame(
        {"score": [0.90, 0.895, 0.905, 0.5], "speedup": [1.0, 3.0, 2.0, 50.0], "verdict": "neutral"},
        index=["cold", "fast", "best", "useless"],
    )
    assert best_arm(gain, rope=0.01) == "fast"
    assert best_arm(gain, rope=0.001) == "best"
    gain.loc["fast", "verdict"] = "failed"
    assert best_arm(gain, rope=0.01) == "best"
    assert best_arm(gain.assign(speedup=np.nan), rope=0.01) == "cold"
