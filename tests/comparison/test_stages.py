"""The stages of a comparison, against values computed by hand."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris, make_regression
from sklearn.model_selection import TimeSeriesSplit
from sklearn.neural_network import MLPClassifier

from sk_warmstart import WarmStartClassifier, WarmStartComparator, WarmStartRegressor
from sk_warmstart.comparison import DataIncremental
from sk_warmstart.comparison.findings.stages._all import stage_tables
from sk_warmstart.comparison.findings.stages._budgets import read_budgets
from sk_warmstart.comparison.findings.stages._consistency import read_consistency
from sk_warmstart.comparison.findings.stages._cost import cost_table
from sk_warmstart.comparison.findings.stages._perturbation import read_perturbation
from sk_warmstart.comparison.findings.stages._stage import Runs
from sk_warmstart.comparison.report._stages import stage_pages
from sk_warmstart.comparison.runs._answers import Answers
from sk_warmstart.comparison.runs._scorer import PhaseScorer
from sk_warmstart.comparison.runs.measures._measured import Measured
from sk_warmstart.comparison.runs.measures._noise import NOISES, score_under_noise
from sk_warmstart.comparison.runs.measures._recall import recall_by_class
from sk_warmstart.comparison.runs.measures._transfer import PreviousPredictions, flips_since, score_on_all_phases
from sk_warmstart.statistics import DecisionRule

X, Y = load_iris(return_X_y=True)


def run(arm: str, repeat: int, phase: int, score: float, **more: Any) -> dict[str, Any]:
    known = {
        "stream": 0,
        "n_train": 10 * phase,
        "epochs": 4,
        "samples": 40,
        "seconds": 0.5,
        "start_score": 0.1,
        "memory": 1.0,
    }
    reach = {"epochs_to_target": 2.0, "samples_to_target": 20.0, "reached": True}
    return {"arm": arm, "repeat": repeat, "phase": phase, "score": score, **known, **reach, **more}


RESULTS = pd.DataFrame(
    [
        run("cold", 0, 2, 0.5),
        run("cold", 0, 3, 0.7),
        run("cold", 1, 2, 0.7),
        run("cold", 1, 3, 0.9),
        run("warm", 0, 2, 0.8, reached=False, epochs_to_target=np.nan, samples_to_target=np.nan),
        run("warm", 0, 3, 0.8),
        run("warm", 1, 2, 0.8),
        run("warm", 1, 3, 0.82),
    ]
)
GAIN = pd.DataFrame({"gain": [0.0, 0.1]}, index=pd.Index(["cold", "warm"], name="arm"))
EMPTY = {field.name: pd.DataFrame() for field in fields(Measured)}


def tables(
    curves: pd.DataFrame | None = None, results: pd.DataFrame = RESULTS, **measured: Any
) -> dict[str, pd.DataFrame]:
    columns = ["repeat", "stream", "phase", "arm", "epoch", "valid_score"]
    found = {name: pd.DataFrame(rows) for name, rows in measured.items()}
    curves = pd.DataFrame(columns=columns) if curves is None else curves
    return stage_tables(Runs(results, curves, EMPTY | found, GAIN, 0.0, DecisionRule(0.01, 0.95)))


def test_baseline_and_spread() -> None:
    found = tables()
    assert found["baseline"]["score"].to_dict() == pytest.approx({2: 0.6, 3: 0.8})
    assert found["baseline"]["rows"].tolist() == [20, 30]
    spread = found["consistency"]
    # Replicates of cold score 0.6 and 0.8 in the mean over phases, those of warm 0.8 and 0.81.
    assert spread["sd over replicates"].to_dict() == pytest.approx({"cold": 0.1 * 2**0.5, "warm": 0.005 * 2**0.5})
    assert list(spread) == ["sd over replicates"]  # the splits differ too: no word on over-concentration
    cost = found["cost"]
    assert cost.loc["warm", "reached"] == 0.75
    assert cost.loc["warm", "epochs to target"] == 2


def test_gems_measures_on_a_matrix_by_hand() -> None:
    matrix = {
        (1, 1): 0.8,
        (1, 2): 0.3,
        (2, 1): 0.6,
        (2, 2): 0.9,
        (2, 3): 0.4,
        (3, 1): 0.7,
        (3, 2): 0.5,
        (3, 3): 0.9,
    }
    untrained = {(0, 1): 0.2, (0, 2): 0.1, (0, 3): 0.3}
    rows = [
        {"arm": "warm" if i else "", "repeat": 0, "stream": 0, "phase": i, "on_phase": j, "score": score}
        for (i, j), score in (matrix | untrained).items()
    ]
    updates = tables(transfer=rows)["updates"].loc["warm"]
    assert updates["average accuracy"] == pytest.approx((0.7 + 0.5 + 0.9) / 3)
    assert updates["backward transfer"] == pytest.approx(((0.7 - 0.8) + (0.5 - 0.9)) / 2)
    assert updates["forward transfer"] == pytest.approx(((0.3 - 0.1) + (0.4 - 0.3)) / 2)
    assert updates["forgetting"] == pytest.approx(((0.8 - 0.7) + (0.9 - 0.5)) / 2)
    # On all test rows known by then: after the first phase on its own, then what the results say.
    assert updates["average incremental accuracy"] == pytest.approx((0.8 + 0.8 + 0.8) / 3)


def test_rows_of_a_phase_to_come_that_cannot_be_prepared_yet_leave_forward_transfer_out() -> None:
    places = [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (3, 1), (3, 2), (3, 3)]
    rows = [
        {"arm": "warm", "repeat": 0, "stream": 0, "phase": i, "on_phase": j, "score": np.nan if j > i else 0.5}
        for i, j in places
    ]
    updates = tables(transfer=rows)["updates"]
    assert "forward transfer" not in updates
    assert updates.loc["warm", "backward transfer"] == 0


def test_classes_by_hand() -> None:
    says = np.array([[0], [1], [1], [1], [0]])
    truth = np.array([0, 1, 1, 0, 1])
    told = recall_by_class(Answers(Says(), PhaseScorer(says, truth, None)), np.arange(5), {"arm": "warm"})
    assert told == [
        {"arm": "warm", "class": 0, "recall": 0.5},
        {"arm": "warm", "class": 1, "recall": pytest.approx(2 / 3)},
    ]
    recalls = {("cold", 0): (0.5, 0.7), ("warm", 0): (0.6, 0.6), ("cold", 1): (1, 1), ("warm", 1): (1, 0.5)}
    rows = [
        {"arm": arm, "class": label, "repeat": repeat, "stream": 0, "phase": 3, "recall": recall}
        for (arm, label), both in recalls.items()
        for repeat, recall in enumerate(both)
    ]
    found = tables(classes=rows)["classes"]
    assert list(found.index) == [("cold", 0), ("cold", 1), ("warm", 0), ("warm", 1)]
    assert found.loc["cold", ["change", "change_sd", "change_low", "change_high"]].isna().all().all()
    assert found["recall"].tolist() == pytest.approx([0.6, 1, 0.6, 0.75])
    assert found.loc["warm", "change"].tolist() == pytest.approx([0, -0.25])
    assert found.loc["warm", "change_sd"].tolist() == pytest.approx([0.1 * 2**0.5, 0.25 * 2**0.5])


def test_every_arm_against_the_incumbent_by_hand() -> None:
    stays = RESULTS[RESULTS["arm"] == "cold"].assign(arm="incumbent", score=0.6)
    flips = [
        {"arm": arm, "repeat": repeat, "negative_flips": 0.1 * repeat, "positive_flips": 0.3}
        for arm in ("cold", "warm")
        for repeat in (0, 1)
    ]
    results = pd.concat([RESULTS, stays]).assign(error="")
    found = tables(results=results, challenges=flips)["incumbent"]
    assert list(found.index) == ["cold", "warm"]
    assert found["gain"].tolist() == pytest.approx([0.1, 0.205])
    assert found["negative_flips"].tolist() == pytest.approx([0.05, 0.05])
    assert found.loc["warm", "verdict"] == "beneficial"
    assert found.loc["cold", "verdict"] == "undecided"


def test_partial_budgets_are_parts_of_colds_epochs() -> None:
    scores = {"cold": [0.0, 0.2, 0.4, 0.6, 0.8], "warm": [0.5, 0.7]}  # warm stopped after one epoch
    curves = pd.DataFrame(
        [
            {"repeat": r, "stream": 0, "phase": p, "arm": arm, "epoch": i, "valid_score": score}
            for r in (0, 1)
            for p in (2, 3)
            for arm, line in scores.items()
            for i, score in enumerate(line)
        ]
    ).assign(train_loss=1.0, gradient_norm=1.0, distance_from_start=0.0, distance_from_init=0.0)
    runs = tables(curves)["runs"]
    assert runs.loc[("cold", 2), ["valid at 25%", "valid at 50%", "valid at 100%"]].tolist() == [0.2, 0.4, 0.8]
    assert runs.loc[("warm", 3), ["valid at 25%", "valid at 50%", "valid at 100%"]].tolist() == [0.7] * 3
    assert runs.loc[("warm", "all"), "gain at 25%"] == pytest.approx(0.5)


def test_gains_by_budget_are_of_test_rows_with_an_interval_over_replicates() -> None:
    # Weights were kept at the epochs 0, 1, 2 and 4; half of cold's four epochs are two.
    test = {("cold", 0): [0.0, 0.2, 0.4, 0.8], ("cold", 1): [0.0, 0.2, 0.4, 0.8]}
    test |= {("warm", 0): [0.5, 0.6, 0.7, 0.8], ("warm", 1): [0.5, 0.5, 0.5, 0.9]}
    curves = pd.DataFrame(
        [
            {"repeat": r, "stream": 0, "phase": p, "arm": arm, "epoch": epoch, "test_score": score}
            for (arm, r), line in test.items()
            for p in (2, 3)
            for epoch, score in zip((0, 1, 2, 4), line, strict=True)
        ]
    ).assign(train_loss=1.0, gradient_norm=1.0, distance_from_start=0.0, distance_from_init=0.0, valid_score=0.5)
    runs = tables(curves)["runs"]
    assert not any(name.startswith("valid") for name in runs)
    assert runs.loc[("warm", 3), ["test at 25%", "test at 50%", "test at 100%"]].tolist() == pytest.approx(
        [0.55, 0.6, 0.85]
    )
    # Gains at half of the budget: 0.3 and 0.1; t of one degree of freedom at 0.975 is 12.706.
    assert runs.loc[("warm", "all"), "gain at 50%"] == pytest.approx(0.2)
    assert runs.loc[("warm", "all"), "± at 50%"] == pytest.approx(12.706 * 0.1, rel=1e-4)
    assert np.isnan(runs.loc[("cold", 2), "gain at 50%"])
    assert list(read_budgets(runs)) == [
        "With 25% of cold's epochs warm is not shown to differ from cold (+0.3500 ± 0.6353); with all of them it "
        "is not shown to differ from cold (+0.0500 ± 0.6353)."
    ]


def test_runs_from_one_start_and_noise_on_what_is_inherited_by_hand() -> None:
    place = {"repeat": 0, "stream": 0, "phase": 3}
    scores = {"cold": [0.5, 0.7, 0.6, 0.8], "warm": [0.70, 0.72, 0.71, 0.71]}
    probes = [
        {**place, "arm": arm, "probe": i, "noise": 0.0, "score": score, "disagreement": np.nan, "error": ""}
        for arm, line in scores.items()
        for i, score in enumerate(line)
    ]
    moved = [0.66, 0.70, 0.69, 0.67]  # changes of -0.04, -0.02, -0.02 and -0.04
    probes += [
        {**place, "arm": "warm", "probe": i, "noise": 0.2, "score": score, "disagreement": 0.1, "error": ""}
        for i, score in enumerate(moved)
    ]
    rng = np.random.default_rng(0)
    agreement = [
        {
            **place,
            "arm": arm,
            "first": i,
            "second": j,
            "disagreement": at + 0.01 * rng.random(),
            "distance": np.nan,
        }
        for arm, at in (("cold", 0.2), ("warm", 0.1))
        for i in range(4)
        for j in range(i + 1, 4)
    ]
    noise = [
        {"repeat": r, "stream": 0, "phase": 3, "arm": "warm", "noise": 0.2, "plain": 0.7, "score": score}
        for r, score in enumerate((0.6, 0.5))
    ]
    found = tables(probes=probes, agreement=agreement, noise=noise)
    table = found["consistency"]
    assert table["runs"].tolist() == [4, 4]
    assert table["sd"].to_dict() == pytest.approx({arm: np.std(line, ddof=1) for arm, line in scores.items()})
    assert table.loc["warm", "sd by cold's"] == pytest.approx(table["sd"]["warm"] / table["sd"]["cold"])
    assert table.loc["warm", "disagreement by cold's"] == pytest.approx(0.5, abs=0.05)
    assert "predictions" in table.loc["warm", "over-concentrated"]
    assert table.loc["cold", "over-concentrated"] == ""
    assert "distance" not in table
    assert [sentence[:56] for sentence in read_consistency(table)] == [
        "Run 4 times from one start, warm is over-concentrated: i"
    ]
    row = found["perturbation"].loc[("warm", "20%")]
    assert row["change"] == pytest.approx(-0.03)
    # Student's t of three degrees of freedom at 0.975 is 3.1824.
    half = 3.1824 * np.std([-0.04, -0.02, -0.02, -0.04], ddof=1) / 2
    assert [row["change, low"], row["change, high"]] == pytest.approx([-0.03 - half, -0.03 + half], abs=1e-5)
    assert row["loss at the end"] == pytest.approx(0.15)
    assert row["loss at the end, high"] == pytest.approx(0.15 + 12.706 * 0.05, rel=1e-4)
    assert list(read_perturbation(found["perturbation"])) == [
        "Noise of 20% on the weights that warm inherits changes its score by -0.0300 (disagreement of its "
        "predictions at 20%: 0.100)."
    ]


class Says(ClassifierMixin, BaseEstimator):
    """Predicts the first column."""

    def predict(self, X: Any) -> Any:
        return np.asarray(X)[:, 0]


def test_scores_on_all_phases_and_flips_on_all_rows_of_the_phase_before() -> None:
    truth = np.array([1, 1, 0, 0, 1])
    says = np.array([[1], [0], [0], [1], [1]])
    before = PreviousPredictions(np.arange(4), np.array([1, 1, 1, 0]))

    def score(net: Any, X: Any, y: Any) -> float:
        return float((net.predict(X) == y).mean())

    answers = Answers(Says(), PhaseScorer(says, truth, score))
    tests = {1: np.arange(4), 2: np.array([3, 4]), 3: np.array([4])}
    transfer = score_on_all_phases(answers, tests, 2, {"arm": "a"})
    assert [(row["on_phase"], row["score"]) for row in transfer] == [(1, 0.5), (2, 0.5), (3, 1.0)]
    flips, known = flips_since(answers, np.arange(5), before, {"arm": "a"})
    # Right before: 0, 1 and 3; of these 1 and 3 are wrong now; 2 was wrong and is right.
    assert flips[0]["negative_flips"] == 0.5
    assert flips[0]["positive_flips"] == 0.25
    assert flips[0]["retained"] == pytest.approx(1 / 3)
    assert known is not None
    assert known.test.tolist() == [0, 1, 2, 3, 4]
    assert known.predictions.tolist() == [1, 0, 0, 1, 1]


def test_noise_is_relative_repeatable_and_leaves_the_network() -> None:
    net = WarmStartClassifier(max_epochs=30, random_state=0).fit(X, Y)
    before = [p.detach().clone() for p in net.module_.parameters()]

    def score(net: Any, X: Any, y: Any) -> float:
        return float(net.score(X, y))

    everything = np.arange(len(Y))
    told = [score_under_noise(Answers(net, PhaseScorer(X, Y, score)), everything, 0, {}, 10) for _ in range(2)]
    assert told[0] == told[1]
    assert [row["noise"] for row in told[0]] == list(NOISES)
    assert all(torch.equal(p, kept) for p, kept in zip(net.module_.parameters(), before, strict=True))
    scaled = WarmStartClassifier(max_epochs=30, random_state=0).fit(X, Y)
    sizes = []

    def size(net: Any, X: Any, y: Any) -> float:
        moved = net.module_.output.weight.detach() - before[-2]
        sizes.append(float(moved.square().mean().sqrt() / before[-2].square().mean().sqrt()))
        return 0.0

    score_under_noise(Answers(scaled, PhaseScorer(X, Y, size)), everything, 1, {})
    assert sizes[0] == 0
    assert sizes[1:] == pytest.approx(10 * NOISES, rel=0.2)  # ten draws each, of a single replicate
    assert score_under_noise(Answers(MLPClassifier(), PhaseScorer(X, Y, score)), everything, 0, {}) == []


def test_a_comparison_has_all_stages_and_its_page_shows_them(tmp_path: Any) -> None:
    net = WarmStartClassifier(max_epochs=4, module__hidden_layer_sizes=(8,))
    fitted = WarmStartComparator(net, ("cold", "warm"), TimeSeriesSplit(3), n_repeats=2, random_state=0).fit(
        X[::-1], Y[::-1]
    )
    stages = fitted.stages_
    names = ["baseline", "runs", "trajectories", "consistency", "updates", "conditions", "classes", "cost"]
    assert list(stages) == [*names, "perturbation", "verdict"]
    assert stages["verdict"] is fitted.gain_
    assert stages["updates"].loc["warm"].notna().all()
    assert (stages["cost"]["checkpoint, kB"] > 1).all()
    page = fitted.report(tmp_path / "report.html").read_text()
    for table in stage_pages(fitted.findings_):
        assert f'id="stage-{table.name}"' in page
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_numbers_have_no_flips_and_other_estimators_have_what_can_be_seen() -> None:
    A, b = make_regression(120, 4, random_state=0)
    settings: dict[str, Any] = {"phases": DataIncremental(3), "n_repeats": 1, "refit": None, "random_state": 0}
    numbers = WarmStartComparator(WarmStartRegressor(max_epochs=2), ("cold", "warm"), **settings).fit(
        A, b / b.std()
    )
    assert "negative flips" not in numbers.stages_["updates"]
    assert "forgetting" not in numbers.stages_["updates"]  # all phases have the same test rows
    foreign = MLPClassifier((4,), max_iter=300, tol=0.1)
    seen = WarmStartComparator(foreign, ("cold", "warm"), **settings).fit(X, Y).stages_
    assert seen["perturbation"].empty
    assert "negative flips" in seen["updates"]


def test_cost_tells_what_is_known_of_each_arm() -> None:
    def table(**changes: Any) -> pd.DataFrame:
        results = RESULTS.assign(process_seconds=np.where(RESULTS["arm"] == "cold", 0.75, 0.25)).assign(**changes)
        gain = GAIN.assign(speedup=[1.0, 5.0])
        checkpoints = pd.DataFrame(
            [{"repeat": 0, "arm": "warm", "bytes": 2000, "seconds": 0.03, "loading_seconds": 0.01}]
        )
        return cost_table(
            Runs(results, pd.DataFrame(), {"checkpoints": checkpoints}, gain, 0.0, DecisionRule(0.01, 0.95))
        )

    cost = table()
    assert cost["processors busy"].to_dict() == pytest.approx({"cold": 1.5, "warm": 0.5})
    assert cost["seconds saved"].to_dict() == pytest.approx({"cold": 0.0, "warm": 0.4})
    warm = cost.loc["warm"]
    assert (warm["checkpoint, saving seconds"], warm["checkpoint, loading seconds"]) == (0.03, 0.01)
    assert warm["checkpoint by saved"] == pytest.approx(0.1)
    assert np.isnan(cost.loc["cold", "checkpoint by saved"])
    assert cost["peak memory, MB"].tolist() == [1.0, 1.0]
    is_warm = RESULTS["arm"] == "warm"
    for memory in (np.where(is_warm, 1.0, 0.0), np.where(is_warm, 1.0, np.nan)):  # no arm's, or of one only
        assert "peak memory, MB" not in table(memory=memory)
    assert "processors busy" not in table(process_seconds=np.nan)
    assert "GPU busy" not in cost
    assert table(gpu_utilisation=np.where(is_warm, 0.5, 0.25))["GPU busy"].tolist() == [0.25, 0.5]
