"""Further fits of the last phase: what stages 4 and 7 are made of."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from comparators import CLOCK, X, Y, comparator, net
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_warmstart import WarmStartClassifier, WarmStartComparator
from sk_warmstart.comparison.findings.stages._pairwise import pairwise_matrix, ratio_of_means
from sk_warmstart.comparison.runs.fits._data import PhaseData
from sk_warmstart.comparison.runs.measures import _noise
from sk_warmstart.comparison.runs.probes import _run
from sk_warmstart.comparison.runs.probes._run import End, disagreement, distance
from sk_warmstart.comparison.runs.probes._start import ProbeStart
from sk_warmstart.state import NetState

ARMS = ("cold", "warm", "shrink_perturb")


def measured_by(monkeypatch: pytest.MonkeyPatch, compared: WarmStartComparator) -> dict[str, pd.DataFrame]:
    """What a comparison measured, as its findings are made from."""
    from sk_warmstart.comparison import _comparator

    seen: dict[str, pd.DataFrame] = {}
    make = _comparator.make_findings

    def spy(results: Any, curves: Any, measured: Any, **rest: Any) -> Any:
        seen.update(measured)
        return make(results, curves, measured, **rest)

    monkeypatch.setattr(_comparator, "make_findings", spy)
    compared.fit(X, Y)
    return seen


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("pipeline", [False, True])
def test_without_noise_and_with_the_seed_of_the_run_it_is_the_run_itself(
    monkeypatch: pytest.MonkeyPatch, packed: bool, pipeline: bool
) -> None:
    monkeypatch.setattr(_run, "probe_seed", lambda seed, number: seed)
    monkeypatch.setattr(_run, "NOISES", (0.0,))
    estimator = net(module__dropout=0.0 if packed else 0.2)  # a pack has masks of its own
    estimator = make_pipeline(StandardScaler(), estimator) if pipeline else estimator
    compared = comparator(estimator, policies=ARMS, n_probes=2, packed=packed)
    measured = measured_by(monkeypatch, compared)
    probes, agreement, results = measured["probes"], measured["agreement"], compared.results_
    ended = results[(results["repeat"] == 0) & (results["phase"] == 3)].set_index("arm")["score"]
    assert len(probes) == 2 * (1 + 2 + 2)  # cold inherits nothing that noise could be put on
    assert (probes["score"] == probes["arm"].map(ended)).all()
    assert (probes["disagreement"].dropna() == 0).all()
    assert (agreement[["disagreement", "distance"]] == 0).all().all()


def test_probes_change_nothing_of_the_comparison() -> None:
    without, beside = (comparator(policies=ARMS, n_probes=n).fit(X, Y) for n in (0, 2))
    for name in ("results_", "curves_"):
        pd.testing.assert_frame_equal(
            *(getattr(c, name).drop(columns=CLOCK, errors="ignore") for c in (without, beside))
        )
    assert list(without.stages_["consistency"]) == ["sd over replicates"]
    assert "change" not in without.stages_["perturbation"]
    assert beside.stages_["consistency"]["runs"].tolist() == [2, 2, 2]
    assert beside.stages_["perturbation"].loc["warm"].index.tolist() == ["0%", "1%", "5%", "20%"]


def test_other_draws_and_noise_make_other_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = measured_by(monkeypatch, comparator(n_probes=3))
    agreement, probes = measured["agreement"], measured["probes"]
    assert len(agreement) == 2 * 3
    assert (agreement.loc[agreement["arm"] == "cold", "distance"] > 0).all()
    assert probes.groupby(["arm", "noise"]).size().to_dict() == {
        ("cold", 0.0): 3,
        **{("warm", noise): 3 for noise in (0.0, *_noise.NOISES)},
    }


def test_weights_after_noise_differ_in_proportion_and_draws_stay() -> None:
    state = NetState.from_module(net(random_state=0).fit(X, Y).module_)
    ends = [End(0.0, None, state), End(0.0, None, state.map(lambda _, tensor: -tensor))]
    assert distance(*ends) == pytest.approx(2.0)
    assert distance(ends[0], ends[0]) == 0
    assert np.isnan(distance(ends[0], End(0.0, None, None)))


def test_disagreement_by_hand() -> None:
    one, other = (End(0.0, np.array(values), None) for values in ([0, 1, 1, 0], [0, 1, 0, 1]))
    assert disagreement(one, other, np.array([0, 0, 1, 1]), classes=True) == 0.5
    # Differences of 1 and -1 in two of four rows; the targets' standard deviation is 2.
    assert disagreement(one, other, np.array([0, 4, 0, 4]), classes=False) == pytest.approx(np.sqrt(0.5) / 2)
    assert np.isnan(disagreement(one, End(0.0, None, None), np.zeros(4), classes=True))


def test_ratio_of_pairwise_means() -> None:
    pairs = pd.DataFrame({"first": [0, 0, 1], "second": [1, 2, 2], "value": [1.0, 2.0, 3.0]})
    one = pairwise_matrix(pairs, "value", 3)
    assert np.array_equal(one, one.T, equal_nan=True)
    found = ratio_of_means(one, one, 0.95)
    assert found.ratio == 1
    assert np.isnan(found.p_value)
    other = one + np.diag([np.nan] * 3)
    # Without run 0, 1 and 2 the means are 3, 2 and 1 against 3, 3 and 3.
    flat = np.full((3, 3), 3.0)
    found = ratio_of_means(other, flat, 0.95)
    logs = np.log([1.0, 2 / 3, 1 / 3])
    scale = np.sqrt(2 / 3 * np.sum((logs - logs.mean()) ** 2))
    assert found.ratio == pytest.approx(2 / 3)
    assert found.high / found.low == pytest.approx(np.exp(2 * 4.30265 * scale), rel=1e-4)


def test_runs_that_never_differ_are_narrower_than_those_that_do() -> None:
    rng = np.random.default_rng(0)
    values = rng.uniform(0.1, 0.2, (8, 8))
    apart = (values + values.T) / 2
    found = ratio_of_means(np.zeros((8, 8)), apart, 0.95)
    assert found.ratio == 0
    assert found.p_value < 1e-4
    assert np.isnan(ratio_of_means(apart, np.zeros((8, 8)), 0.95).ratio)


def test_equal_spreads_are_told_apart_as_seldom_as_stated() -> None:
    rng, n, wrong = np.random.default_rng(1), 10, 0
    for _ in range(400):
        points = rng.normal(size=(2, n, 30))
        one, other = (np.linalg.norm(p[:, None] - p[None], axis=2) for p in points)
        wrong += ratio_of_means(one, other, 0.95).p_value < 0.05
    assert wrong / 400 < 0.09


def test_resumed_probes_come_to_the_same(tmp_path: Path) -> None:
    straight = comparator(n_probes=2).fit(X, Y)
    resumed = [comparator(n_probes=2, resume=tmp_path).fit(X, Y) for _ in range(2)]
    names = [path.name for path in tmp_path.glob("step-*/*.joblib")]
    assert len(names) == len(set(names)) == 2 * (1 + 2 * 2) + 2 * (1 + 4)
    for found in resumed:
        for stage in ("consistency", "perturbation", "runs"):
            pd.testing.assert_frame_equal(found.stages_[stage], straight.stages_[stage])


def test_estimators_of_other_libraries_are_fitted_again_where_a_seed_changes_them() -> None:
    seeded = comparator(SGDClassifier(max_iter=5, tol=None), n_probes=3).fit(X, Y).stages_
    assert seeded["consistency"]["runs"].tolist() == [3, 3]
    assert "distance" not in seeded["consistency"]
    assert seeded["perturbation"].empty
    tuned = comparator(policies=ARMS, tune={"warm": {"lr": [0.001, 0.01]}}, n_probes=2).fit(X, Y)
    assert tuned.stages_["consistency"]["runs"].tolist() == [2, 2, 2]


def test_a_start_without_seed_or_weights_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    start = ProbeStart(*[None] * 2, LogisticRegression(), *[None] * 3)  # type: ignore[arg-type]
    assert start.varies
    assert not start.inherits
    assert start.n_bytes == 0


@pytest.mark.parametrize(("n_rows", "n_columns", "hidden"), [(20_000, 2, (4,)), (100, 300, (256,))])
def test_the_size_of_a_start_is_what_a_fit_holds(n_rows: int, n_columns: int, hidden: tuple[int, ...]) -> None:
    X, y = np.random.default_rng(0).normal(size=(n_rows, n_columns)).astype(np.float32), np.arange(n_rows) % 2
    net = WarmStartClassifier(module__hidden_layer_sizes=hidden, max_epochs=1, random_state=0, warm_start=True)
    net.fit(X, y, sample_id=np.arange(n_rows)).fit(X, y, sample_id=np.arange(n_rows))
    data = PhaseData(X, y, None, {}, np.arange(n_rows))  # type: ignore[arg-type]
    start = ProbeStart(None, None, net, data, None, None)  # type: ignore[arg-type]
    assert 0.5 * start.n_bytes < len(pickle.dumps(net)) < 1.5 * start.n_bytes


def test_few_fits_at_a_time_come_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    together = comparator(n_probes=2).fit(X, Y)
    monkeypatch.setattr(_run, "_BYTES_AT_A_TIME", 1)
    apart = comparator(n_probes=2).fit(X, Y)
    for stage in ("consistency", "perturbation"):
        pd.testing.assert_frame_equal(together.stages_[stage], apart.stages_[stage], atol=1e-6)


@pytest.mark.parametrize("value", [-1, 1.5, "all", True])
def test_n_probes_is_checked(value: Any) -> None:
    with pytest.raises(ValueError, match="n_probes must be an integer of at least 0"):
        comparator(n_probes=value).fit(X, Y)
