import numpy as np
import pandas as pd
import pytest
from findings_by_hand import make_findings, make_gain
from matplotlib.figure import Figure
from sklearn.exceptions import NotFittedError

from sk_warmstart.comparison.report.displays._classes import ClasswiseChangeDisplay, has_changes, most_changed

NAN = float("nan")


def make_classes(changes, labels=("cat", "dog", "eel")):
    """One row of changes an arm; cold has none."""
    arms = ["cold", *changes]
    index = pd.MultiIndex.from_product([arms, labels], names=["arm", "class"])
    change = [NAN] * len(labels) + [value for values in changes.values() for value in values]
    return pd.DataFrame({"recall": 0.9, "recall_sd": 0.1, "change": change, "change_sd": 0.02}, index=index)


CLASSES = make_classes({"warm": [0.01, -0.08, 0.03], "dash": [0.05, 0.0, NAN]})


@pytest.fixture
def ax():
    return Figure().subplots()


def test_every_arm_has_a_marker_in_the_row_of_its_class(ax):
    display = ClasswiseChangeDisplay(CLASSES).plot(ax=ax)
    assert list(display.points_) == ["warm", "dash"]
    line, _, (bars,) = display.points_["warm"]
    assert line.get_xdata().tolist() == [0.01, -0.08, 0.03]
    assert bars.get_segments()[1][:, 0].tolist() == pytest.approx([-0.10, -0.06])
    for points in display.points_.values():
        assert np.rint(points.lines[0].get_ydata()).tolist() == [0, 1, 2]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["cat", "dog", "eel"] == display.drawn_
    assert ax.yaxis_inverted()
    ax.figure.canvas.draw()


def test_markers_of_two_arms_do_not_hide_each_other(ax):
    points = ClasswiseChangeDisplay(CLASSES).plot(ax=ax).points_
    warm, dash = (points[arm].lines[0].get_ydata() for arm in ("warm", "dash"))
    assert (dash > warm).all()


@pytest.mark.parametrize(("most", "shown"), [(3, ["cat", "dog", "eel"]), (2, ["dog", "cat"]), (1, ["dog"])])
def test_of_too_many_classes_those_that_any_arm_changed_most(ax, most, shown):
    assert most_changed(CLASSES, most) == shown
    display = ClasswiseChangeDisplay(CLASSES, most=most).plot(ax=ax)
    assert display.drawn_ == shown
    assert display.points_["warm"].lines[0].get_xdata().tolist() == [
        {"cat": 0.01, "dog": -0.08, "eel": 0.03}[label] for label in shown
    ]


def test_a_class_without_changes_comes_last():
    classes = make_classes({"warm": [NAN, 0.0, -0.1]})
    assert most_changed(classes, 2) == ["eel", "dog"]


def test_the_comparator_gives_the_arms_in_its_order(ax):
    class Fitted:
        findings_ = make_findings(
            stages={"classes": CLASSES}, gain=make_gain({"dash": {}, "cold": {"verdict": "reference"}, "warm": {}})
        )

    display = ClasswiseChangeDisplay.from_comparator(Fitted(), most=5).plot(ax=ax)
    assert list(display.points_) == ["dash", "warm"]
    assert display.most == 5
    assert ax.get_xlabel() == "change of recall against cold"


@pytest.mark.parametrize("stages", [{}, {"classes": CLASSES.iloc[:0]}, {"classes": CLASSES.loc[["cold"]]}])
def test_without_changes_there_is_nothing_to_make(stages):
    class Fitted:
        findings_ = make_findings(stages=stages)

    assert not has_changes(stages)
    with pytest.raises(ValueError, match="no class-wise changes"):
        ClasswiseChangeDisplay.from_comparator(Fitted())


def test_an_unfitted_comparator_is_named():
    with pytest.raises(NotFittedError, match="object has no results yet"):
        ClasswiseChangeDisplay.from_comparator(object())
