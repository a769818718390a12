"""The report as Markdown and as JSON."""

import json

import numpy as np
import pandas as pd
import pytest
from findings_by_hand import make_findings, make_gain, make_sentence

from sk_warmstart.comparison.findings._frames import plain, table_as_dict
from sk_warmstart.comparison.findings._json import as_dict, render_json
from sk_warmstart.comparison.report._markdown import escaped, render_markdown
from sk_warmstart.comparison.report._write import check_report_path, write_report

NAN = float("nan")
ARM = "a|b"


def gains():
    columns = [
        *("score", "gain", "gain_low", "gain_high", "p_better", "p_equivalent", "p_worse", "speedup"),
        *("speedup_low", "speedup_high", "reached", "seconds", "verdict", "cost"),
    ]
    rows = {
        "cold": (0.94, 0.0, NAN, NAN, NAN, NAN, NAN, 1.0, NAN, NAN, 0.9, 1.8, "reference", ""),
        ARM: (
            *(0.93, -0.0111, -0.0155, -0.0067, 0.0, 0.31, 0.69, 2.84, 1.9, 4.2, 0.7, 0.6),
            *("undecided", "cheaper"),
        ),
    }
    return make_gain({arm: dict(zip(columns, row, strict=True)) for arm, row in rows.items()})


def findings(**changes):
    runs = [(repeat, 2, arm, 100, 50) for repeat in range(2) for arm in ("cold", ARM)]
    results = pd.DataFrame(runs, columns=["repeat", "phase", "arm", "n_train", "n_test"])
    results = results.assign(score=[0.91, 0.9, 0.93, 1 / 3], start_score=NAN, reached=[True, True, False, True])
    classes = pd.MultiIndex.from_product([["cold", ARM], ["cat", "dog"]], names=["arm", "class"])
    changed = pd.DataFrame({"change": [NAN, NAN, 0.7, -0.1], "change_sd": 0.01}, index=classes)
    content = {
        "gain": gains(),
        "results": results.assign(seconds=0.5, samples=100),
        "stages": {"classes": changed},
        "settings": {"rows": 150, "estimator": "Pipe(a|b)", "ROPE": 0.01},
        "best_arm": "cold",
        "sentences": (make_sentence(ARM, "undecided", ": *24* pairs would decide."),),
        "advice": "Stay cold.",
    }
    return make_findings(**(content | changes))


def read(table):
    frame = pd.DataFrame(table["data"], columns=table["columns"])
    return frame.set_index(table["keys"]) if table["keys"] else frame


# -- JSON ------------------------------------------------------------------------------------------------


def test_json_is_strict_and_reads_back_as_the_dict():
    def fail(constant):
        raise AssertionError(f"{constant} is no JSON")

    found = findings()
    assert json.loads(render_json(found), parse_constant=fail) == as_dict(found)


def test_tables_come_back_equal_to_the_last_digit():
    found = findings()
    told = json.loads(render_json(found))
    for table, frame in [
        (told["gain"], found.gain),
        (told["results"], found.results),
        (told["stages"]["classes"], found.stages["classes"]),
    ]:
        back = read(table).astype(frame.dtypes.to_dict())
        pd.testing.assert_frame_equal(back, frame, check_exact=True)
    assert read(told["curves"]).columns.tolist() == ["repeat", "phase", "arm", "epoch", "samples"]


def test_the_dict_says_what_was_compared_and_what_came_out():
    told = as_dict(findings())
    assert told["settings"] == {"rows": 150, "estimator": "Pipe(a|b)", "ROPE": 0.01}
    assert type(told["settings"]["rows"]) is int
    assert told["verdict"] == [f"{ARM} is undecided: *24* pairs would decide."]
    assert (told["advice"], told["interrupted"], told["reference"]) == ("Stay cold.", None, "cold")
    assert told["versions"] == {"pandas": "1.2.3"}  # of the findings, not of this machine
    assert (told["rope"], told["confidence"], told["rule"]["p_difference"]) == (0.01, 0.95, 0.975)
    assert told["sentences"][0]["arm"] == ARM
    bare = findings(advice=None, stages={}, best_arm=None)
    assert [as_dict(bare)[name] for name in ("advice", "stages", "best_policy")] == [None, {}, None]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (NAN, None),
        (np.float32(np.inf), "Infinity"),
        (-np.inf, "-Infinity"),
        (np.True_, True),
        (np.int64(3), 3),
        (np.float64(1 / 3), 1 / 3),
        (pd.NA, None),
        (None, None),
        (pd.Timestamp("2020-01-02"), "2020-01-02 00:00:00"),
    ],
)
def test_values_are_told_as_json_has_them(value, told):
    assert plain(value) == told
    assert type(plain(value)) is type(told)


def test_an_index_without_names_is_kept():
    table = table_as_dict(pd.DataFrame({"x": [1, 2]}, index=["a", "b"]))
    assert table["keys"] == ["level_0"]
    assert table["columns"] == ["level_0", "x"]
    assert table["data"] == [["a", 1], ["b", 2]]


# -- Markdown --------------------------------------------------------------------------------------------


def rows_of(text, start):
    return [line for line in text.splitlines() if line.startswith(f"| {start} |")]


def test_markdown_holds_sentences_tables_and_settings():
    text = render_markdown(findings())
    assert "**Stay cold.**" in text
    assert "- **a\\|b is undecided**: \\*24\\* pairs would decide." in text
    gain, phases, cat, dog = rows_of(text, "a\\|b")
    assert gain == (
        "| a\\|b | undecided | 0.930 | −0.011 [−0.015,\N{NO-BREAK SPACE}−0.007] | 0% | 31.0% | 69.0% "
        "| 2.8x [1.9,\N{NO-BREAK SPACE}4.2] | cheaper | 70% | – | 600 ms |"
    ).replace("\N{NO-BREAK SPACE}", " ")
    assert phases == "| a\\|b | 0.617 ± 0.401 |"
    assert (cat, dog) == ("| a\\|b | cat | 0.7000 | 0.01000 |", "| a\\|b | dog | −0.1000 | 0.01000 |")
    assert rows_of(text, "estimator") == ["| estimator | Pipe(a\\|b) |"]


def test_every_row_of_a_markdown_table_has_the_cells_of_its_header():
    blocks = [block.splitlines() for block in render_markdown(findings()).split("\n\n") if block[0] == "|"]
    assert len(blocks) == 4
    for header, rule, *rows in blocks:
        n_cells = header.count("|")
        assert rule.count("|") == n_cells
        assert {row.replace("\\|", "").count("|") for row in rows} == {n_cells}


def test_an_interruption_is_told_first_and_notes_after_the_verdicts():
    text = render_markdown(findings(interrupted="1 of 2 replicates.", notes=("Holds for this stream only.",)))
    assert text.index("> **Interrupted.** 1 of 2 replicates.") < text.index("**Stay cold.**")
    assert text.index("is undecided") < text.index("Holds for this stream only.")
    assert "Interrupted" not in render_markdown(findings())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("shrink_perturb", "shrink_perturb"),
        ("_x_ and __init__", "\\_x\\_ and \\_\\_init\\_\\_"),
        ("a | b\nc", "a \\| b c"),
        ("<b>*x*</b>", "\\<b>\\*x\\*\\</b>"),
        ("`[x](y)`", "\\`[x]\\(y)\\`"),
        ("# x", "\\# x"),
        ("1. x", "1\\. x"),
        ("+0.02 [0.01, 0.03]", "+0.02 [0.01, 0.03]"),
        ("a & b &lt; c", "a & b \\&lt; c"),
        ("C:\\dir", "C:\\\\dir"),
    ],
)
def test_markdown_takes_texts_as_they_are(text, told):
    assert escaped(text) == told


# -- files -----------------------------------------------------------------------------------------------


def test_the_suffix_says_what_is_written(tmp_path):
    found = findings()
    assert write_report(found, tmp_path / "x.json").read_text() == render_json(found) == found.to_json()
    assert write_report(found, str(tmp_path / "x.MD")).read_bytes() == render_markdown(found).encode()
    assert check_report_path("x.HTML") == ".html"


@pytest.mark.parametrize("name", ["report", "report.txt", "report.html.gz"])
def test_another_suffix_is_told_before_any_work(name, tmp_path):
    with pytest.raises(ValueError, match=r"as \.html, \.md or \.json"):
        write_report(None, tmp_path / name)
    assert list(tmp_path.iterdir()) == []
