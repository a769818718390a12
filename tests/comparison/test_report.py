import hashlib
import html
import re
import sys
from base64 import b64encode
from html.parser import HTMLParser

import matplotlib
import numpy as np
import pandas as pd
import pytest
from findings_by_hand import make_findings, make_gain, make_results, make_sentence
from scipy import stats

from sk_warmstart.comparison.findings._content import Sentence
from sk_warmstart.comparison.report._html import render_html
from sk_warmstart.comparison.report._markdown import render_markdown
from sk_warmstart.comparison.report._notebook import short_html
from sk_warmstart.comparison.report._write import write_report
from sk_warmstart.statistics import DecisionRule, Posterior, rope_verdict

NAN = float("nan")
GAIN_COLUMNS = [
    *("score", "gain", "gain_low", "gain_high", "p_better", "p_equivalent", "p_worse"),
    *("speedup", "speedup_low", "speedup_high", "reached", "seconds", "verdict"),
]
GAIN_ROWS = {
    "cold": (0.9412, 0.0, NAN, NAN, NAN, NAN, NAN, 1.0, NAN, NAN, 0.9, 1.84, "reference"),
    "warm": (
        *(0.9301, -0.0111, -0.0155, -0.0067, 0.0001, 0.31, 0.6899),
        *(2.84, 1.9, 4.2, 0.7, 0.612, "undecided"),
    ),
    "<b>x</b>": (
        *(0.9628, 0.0216, 0.0152, 0.028, 0.99993, 7e-5, 0.0),
        *(1.93, 1.41, 2.62, 1.0, 150.0, "beneficial"),
    ),
}
CURVE_COLUMNS = [
    *("repeat", "phase", "arm", "epoch", "samples", "train_loss", "valid_loss", "valid_score"),
    *("gradient_norm", "distance_from_start", "distance_from_init"),
]


def gains():
    gain = make_gain({arm: dict(zip(GAIN_COLUMNS, row, strict=True)) for arm, row in GAIN_ROWS.items()})
    gain.loc["warm", ["reached_by_cold", "worst_gain"]] = [0.8, -0.05]
    return gain


def make_curves(n_repeats, phases):
    rows = [
        (repeat, phase, arm, i, 100 * i, NAN, 1 / (1 + i), 0.5 + 0.1 * i, NAN, i**0.5, NAN)
        for repeat in range(n_repeats)
        for phase in phases
        for arm in GAIN_ROWS
        for i in range(4 - repeat % 2)
    ]
    return pd.DataFrame(rows, columns=CURVE_COLUMNS)


def findings(*, n_repeats=3, phases=(2, 3), drawn=True, **changes):
    table = make_curves(n_repeats, phases)
    content = {
        "gain": gains(),
        "results": make_results(list(GAIN_ROWS), n_repeats, phases),
        "curves": table if drawn else table.iloc[:0],
        "best_arm": "<b>x</b>",
        "sentences": (
            make_sentence("<b>x</b>", "beneficial", "."),
            make_sentence("warm", "undecided", ": 24 pairs would decide."),
        ),
        "n_repeats": n_repeats,
        "settings": {"phases": "DataIncremental(3)", "random_state": 0, "odd": "<script>1</script>"},
    }
    return make_findings(**(content | changes))


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
    return render_html(findings())


def test_gain_table_shows_rounded_numbers_with_their_intervals(page):
    table = Page(page)
    assert table.row("cold") == ["cold", "reference", "0.941", *["-"] * 6, "90%", "-", "1.84 s"]
    assert table.row("warm") == [
        *("warm", "◆ undecided", "0.930", "-0.011[-0.015, -0.007]"),
        *("<0.1%", "31.0%", "69.0%", "2.8x[1.9, 4.2]", "-", "70%cold 80%", "-0.050", "612 ms"),
    ]
    assert table.row("<b>x</b>")[3:] == [
        *("+0.022[0.015, 0.028]", ">99.9%", "<0.1%", "0%", "1.9x[1.4, 2.6]", "-", "100%", "-", "2.5 min")
    ]


def test_scores_by_phase_are_means_and_deviations_over_replicates(page):
    # The scores of the three replicates are 0.002 apart, so their standard deviation is 0.002.
    assert Page(page).row("cold", 1) == ["cold", "0.822 ± 0.002", "0.832 ± 0.002"]
    assert Page(page).row("warm", 1)[1] == "0.822 ± 0.002start 0.500"


def test_verdict_settings_and_versions_are_on_the_page(page):
    assert "warm is undecided: 24 pairs would decide." in re.sub("</?strong>", "", page)
    assert Page(page).row("random_state") == ["random_state", "0"]
    assert "pandas 1.2.3" in page  # that of the findings, not of this machine


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
        assert render_html(findings()) == page
        assert matplotlib.rcParams["font.size"] == 30
    assert matplotlib.rcParams["font.size"] == before


def test_written_file_is_the_rendered_page(page, tmp_path):
    path = write_report(findings(), str(tmp_path / "report.html"))
    assert path == tmp_path / "report.html"
    assert path.read_bytes() == page.encode()


def test_cells_are_sorted_by_their_full_numbers_and_what_is_missing_has_none(page):
    parsed = Page(page)
    found = [(row[0], keys) for row, keys in zip(parsed.rows, parsed.keys, strict=True) if len(keys) == 12]
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
    gain = gains()
    gain.loc["warm", "verdict"] = "failed"
    sentence = Sentence("warm", "failed", "warm failed in 1 of 3 replicates (ValueError: <no>).")
    page = render_html(findings(gain=gain, sentences=(sentence,)))
    told = "<strong>warm failed in 1 of 3 replicates (ValueError: &lt;no&gt;).</strong></li>"
    assert f'class="mark failed">✕</i>{told}' in page
    assert Page(page).row("warm")[1] == "✕ failed"


def test_every_table_has_headers_to_sort_by(page):
    parsed = Page(page)
    assert parsed.tags.count("table") == parsed.tags.count("thead") == 3


@pytest.mark.parametrize("render", [render_html, short_html])
def test_advice_and_an_interruption_are_told_where_there_are_any(render, monkeypatch):
    monkeypatch.setattr("sk_warmstart.comparison.report._plots._svg", lambda *args: "")
    told = {"advice": "Stay <cold>.", "interrupted": "2 of 3 replicates & no more."}
    page = render(findings(**told))
    assert "Stay &lt;cold&gt;." in page
    assert "2 of 3 replicates &amp; no more." in page
    assert page.index("2 of 3") < page.index("Stay") < page.index("warm is undecided")
    for missing in (findings(), findings(advice="", interrupted=None)):
        assert "Interrupted" not in render(missing)
        assert 'class="advice"' not in render(missing)


def test_a_sentence_is_marked_with_its_verdict(page):
    assert '<li><i aria-hidden="true" class="mark undecided">◆</i><strong>warm is undecided</strong>: 24' in page


@pytest.mark.parametrize(("low", "high", "cell"), [(1.9, 4.2, "2.8x[1.9, 4.2]"), (NAN, NAN, "2.8x")])
def test_cost_and_interval_of_the_speedup(low, high, cell):
    gain = gains().assign(cost=["", "cheaper", "undecided"])
    gain.loc["warm", ["speedup_low", "speedup_high"]] = [low, high]
    table = Page(render_html(findings(gain=gain)))
    assert table.row("warm")[7:9] == [cell, "cheaper"]
    assert table.row("cold")[8] == "-"
    key = next(keys[7] for row, keys in zip(table.rows, table.keys, strict=True) if row[:1] == ["warm"])
    assert key == "2.84"


def test_an_incumbent_that_is_not_trained_has_no_speedup():
    gain = gains()
    untrained = ["speedup", "speedup_low", "speedup_high", "reached", "reached_by_cold", "seconds"]
    gain.loc["warm", untrained] = NAN
    assert Page(render_html(findings(gain=gain))).row("warm")[7:] == ["-", "-", "-", "-0.050", "-"]


def test_what_stands_beside_the_decision_is_a_table():
    gain = gains()
    beside = ["p_value", "p_holm", "p_improvement", "p_improvement_low", "p_improvement_high"]
    gain.loc["warm", beside] = [0.0004, 0.0312, 0.8, 0.4, 0.96]
    gain.loc["warm", ["bootstrap_low", "bootstrap_high"]] = [-0.0141, -0.0072]
    gain.loc["warm", ["corrected_t_low", "corrected_t_high", "p_adjusted", "p_phases"]] = [-0.02, 0.01, 0.5, 0.02]
    page = Page(render_html(findings(gain=gain)))
    assert page.row("warm", 2) == [
        *("warm", "0.500", "0.020", "<0.001", "0.031", "[-0.020, 0.010]", "[-0.014, -0.007]", "80%[40%, 96%]"),
    ]
    assert len([row for row in page.rows if row and row[0] == "cold"]) == 2  # not the reference


def make_classes(labels):
    index = pd.MultiIndex.from_product([["cold", "warm"], labels], names=["arm", "class"])
    change = [NAN] * len(labels) + [0.001 * i for i in range(len(labels))]
    table = pd.DataFrame({"recall": 0.9, "recall_sd": 0.01, "change": change}, index=index)
    return table.assign(change_sd=table["change"] / 2)


def test_class_by_class_changes_have_a_plot_and_a_table():
    stages = {"classes": make_classes(["cat", "dog"])}
    page = render_html(findings(stages=stages))
    assert 'aria-label="change of recall by class"' in page
    rows = [row for row in Page(page).rows if row[0] == "warm" and len(row) == 6]
    assert [row[1:] for row in rows] == [
        ["cat", "0.9000", "0.01000", "0.000000", "0.000000"],
        ["dog", "0.9000", "0.01000", "0.001000", "0.000500"],
    ]
    empty = findings(stages={"classes": stages["classes"].iloc[:0]})
    assert "by class" not in render_html(empty)


def test_of_many_classes_the_most_changed_are_shown_and_the_page_says_so():
    page = render_html(findings(stages={"classes": make_classes(list(range(60)))}))
    assert "The 20 of 60 classes that an arm changed the most." in page
    assert "Shown are the 50 of 60 classes that changed the most." in page
    shown = [row[1] for row in Page(page).rows if row and row[0] == "warm" and len(row) == 6]
    assert shown == [str(label) for label in range(10, 60)]


def test_words_in_a_stage_are_told_as_they_are():
    incumbent = pd.DataFrame(
        {"gain": [0.02, NAN], "gain_low": [0.01, NAN], "gain_high": [0.03, NAN], "verdict": ["neutral", "failed"]},
        index=pd.Index(["cold", "warm"], name="arm"),
    ).assign(negative_flips=0.01, positive_flips=0.03)
    page = Page(render_html(findings(stages={"incumbent": incumbent})))
    assert page.row("cold", 2) == ["cold", "0.02000", "0.01000", "0.03000", "● neutral", "0.01000", "0.03000"]
    assert page.row("warm", 2)[1:5] == ["-", "-", "-", "✕ failed"]
    assert page.row("arm")[1:] == [
        *("gain", "gain low", "gain high", "verdict", "negative flips", "positive flips"),
    ]


def test_long_names_leave_room_for_the_plots():
    long = "shrink_perturb_with_half_of_the_old_weights_and_hardly_any_noise"
    other = {"arm": {"warm": long}}
    tables = {"results": findings().results.replace(other), "curves": findings().curves.replace(other)}
    # Matplotlib warns where a plot collapses, and a warning is an error here.
    page = render_html(findings(gain=gains().rename(index={"warm": long}), **tables))
    assert f"{long}</th>" in page


def test_without_curves_the_page_says_so():
    page = render_html(findings(drawn=False))
    assert "This estimator gives no per-epoch curves" in page
    assert Page(page).tags.count("svg") == 4


@pytest.mark.parametrize("render", [render_html, short_html])
def test_notes_are_told(render, monkeypatch):
    monkeypatch.setattr("sk_warmstart.comparison.report._plots._svg", lambda *args: "")
    assert "On this &lt;stream&gt; only." in render(findings(notes=("On this <stream> only.",)))


def test_one_replicate_one_phase_and_missing_numbers_do_not_break_the_page():
    gain = gains()
    gain.loc["warm", gain.select_dtypes("number").columns] = NAN
    page = render_html(findings(gain=gain, n_repeats=1, phases=(2,), best_arm=None))
    assert Page(page).row("warm") == ["warm", "◆ undecided", *["-"] * 10]
    assert Page(page).row("cold", 1) == ["cold", "0.820"]
    assert "nan" not in re.sub(r"<[^>]*>", "", page).lower().split()
    assert "Best policy" not in page


def test_an_arm_that_lacks_a_phase_keeps_its_row():
    results = findings().results
    results = results[(results["arm"] != "warm") | (results["phase"] != 3)]
    assert Page(render_html(findings(results=results))).row("warm", 1)[2] == "-"


@pytest.mark.parametrize(
    ("scale", "cell"),
    [
        (1000.0, "+22 [15, 28]"),
        (1.0, "+0.022 [0.015, 0.028]"),
        (1e-3, "+0.000022 [0.000015, 0.000028]"),
    ],
)
def test_digits_follow_the_unit_of_the_score(scale, cell):
    gain = gains()
    gain[["score", "gain", "gain_low", "gain_high"]] *= scale
    assert Page(short_html(findings(gain=gain, rope=0.01 * scale))).row("<b>x</b>")[3] == cell


def test_a_zero_rope_takes_its_digits_from_the_intervals():
    assert Page(short_html(findings(rope=0.0))).row("<b>x</b>")[3] == "+0.022 [0.015, 0.028]"


def test_tiny_gains_have_no_sign():
    gain = gains()
    gain.loc["warm", ["gain", "gain_low", "gain_high"]] = [-1e-5, -1e-4, 0.002]
    assert "0.000 [0.000, 0.002]" in Page(short_html(findings(gain=gain))).row("warm")


def test_short_html_needs_neither_matplotlib_nor_jinja2(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    small = short_html(findings())
    assert "warm is undecided: 24 pairs would decide." in re.sub("</?strong>", "", small)
    assert Page(small).row("warm")[1:3] == ["undecided", "0.930"]
    assert "<b>" not in small


@pytest.mark.parametrize("missing", ["matplotlib", "jinja2"])
def test_without_its_libraries_the_report_says_what_to_install(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r"pip install sk-warmstart\[report\]"):
        render_html(findings())


def test_report_never_touches_pyplot(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    render_html(findings())


def test_results_are_left_as_they_were():
    given, untouched = findings(), findings()
    render_html(given)
    for name in ("gain", "results", "curves"):
        pd.testing.assert_frame_equal(getattr(given, name), getattr(untouched, name))
    assert np.isnan(given.gain.loc["cold", "gain_low"])


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("render", [render_html, render_markdown])
def test_the_rule_on_the_page_is_the_one_that_decides(render, confidence):
    page = html.unescape(render(findings(confidence=confidence))).replace("\\", "")
    different = float(re.search(r"probability of at least ([\d.]+)%, which", page)[1]) / 100
    equivalent = (
        float(re.search(r"Neutral: it is within .0.01 with a probability of at least ([\d.]+)%", page)[1]) / 100
    )
    rule = DecisionRule(0.01, confidence)
    assert (different, equivalent) == pytest.approx((rule.p_difference, rule.p_equivalence), abs=1e-9)
    # At the boundaries: a hair more decides, a hair less does not.
    for hair, decided in ((1e-6, True), (-1e-6, False)):
        scale = 0.004
        mean = 0.01 + scale * stats.t.ppf(different + hair, 9)
        assert (rope_verdict(Posterior(mean, scale, 9), 0.01, confidence) == "beneficial") is decided
        assert (rope_verdict(Posterior(-mean, scale, 9), 0.01, confidence) == "detrimental") is decided
        scale = 0.01 / stats.t.ppf(0.5 + (equivalent + hair) / 2, 9)
        assert (rope_verdict(Posterior(0.0, scale, 9), 0.01, confidence) == "neutral") is decided


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.2), (1.001, 1.2), (0.8, 0.999), (1 / 1.1, 1.1), (0.9, 1.1)])
def test_the_rule_of_cost_on_the_page_is_the_one_that_decides(low, high):
    page = render_html(findings())
    factor = float(re.search(r"within a factor of ([\d.]+) of 1", page)[1])
    similar = low >= 1 / factor and high <= factor
    expected = "similar" if similar else "cheaper" if low > 1 else "costlier" if high < 1 else "undecided"
    assert DecisionRule(0.01, 0.95).cost(low, high) == expected
    for word in ("Cheaper or costlier", "Similar", "Undecided"):
        assert word in page
