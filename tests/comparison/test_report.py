import hashlib
import re
import sys
from base64 import b64encode
from html.parser import HTMLParser
from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from sk_warmstart.comparison.report._html import render_report, short_html, write_report

NAN = float("nan")
GAIN_COLUMNS = [
    *("score", "gain", "gain_low", "gain_high", "p_better", "p_equivalent", "p_worse"),
    *("speedup", "speedup_low", "speedup_high", "reached", "seconds", "verdict"),
]
GAIN_ROWS = {
    "cold": (0.9412, 0.0, NAN, NAN, NAN, NAN, NAN, 1.0, NAN, NAN, 0.9, 1.84, "reference"),
    "warm": (
        0.9301,
        -0.0111,
        -0.0155,
        -0.0067,
        0.0001,
        0.31,
        0.6899,
        2.84,
        1.9,
        4.2,
        0.7,
        0.612,
        "undecided",
    ),
    "<b>x</b>": (
        0.9628,
        0.0216,
        0.0152,
        0.028,
        0.99993,
        7e-5,
        0.0,
        1.93,
        1.41,
        2.62,
        1.0,
        150.0,
        "beneficial",
    ),
}
CURVE_COLUMNS = [
    *("repeat", "phase", "arm", "epoch", "samples", "train_loss", "valid_loss", "valid_score"),
    *("gradient_norm", "distance_from_start", "distance_from_init"),
]


def make_results(n_repeats, phases):
    return pd.DataFrame(
        [
            {
                "repeat": repeat,
                "phase": phase,
                "arm": arm,
                "n_train": 100 * phase,
                "n_test": 50,
                "score": 0.8 + 0.01 * phase + 0.002 * repeat,
                "start_score": NAN if arm == "cold" else 0.5,
                "seconds": 0.5 + 0.1 * repeat,
                "samples": 1000 * phase,
            }
            for repeat in range(n_repeats)
            for phase in phases
            for arm in GAIN_ROWS
        ]
    )


def make_curves(n_repeats, phases):
    rows = [
        (
            repeat,
            phase,
            arm,
            epoch,
            100 * epoch,
            NAN,
            1 / (1 + epoch),
            0.5 + 0.1 * epoch,
            NAN,
            epoch**0.5,
            NAN,
        )
        for repeat in range(n_repeats)
        for phase in phases
        for arm in GAIN_ROWS
        for epoch in range(4 - repeat % 2)
    ]
    return pd.DataFrame(rows, columns=CURVE_COLUMNS)


def make_comparator(*, n_repeats=3, phases=(2, 3), curves=True, **changes):
    table = make_curves(n_repeats, phases)
    content = {
        "gain_": pd.DataFrame.from_dict(GAIN_ROWS, orient="index", columns=GAIN_COLUMNS).rename_axis("arm"),
        "results_": make_results(n_repeats, phases),
        "curves_": table if curves else table.iloc[:0],
        "reference_": "cold",
        "best_policy_": "<b>x</b>",
        "verdict_": ["<b>x</b> is beneficial.", "warm is undecided: 24 pairs would decide."],
        "rope": 0.01,
        "confidence": 0.95,
        "n_repeats": n_repeats,
        "settings_": {"phases": "DataIncremental(3)", "random_state": 0, "odd": "<script>1</script>"},
        "scorer_name_": "accuracy",
        "fixed_splits_": False,
    }
    return SimpleNamespace(**(content | changes))


class Page(HTMLParser):
    """What a page loads, names, and says, cell by cell."""

    VOID = {"meta", "br", "path", "use", "rect"}

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.ids, self.rows, self.open = [], [], [], [], []
        self.keys = []  # what the cells are sorted by
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href", "srcset", "data")]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
            self.keys.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.keys[-1].append(dict(attrs).get("data-value"))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    def row(self, start, nth=0):
        plain = str.maketrans("\N{MINUS SIGN}\N{EN DASH}", "--")
        rows = [[" ".join(cell.translate(plain).split()) for cell in row] for row in self.rows]
        return [row for row in rows if row and row[0] == start][nth]


@pytest.fixture(scope="module")
def page():
    return render_report(make_comparator())


def test_gain_table_shows_rounded_numbers_with_their_intervals(page):
    table = Page(page)
    assert table.row("cold") == ["cold", "reference", "0.941", *["-"] * 5, "90%", "1.84 s"]
    assert table.row("warm") == [
        *("warm", "◆ undecided", "0.930", "-0.011[-0.015, -0.007]"),
        *("<0.1%", "31.0%", "69.0%", "2.8x[1.9, 4.2]", "70%", "612 ms"),
    ]
    assert table.row("<b>x</b>")[3:] == [
        *("+0.022[0.015, 0.028]", ">99.9%", "<0.1%", "0%", "1.9x[1.4, 2.6]", "100%", "2.5 min")
    ]


def test_scores_by_phase_are_means_and_deviations_over_replicates(page):
    # The scores of the three replicates are 0.002 apart, so their standard deviation is 0.002.
    assert Page(page).row("cold", 1) == ["cold", "0.822 ± 0.002", "0.832 ± 0.002"]
    assert Page(page).row("warm", 1)[1] == "0.822 ± 0.002start 0.500"


def test_verdict_settings_and_versions_are_on_the_page(page):
    assert "warm is undecided: 24 pairs would decide." in re.sub("</?strong>", "", page)
    assert Page(page).row("random_state") == ["random_state", "0"]
    assert f"pandas {pd.__version__}" in page


def test_every_text_is_escaped(page):
    assert "<b>" not in page
    assert page.count("<script") == 1
    assert page.count("&lt;b&gt;x&lt;/b&gt;") > 5  # tables, sentences and the text inside the plots
    assert "&lt;script&gt;1&lt;/script&gt;" in page


def test_page_is_well_formed_and_loads_nothing(page):
    parsed = Page(page)
    assert parsed.open == []
    assert len(parsed.ids) == len(set(parsed.ids))
    assert parsed.links
    assert all(link.startswith("#") and link[1:] in parsed.ids for link in parsed.links)
    assert all(target in parsed.ids for target in re.findall(r"url\(#([^)]*)\)", page))
    assert set(re.findall(r"url\((.)", page)) == {"#"}
    assert not {"link", "img", "iframe"} & set(parsed.tags)
    assert "src" not in re.findall(r"<script([^>]*)>", page)[0]
    assert "http://" not in page
    assert "https://" not in page
    assert "@import" not in page


def test_plots_follow_the_colours_of_the_page(page):
    # Gain, cost in seconds and in samples, score by phase, and the three metrics that have values.
    assert Page(page).tags.count("svg") == 7
    assert "fill: currentColor" in page
    assert "stroke: currentColor" in page
    assert "#000000" not in "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    assert "color-scheme: light dark" in page


def test_same_results_give_the_same_bytes_whatever_the_style_in_use(page):
    before = matplotlib.rcParams["font.size"]
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path"}):
        assert render_report(make_comparator()) == page
        assert matplotlib.rcParams["font.size"] == 30
    assert matplotlib.rcParams["font.size"] == before


def test_written_file_is_the_rendered_page(page, tmp_path):
    path = write_report(make_comparator(), str(tmp_path / "report.html"))
    assert path == tmp_path / "report.html"
    assert path.read_bytes() == page.encode()


def test_cells_are_sorted_by_their_full_numbers_and_what_is_missing_has_none(page):
    parsed = Page(page)
    found = [(row[0], keys) for row, keys in zip(parsed.rows, parsed.keys, strict=True) if len(keys) == 10]
    table = dict(found)
    assert table["warm"][1:5] == ["undecided", "0.9301", "-0.0111", "0.0001"]
    assert table["cold"][1:5] == ["reference", "0.9412", "", ""]
    assert table["<b>x</b>"][5] == "7e-05"


def test_the_page_runs_its_own_script_and_no_other(page):
    script = re.search(r"<script>(.*)</script>", page, flags=re.DOTALL)[1]
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert f"script-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none'; ")


def test_an_arm_that_failed_is_told_and_marked():
    comparator = make_comparator(verdict_=["warm failed in 1 of 3 replicates (ValueError: <no>)."])
    comparator.gain_.loc["warm", "verdict"] = "failed"
    page = render_report(comparator)
    told = "<strong>warm failed in 1 of 3 replicates (ValueError: &lt;no&gt;).</strong></li>"
    assert f'class="mark failed">✕</i>{told}' in page
    assert Page(page).row("warm")[1] == "✕ failed"


def test_every_table_has_headers_to_sort_by(page):
    parsed = Page(page)
    assert parsed.tags.count("table") == parsed.tags.count("thead") == 3


@pytest.mark.parametrize("render", [render_report, short_html])
def test_advice_and_an_interruption_are_told_where_there_are_any(render, monkeypatch):
    monkeypatch.setattr("sk_warmstart.comparison.report._plots._svg", lambda *args: "")
    told = {"advice_": "Stay <cold>.", "interrupted_": "2 of 3 replicates & no more."}
    html = render(make_comparator(**told))
    assert "Stay &lt;cold&gt;." in html
    assert "2 of 3 replicates &amp; no more." in html
    assert html.index("2 of 3") < html.index("Stay") < html.index("warm is undecided")
    for missing in (make_comparator(), make_comparator(advice_="", interrupted_=None)):
        assert "Interrupted" not in render(missing)
        assert 'class="advice"' not in render(missing)


def test_a_sentence_is_marked_with_its_verdict(page):
    assert '<li><i aria-hidden="true" class="mark undecided">◆</i><strong>warm is undecided</strong>: 24' in page


@pytest.mark.parametrize(
    ("bound", "low", "high", "cell"),
    [
        ("exact", 1.9, 4.2, "2.8x[1.9, 4.2]"),
        ("at most", 0.0, 3.1, "at most 2.8x[≤ 3.1]"),
        ("at least", 1.4, np.inf, "at least 2.8x[≥ 1.4]"),
        ("at most", 0.0, NAN, "at most 2.8x"),
        ("open", 0.0, np.inf, "open"),
    ],
)
def test_cost_and_bounds_of_the_speedup(bound, low, high, cell):
    comparator = make_comparator()
    comparator.gain_["cost"] = ["", "cheaper", "undecided"]
    comparator.gain_["speedup_bound"] = ["exact", bound, "exact"]
    comparator.gain_.loc["warm", ["speedup_low", "speedup_high"]] = [low, high]
    table = Page(render_report(comparator))
    assert table.row("warm")[7:9] == [cell, "cheaper"]
    assert table.row("cold")[8] == "-"
    key = next(keys[7] for row, keys in zip(table.rows, table.keys, strict=True) if row[:1] == ["warm"])
    assert key == ("" if bound == "open" else "2.84")


def test_an_incumbent_that_is_not_trained_has_no_speedup():
    comparator = make_comparator()
    comparator.gain_["speedup_bound"] = ["exact", "", "exact"]
    comparator.gain_.loc["warm", ["speedup", "speedup_low", "speedup_high", "seconds"]] = NAN
    assert Page(render_report(comparator)).row("warm")[7:] == ["-", "70%", "-"]


def test_what_stands_beside_the_decision_is_a_table():
    comparator = make_comparator()
    beside = ["p_value", "p_holm", "p_improvement", "p_improvement_low", "p_improvement_high"]
    comparator.gain_[[*beside, "bootstrap_low", "bootstrap_high"]] = NAN
    comparator.gain_.loc["warm", beside] = [0.0004, 0.0312, 0.8, 0.4, 0.96]
    comparator.gain_.loc["warm", ["bootstrap_low", "bootstrap_high"]] = [-0.0141, -0.0072]
    page = Page(render_report(comparator))
    assert page.row("warm", 2) == ["warm", "-0.011", "[-0.014, -0.007]", "<0.001", "0.031", "80%[40%, 96%]"]
    assert len([row for row in page.rows if row and row[0] == "cold"]) == 2  # not the reference


def make_classes(labels):
    index = pd.MultiIndex.from_product([["cold", "warm"], labels], names=["arm", "class"])
    change = [NAN] * len(labels) + [0.001 * i for i in range(len(labels))]
    table = pd.DataFrame({"recall": 0.9, "recall_sd": 0.01, "change": change}, index=index)
    return table.assign(change_sd=table["change"] / 2)


def test_class_by_class_changes_have_a_plot_and_a_table():
    stages = {"classes": make_classes(["cat", "dog"])}
    page = render_report(make_comparator(stages_=stages))
    assert 'aria-label="change of recall by class"' in page
    rows = [row for row in Page(page).rows if row[0] == "warm" and len(row) == 6]
    assert [row[1:] for row in rows] == [
        ["cat", "0.9000", "0.01000", "0.000000", "0.000000"],
        ["dog", "0.9000", "0.01000", "0.001000", "0.000500"],
    ]
    empty = make_comparator(stages_={"classes": stages["classes"].iloc[:0]})
    assert "by class" not in render_report(empty)


def test_of_many_classes_the_most_changed_are_shown_and_the_page_says_so():
    page = render_report(make_comparator(stages_={"classes": make_classes(list(range(60)))}))
    assert "The 20 of 60 classes that an arm changed the most." in page
    assert "Shown are the 50 of 60 classes that changed the most." in page
    shown = [row[1] for row in Page(page).rows if row and row[0] == "warm" and len(row) == 6]
    assert shown == [str(label) for label in range(10, 60)]


def test_words_in_a_stage_are_told_as_they_are():
    incumbent = pd.DataFrame(
        {"gain": [0.02, NAN], "gain_low": [0.01, NAN], "gain_high": [0.03, NAN], "verdict": ["neutral", "failed"]},
        index=pd.Index(["cold", "warm"], name="arm"),
    ).assign(negative_flips=0.01, positive_flips=0.03)
    page = Page(render_report(make_comparator(stages_={"incumbent": incumbent})))
    assert page.row("cold", 2) == ["cold", "0.02000", "0.01000", "0.03000", "● neutral", "0.01000", "0.03000"]
    assert page.row("warm", 2)[1:5] == ["-", "-", "-", "✕ failed"]
    assert page.row("arm")[1:] == [
        *("gain", "gain low", "gain high", "verdict", "negative flips", "positive flips"),
    ]


def test_long_names_leave_room_for_the_plots():
    long = "shrink_perturb_with_half_of_the_old_weights_and_hardly_any_noise"
    comparator = make_comparator()
    comparator.gain_ = comparator.gain_.rename(index={"warm": long})
    for name in ("results_", "curves_"):
        setattr(comparator, name, getattr(comparator, name).replace({"arm": {"warm": long}}))
    page = render_report(comparator)  # Matplotlib warns where a plot collapses, and a warning is an error here
    assert f"{long}</th>" in page


def test_without_curves_the_page_says_so():
    page = render_report(make_comparator(curves=False))
    assert "This estimator gives no per-epoch curves" in page
    assert Page(page).tags.count("svg") == 4


@pytest.mark.parametrize("render", [render_report, short_html])
def test_fixed_splits_limit_the_verdict_to_this_stream(render, monkeypatch):
    monkeypatch.setattr("sk_warmstart.comparison.report._plots._svg", lambda *args: "")
    assert "this stream of data only" not in render(make_comparator())
    assert "this stream of data only" in render(make_comparator(fixed_splits_=True))


def test_one_replicate_one_phase_and_missing_numbers_do_not_break_the_page():
    comparator = make_comparator(n_repeats=1, phases=(2,), best_policy_=None)
    numbers = comparator.gain_.columns.drop("verdict")
    comparator.gain_.loc["warm", numbers] = NAN
    page = render_report(comparator)
    assert Page(page).row("warm") == ["warm", "◆ undecided", *["-"] * 8]
    assert Page(page).row("cold", 1) == ["cold", "0.820"]
    assert "nan" not in re.sub(r"<[^>]*>", "", page).lower().split()
    assert "Best policy" not in page


def test_an_arm_that_lacks_a_phase_keeps_its_row():
    comparator = make_comparator()
    results = comparator.results_
    comparator.results_ = results[(results["arm"] != "warm") | (results["phase"] != 3)]
    assert Page(render_report(comparator)).row("warm", 1)[2] == "-"


@pytest.mark.parametrize(
    ("scale", "cell"),
    [
        (1000.0, "+22 [15, 28]"),
        (1.0, "+0.022 [0.015, 0.028]"),
        (1e-3, "+0.000022 [0.000015, 0.000028]"),
    ],
)
def test_digits_follow_the_unit_of_the_score(scale, cell):
    comparator = make_comparator(rope=0.01 * scale)
    names = ["score", "gain", "gain_low", "gain_high"]
    comparator.gain_[names] *= scale
    assert Page(short_html(comparator)).row("<b>x</b>")[3] == cell


def test_a_zero_rope_takes_its_digits_from_the_intervals():
    assert Page(short_html(make_comparator(rope=0.0))).row("<b>x</b>")[3] == "+0.022 [0.015, 0.028]"


def test_tiny_gains_have_no_sign():
    comparator = make_comparator()
    comparator.gain_.loc["warm", ["gain", "gain_low", "gain_high"]] = [-1e-5, -1e-4, 0.002]
    assert "0.000 [0.000, 0.002]" in Page(short_html(comparator)).row("warm")


def test_short_html_needs_neither_matplotlib_nor_jinja2(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    html = short_html(make_comparator())
    assert "warm is undecided: 24 pairs would decide." in re.sub("</?strong>", "", html)
    assert Page(html).row("warm")[1:3] == ["undecided", "0.930"]
    assert "<b>" not in html


@pytest.mark.parametrize("missing", ["matplotlib", "jinja2"])
def test_without_its_libraries_the_report_says_what_to_install(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r"pip install sk-warmstart\[report\]"):
        render_report(make_comparator())


def test_report_never_touches_pyplot(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    render_report(make_comparator())


@pytest.mark.parametrize("render", [render_report, short_html])
def test_an_unfitted_comparator_is_an_error(render):
    with pytest.raises(NotFittedError):
        render(SimpleNamespace())


def test_results_are_left_as_they_were():
    comparator, untouched = make_comparator(), make_comparator()
    render_report(comparator)
    for name in ("gain_", "results_", "curves_"):
        pd.testing.assert_frame_equal(getattr(comparator, name), getattr(untouched, name))
    assert np.isnan(comparator.gain_.loc["cold", "gain_low"])
