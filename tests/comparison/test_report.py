import re
import sys
from html.parser import HTMLParser
from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from sk_warmstart.comparison._report import render_report, short_html, write_report

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
        if tag in ("td", "th"):
            self.rows[-1].append("")

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
        *("warm", "◆ undecided", "0.930", "-0.011 [-0.015, -0.007]"),
        *("<0.1%", "31.0%", "69.0%", "2.8x [1.9, 4.2]", "70%", "612 ms"),
    ]
    assert table.row("<b>x</b>")[3:] == [
        *("+0.022 [0.015, 0.028]", ">99.9%", "<0.1%", "0%", "1.9x [1.4, 2.6]", "100%", "2.5 min")
    ]


def test_scores_by_phase_are_means_and_deviations_over_replicates(page):
    # The scores of the three replicates are 0.002 apart, so their standard deviation is 0.002.
    assert Page(page).row("cold", 1) == ["cold", "0.822 ± 0.002", "0.832 ± 0.002"]
    assert Page(page).row("warm", 1)[1] == "0.822 ± 0.002start 0.500"


def test_verdict_settings_and_versions_are_on_the_page(page):
    assert "warm is undecided: 24 pairs would decide." in page
    assert Page(page).row("random_state") == ["random_state", "0"]
    assert f"pandas {pd.__version__}" in page


def test_every_text_is_escaped(page):
    assert "<b>" not in page
    assert "<script" not in page
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
    assert not {"script", "link", "img", "iframe"} & set(parsed.tags)
    assert "http://" not in page
    assert "https://" not in page
    assert "@import" not in page


def test_plots_follow_the_colours_of_the_page(page):
    # Gain, score by phase, and the three metrics that have values.
    assert Page(page).tags.count("svg") == 5
    assert "fill: currentColor" in page
    assert "stroke: currentColor" in page
    assert "#000000" not in "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    assert "prefers-color-scheme: dark" in page


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


def test_without_curves_the_page_says_so():
    page = render_report(make_comparator(curves=False))
    assert "This estimator gives no per-epoch curves" in page
    assert Page(page).tags.count("svg") == 2


@pytest.mark.parametrize("render", [render_report, short_html])
def test_fixed_splits_limit_the_verdict_to_this_stream(render, monkeypatch):
    monkeypatch.setattr("sk_warmstart.comparison._report._svg", lambda *args: "")
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
    assert "warm is undecided: 24 pairs would decide." in html
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
