import numpy as np
import pandas as pd
import pytest
from findings_by_hand import make_findings
from matplotlib.figure import Figure
from sklearn.exceptions import NotFittedError

from sk_warmstart.comparison.report.displays._cost import CostScoreDisplay, cost_table

NAN = float("nan")


# Two phases in the first replicate, one in the second: phases are no replicates.
RESULTS = pd.DataFrame(
    {
        "repeat": [0, 0, 1, 0, 0, 1],
        "phase": [2, 3, 2, 2, 3, 2],
        "arm": ["cold"] * 3 + ["warm"] * 3,
        "n_train": 100,
        "n_test": 50,
        "start_score": NAN,
        "seconds": [1.0, 3.0, 4.0, 0.1, 0.1, 0.1],
        "samples": [10, 30, 40, 5, 5, 5],
        "score": [0.8, 0.9, 0.95, 0.9, 0.9, 0.9],
    }
)


class Fitted:
    findings_ = make_findings(results=RESULTS)


@pytest.fixture
def ax():
    return Figure().subplots()


def make_costs(cold=4.0, warm=1.0):
    return pd.DataFrame(
        {"cost": [cold, warm], "cost_sd": [0.5, NAN], "score": [0.9, 0.92], "score_sd": [0.01, 0.02]},
        index=["cold", "warm"],
    )


def test_phases_are_averaged_inside_a_replicate_first():
    row = cost_table(RESULTS, "seconds").loc["cold"]
    assert row["cost"] == pytest.approx(3.0)  # of 2 and 4
    assert row["cost_sd"] == pytest.approx(np.std([2, 4], ddof=1))
    assert row["score"] == pytest.approx(0.9)
    assert row["score_sd"] == pytest.approx(np.std([0.85, 0.95], ddof=1))


def test_points_stand_at_cost_and_score_and_bars_span_one_deviation(ax):
    display = CostScoreDisplay(make_costs(), score_name="R2").plot(ax=ax)
    point, _, bars = display.points_["cold"]
    assert point.get_xydata().tolist() == [[4.0, 0.9]]
    across, upright = (bar.get_segments()[0] for bar in bars)
    assert across[:, 0].tolist() == pytest.approx([3.5, 4.5])
    assert upright[:, 1].tolist() == pytest.approx([0.89, 0.91])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("seconds a fit", "R2")
    assert display.ax_ is ax
    assert display.figure_ is ax.figure


def test_lines_mark_the_reference(ax):
    CostScoreDisplay(make_costs()).plot(ax=ax)
    lines = [line.get_xydata().tolist() for line in ax.get_lines()]
    assert [[4.0, 0.0], [4.0, 1.0]] in lines
    assert [[0.0, 0.9], [1.0, 0.9]] in lines


@pytest.mark.parametrize(("warm", "scale"), [(0.39, "log"), (0.41, "linear"), (0.0, "linear")])
def test_more_than_a_decade_takes_logarithms(ax, warm, scale):
    CostScoreDisplay(make_costs(warm=warm)).plot(ax=ax)
    assert ax.get_xscale() == scale
    ax.figure.canvas.draw()
    left, right = ax.get_xlim()
    assert left <= warm
    assert right > 4.5  # the bar of cold ends inside
    assert scale == "log" or left == 0


def test_the_comparator_gives_costs_and_names(ax):
    display = CostScoreDisplay.from_comparator(Fitted(), cost="samples").plot(ax=ax)
    assert display.points_["cold"].lines[0].get_xdata().tolist() == [30.0]
    assert ax.get_xlabel() == "training samples a fit"
    assert ax.get_ylabel() == "accuracy"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["cold", "warm"]


def test_an_arm_without_a_cost_is_left_out(ax):
    display = CostScoreDisplay(make_costs(warm=NAN)).plot(ax=ax)
    assert list(display.points_) == ["cold"]
    with pytest.raises(ValueError, match="no arm has both a cost and a score"):
        CostScoreDisplay(make_costs(NAN, NAN)).plot(ax=ax)


def test_an_unknown_cost_and_an_unfitted_comparator_are_errors():
    with pytest.raises(ValueError, match=r"cost must be one of \['samples', 'seconds'\]"):
        CostScoreDisplay.from_comparator(Fitted(), cost="money")
    with pytest.raises(NotFittedError):
        CostScoreDisplay.from_comparator(object())


def test_large_costs_are_told_in_short_numbers() -> None:
    costs = pd.DataFrame(
        {"cost": [800_000.0, 300_000.0], "cost_sd": [1e4, 1e4], "score": [0.7, 0.8], "score_sd": [0.01, 0.01]},
        index=["cold", "warm"],
    )
    axis = CostScoreDisplay(costs, cost="samples").plot().ax_.xaxis
    labels = [axis.get_major_formatter()(tick) for tick in axis.get_majorticklocs()]
    assert len(labels) <= 8
    assert "200 k" in labels
