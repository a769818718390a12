import sys

import numpy as np
import pandas as pd
import pytest
from findings_by_hand import make_findings
from findings_by_hand import make_gain as by_hand
from matplotlib.figure import Figure
from sklearn.exceptions import NotFittedError

from sk_warmstart.comparison.report.displays._curves import LearningCurvesDisplay
from sk_warmstart.comparison.report.displays._gain import WarmStartGainDisplay
from sk_warmstart.comparison.report.displays._style import VERDICTS, arm_styles, legend_lines, wrapped

NAN = float("nan")


class Fitted:
    def __init__(self, gain, curves):
        rows = {arm: dict(row) for arm, row in gain.iterrows()}
        self.findings_ = make_findings(gain=by_hand(rows), curves=curves, confidence=0.9)


def make_gain():
    rows = {
        "cold": (0.0, NAN, NAN, "reference"),
        "warm": (-0.03, -0.04, -0.02, "detrimental"),
        "shrink": (0.02, 0.015, 0.025, "beneficial"),
        "dash": (0.001, -0.002, 0.004, "neutral"),
        "fire": (0.008, -0.01, 0.026, "undecided"),
    }
    gain = pd.DataFrame.from_dict(rows, orient="index", columns=["gain", "gain_low", "gain_high", "verdict"])
    return gain.rename_axis("arm")


def run(repeat, arm, scores, *, phase=2, per_epoch=10):
    epochs = range(len(scores))
    return pd.DataFrame(
        {
            "repeat": repeat,
            "phase": phase,
            "arm": arm,
            "epoch": list(epochs),
            "samples": [per_epoch * epoch for epoch in epochs],
            "valid_score": scores,
            "train_loss": [1.0 - score for score in scores],
        }
    )


def make_curves():
    return pd.concat(
        [
            run(0, "cold", [0.5, 0.7, 0.9]),
            run(1, "cold", [0.3, 0.5], per_epoch=12),
            run(0, "warm", [0.8, 0.8]),
            run(1, "warm", [0.6, 0.8]),
            run(0, "cold", [0.1, 0.1], phase=1),
        ],
        ignore_index=True,
    )


@pytest.fixture
def ax():
    return Figure().subplots()


# -- gain ------------------------------------------------------------------------------------------------


def test_gain_plot_holds_the_gains_and_intervals_of_every_arm_but_the_reference(ax):
    gain = make_gain()
    display = WarmStartGainDisplay(gain, 0.01).plot(ax=ax)

    assert list(display.points_) == ["warm", "shrink", "dash", "fire"]
    for position, arm in enumerate(display.points_):
        assert display.points_[arm].get_xdata().tolist() == [gain.loc[arm, "gain"]]
        assert display.points_[arm].get_ydata().tolist() == [position]
        low_high = gain.loc[arm, ["gain_low", "gain_high"]].tolist()
        assert display.intervals_[arm].get_xdata().tolist() == low_high
        assert display.verdicts_[arm].get_text() == gain.loc[arm, "verdict"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["warm", "shrink", "dash", "fire"]
    assert ax.yaxis_inverted()


def test_plot_returns_itself_and_keeps_axes_and_figure(ax):
    gain_display = WarmStartGainDisplay(make_gain(), 0.01)
    curves_display = LearningCurvesDisplay(make_curves())
    for display in (gain_display, curves_display):
        assert display.plot(ax=ax) is display
        assert display.ax_ is ax
        assert display.figure_ is ax.figure


def test_init_only_stores_what_it_is_given():
    gain, curves = make_gain(), make_curves()
    assert vars(WarmStartGainDisplay(gain, 0.02, reference="r")) == {
        "gain": gain,
        "rope": 0.02,
        "reference": "r",
        "confidence": None,
        "score_name": None,
    }
    assert vars(LearningCurvesDisplay(curves, "r", "train_loss", 2))["curves"] is curves


def test_rope_band_spans_the_rope(ax):
    display = WarmStartGainDisplay(make_gain(), 0.015).plot(ax=ax)
    x = display.rope_band_.get_extents().transformed(ax.transData.inverted())
    assert (x.x0, x.x1) == pytest.approx((-0.015, 0.015))


def test_every_verdict_has_its_own_colour_and_shape(ax):
    points = WarmStartGainDisplay(make_gain(), 0.01).plot(ax=ax).points_
    assert len({style.marker for style in VERDICTS.values()}) == len(VERDICTS)
    assert len({style.color for style in VERDICTS.values()}) == len(VERDICTS)
    assert {point.get_marker() for point in points.values()} <= {style.marker for style in VERDICTS.values()}
    assert points["shrink"].get_color() == VERDICTS["beneficial"].color


def test_missing_gains_and_intervals_keep_their_row(ax):
    gain = make_gain()
    gain.loc["warm", ["gain_low", "gain_high"]] = NAN
    gain.loc["dash", ["gain", "gain_low", "gain_high"]] = NAN
    display = WarmStartGainDisplay(gain, 0.0).plot(ax=ax)
    ax.figure.canvas.draw()
    assert display.points_["warm"].get_xdata().tolist() == [-0.03]
    assert np.isnan(display.intervals_["warm"].get_xdata()).all()
    assert display.verdicts_["dash"].get_text() == "neutral"


def test_only_a_reference_draws_an_empty_plot(ax):
    display = WarmStartGainDisplay(make_gain().loc[["cold"]], 0.01).plot(ax=ax)
    ax.figure.canvas.draw()
    assert display.points_ == {}


def test_gain_labels_come_from_the_comparator(ax):
    display = WarmStartGainDisplay.from_comparator(Fitted(make_gain(), make_curves())).plot(ax=ax)
    assert ax.get_xlabel() == "score gain over cold (accuracy)"
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["90% interval", "too small to matter (±0.01)"]
    assert display.rope == 0.01


# -- curves ----------------------------------------------------------------------------------------------


def test_a_run_that_stopped_early_keeps_its_last_value(ax):
    display = LearningCurvesDisplay(make_curves()).plot(ax=ax)
    line = display.lines_["cold"]
    assert line.get_xdata().tolist() == [0, 1, 2]
    assert line.get_ydata() == pytest.approx([0.4, 0.6, 0.7])
    band = display.bands_["cold"].get_paths()[0].vertices
    at_the_end = band[band[:, 0] == 2, 1]
    spread = np.std([0.9, 0.5], ddof=1)
    assert (at_the_end.min(), at_the_end.max()) == pytest.approx((0.7 - spread, 0.7 + spread))


def test_samples_on_the_horizontal_axis(ax):
    line = LearningCurvesDisplay(make_curves()).plot(ax=ax, x="samples").lines_["cold"]
    assert line.get_xdata().tolist() == [0, 10, 12, 20]
    assert line.get_ydata() == pytest.approx([0.4, 0.5, 0.6, 0.7])
    assert "samples" in ax.get_xlabel()


def test_the_start_is_marked_and_inside_the_axes(ax):
    display = LearningCurvesDisplay(make_curves()).plot(ax=ax)
    for line in display.lines_.values():
        assert line.get_xdata()[0] == 0
        assert line.get_markevery() == [0]
    assert ax.get_xlim()[0] < 0


def test_the_last_phase_is_the_default_and_others_can_be_asked_for(ax):
    curves = make_curves()
    assert set(LearningCurvesDisplay(curves).plot(ax=ax).lines_) == {"cold", "warm"}
    first = LearningCurvesDisplay(curves, phase=1).plot(ax=ax)
    assert first.lines_["cold"].get_ydata().tolist() == [0.1, 0.1]
    assert first.bands_ == {}  # one repeat has no spread


def test_metric_is_what_is_drawn(ax):
    display = LearningCurvesDisplay(make_curves(), metric="train_loss").plot(ax=ax)
    assert display.lines_["warm"].get_ydata() == pytest.approx([0.3, 0.2])
    assert ax.get_ylabel() == "training loss"


def test_a_run_without_the_metric_is_left_out_of_the_mean(ax):
    curves = pd.concat([make_curves(), run(2, "cold", [NAN, NAN, NAN])])
    line = LearningCurvesDisplay(curves).plot(ax=ax).lines_["cold"]
    assert line.get_ydata() == pytest.approx([0.4, 0.6, 0.7])


def test_an_arm_without_the_metric_has_no_line(ax):
    curves = make_curves()
    curves.loc[curves["arm"] == "warm", "valid_score"] = NAN
    assert list(LearningCurvesDisplay(curves).plot(ax=ax).lines_) == ["cold"]


def test_arms_follow_the_gain_table_and_the_legend_names_them(ax):
    comparator = Fitted(make_gain().loc[["warm", "cold"]], make_curves())
    display = LearningCurvesDisplay.from_comparator(comparator).plot(ax=ax)
    assert list(display.lines_) == ["warm", "cold"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["warm", "cold"]


@pytest.mark.parametrize(
    ("change", "x", "message"),
    [
        ({"metric": "nope"}, "epoch", "no column 'nope'"),
        ({"phase": 7}, "epoch", r"phase can be one of \[1, 2\]"),
        ({}, "seconds", "x must be one of"),
        ({"curves": make_curves().iloc[:0]}, "epoch", "gives no per-epoch curves"),
    ],
)
def test_what_cannot_be_drawn_says_why(ax, change, x, message):
    with pytest.raises(ValueError, match=message):
        LearningCurvesDisplay(**({"curves": make_curves()} | change)).plot(ax=ax, x=x)


# -- both ------------------------------------------------------------------------------------------------


def test_arms_differ_in_line_style_and_the_reference_is_solid():
    styles = arm_styles(["cold", "a", "b", "c", "d", "e"], "cold")
    assert styles["cold"]["linestyle"] == "solid"
    assert len({str(style["linestyle"]) for style in styles.values()}) == 6
    assert len({style["color"] for style in styles.values()}) == 6


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("warm", ["warm"]),
        ("shrink_perturb_half", ["shrink_", "perturb_", "half"]),
        ("two words", ["two ", "words"]),
        ("abcdefghijkl", ["abcdefgh", "ijkl"]),
        ("", [""]),
    ],
)
def test_long_names_break_where_they_can(name, lines):
    assert wrapped(name, 8).split("\n") == lines


@pytest.mark.parametrize(
    ("arms", "lines"),
    [(["cold", "warm"], 1), (["cold", *["shrink_perturb"] * 4], 3), (["cold", "x" * 60], 3)],
)
def test_the_legend_takes_as_many_lines_as_its_names_need(arms, lines):
    assert legend_lines(arms) == lines


def test_names_are_never_read_as_formulas(ax):
    gain = make_gain().rename(index={"warm": "_$broken"})
    WarmStartGainDisplay(gain, 0.01).plot(ax=ax)
    LearningCurvesDisplay(make_curves().replace({"arm": {"warm": "_$\\broken$"}})).plot(ax=ax)
    ax.figure.canvas.draw()
    assert "_$\\broken$" in [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.parametrize("display", [WarmStartGainDisplay, LearningCurvesDisplay])
def test_an_unfitted_comparator_is_named(display):
    with pytest.raises(NotFittedError, match="object has no results yet"):
        display.from_comparator(object())


@pytest.mark.parametrize(
    "display", [WarmStartGainDisplay(make_gain(), 0.01), LearningCurvesDisplay(make_curves())]
)
def test_without_matplotlib_the_error_says_what_to_install(display, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install sk-warmstart\[report\]"):
        display.plot()


def test_own_axes_need_no_pyplot(ax, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    WarmStartGainDisplay(make_gain(), 0.01).plot(ax=ax)
    LearningCurvesDisplay(make_curves()).plot(ax=ax)


def test_without_axes_a_figure_is_made():
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    display = WarmStartGainDisplay(make_gain(), 0.01).plot()
    assert display.figure_ is plt.gcf()
    plt.close(display.figure_)
