"""Findings: kept as JSON without a loss, and reported where there is no torch."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from findings_by_hand import make_findings, make_gain, make_sentence
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

from sk_warmstart import Findings, WarmStartClassifier, WarmStartComparator
from sk_warmstart.comparison import (
    ClasswiseChangeDisplay,
    CostScoreDisplay,
    DataIncremental,
    LearningCurvesDisplay,
    WarmStartGainDisplay,
)
from sk_warmstart.comparison.findings._frames import table_as_dict, table_from_dict
from sk_warmstart.comparison.report._html import render_html
from sk_warmstart.comparison.report._markdown import render_markdown
from sk_warmstart.comparison.report._notebook import short_html

X, Y = load_iris(return_X_y=True)
NAN = float("nan")


def assert_same(one: Findings, other: Findings) -> None:
    """Equal tables, dtypes included, and equal values."""
    for name in ("results", "curves", "gain"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)
    assert list(one.stages) == list(other.stages)
    for name, table in one.stages.items():
        pd.testing.assert_frame_equal(table, other.stages[name], check_exact=True)
    tables = {"results", "curves", "gain", "stages"}
    assert {k: v for k, v in vars(one).items() if k not in tables} == {
        k: v for k, v in vars(other).items() if k not in tables
    }


@pytest.fixture(scope="module")
def fitted() -> WarmStartComparator:
    net = WarmStartClassifier(max_epochs=4, module__hidden_layer_sizes=(8,), early_stopping=True)
    names = np.array(["setosa", "versicolor", "virginica"])[Y]
    return WarmStartComparator(net, phases=DataIncremental(3), n_repeats=3, refit=None).fit(X, names)


# -- what a comparator found -----------------------------------------------------------------------------


def test_the_findings_are_what_the_comparator_tells(fitted: WarmStartComparator) -> None:
    found = fitted.findings_
    assert isinstance(found, Findings)
    assert found.gain is fitted.gain_
    assert found.results is fitted.results_
    assert found.curves is fitted.curves_
    assert found.settings == {str(name): value for name, value in fitted.settings_.items()}
    assert [sentence.arm for sentence in found.sentences] == ["warm", "shrink_perturb"]
    for sentence in found.sentences:
        assert sentence.verdict == fitted.gain_.loc[sentence.arm, "verdict"]
        assert sentence.opening == f"{sentence.arm} is {sentence.verdict}"
    assert (found.rule.rope, found.rule.confidence) == (0.01, 0.95)


@pytest.mark.parametrize("suffix", ["html", "md", "json"])
def test_findings_read_back_give_the_very_same_report(
    fitted: WarmStartComparator, suffix: str, tmp_path: Path
) -> None:
    kept = fitted.report(tmp_path / "kept.json")
    again = Findings.from_json(kept)
    assert_same(again, fitted.findings_)
    one = fitted.report(tmp_path / f"one.{suffix}")
    other = again.report(tmp_path / f"other.{suffix}")
    assert one.read_bytes() == other.read_bytes()
    assert fitted._repr_html_() == again._repr_html_()


def test_parameters_changed_after_the_fit_change_no_report(fitted: WarmStartComparator, tmp_path: Path) -> None:
    before = fitted.to_markdown()
    changed = copy.deepcopy(fitted).set_params(rope=0.2, confidence=0.6, n_repeats=99)
    assert changed.to_markdown() == before
    assert changed.report(tmp_path / "x.json").read_text() == fitted.to_json()


def test_versions_are_those_of_the_fit(fitted: WarmStartComparator, monkeypatch: pytest.MonkeyPatch) -> None:
    at_the_fit = dict(fitted.findings_.versions)
    monkeypatch.setattr("importlib.metadata.version", lambda name: "other")
    monkeypatch.setattr("platform.python_version", lambda: "other")
    again = Findings.from_json(fitted.to_json())
    assert again.versions == at_the_fit
    for render in (render_html, render_markdown):
        assert f"torch {at_the_fit['torch']}" in render(again)
        assert "numpy other" not in render(again)


def test_findings_can_be_copied_and_pickled_and_are_not_changed(fitted: WarmStartComparator) -> None:
    for twin in (copy.deepcopy(fitted.findings_), pickle.loads(pickle.dumps(fitted.findings_))):
        assert_same(twin, fitted.findings_)
    with pytest.raises(AttributeError):
        fitted.findings_.score = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    "display", [WarmStartGainDisplay, LearningCurvesDisplay, CostScoreDisplay, ClasswiseChangeDisplay]
)
def test_displays_come_from_findings_as_from_the_comparator(display: Any, fitted: WarmStartComparator) -> None:
    one, other = display.from_findings(fitted.findings_), display.from_comparator(fitted)
    assert vars(one).keys() == vars(other).keys()
    for name, value in vars(one).items():
        equal = value.equals(vars(other)[name]) if isinstance(value, pd.DataFrame) else value == vars(other)[name]
        assert equal


def test_without_a_fit_there_is_nothing_to_report() -> None:
    comparator = WarmStartComparator(WarmStartClassifier())
    for export in (comparator.to_dict, comparator.to_json, comparator.to_markdown):
        with pytest.raises(NotFittedError, match="WarmStartComparator instance is not fitted yet"):
            export()


# -- tables as JSON --------------------------------------------------------------------------------------

floats = st.floats(allow_nan=True, allow_infinity=True)
stamps = st.datetimes(min_value=pd.Timestamp(1700, 1, 1), max_value=pd.Timestamp(2200, 1, 1)).map(pd.Timestamp)
labels = st.one_of(st.integers(-(2**70), 2**70), st.text(max_size=5), st.booleans(), floats, stamps)
missing = st.sampled_from([None, NAN, pd.NaT, pd.NA])
numbers = st.sampled_from([np.int64(3), np.float32(0.1), np.float64(NAN), np.bool_(True), np.uint8(7)])


@st.composite
def columns(draw: st.DrawFn, n: int) -> Any:
    """One column of any dtype that tables of findings have."""
    kind = draw(st.sampled_from(["float64", "float32", "int64", "uint8", "bool", "str", "object", "time", "zone"]))
    one = {
        "float64": floats,
        "float32": st.floats(width=32),
        "int64": st.integers(-(2**63), 2**63 - 1),
        "uint8": st.integers(0, 255),
        "bool": st.booleans(),
        "str": st.text(max_size=5),
        "object": st.one_of(labels, missing, numbers),
        "time": st.one_of(stamps, st.just(pd.NaT)),
        "zone": stamps,
    }[kind]
    values = draw(st.lists(one, min_size=n, max_size=n))
    if kind in ("time", "zone"):
        unit = draw(st.sampled_from(["s", "us", "ns"]))
        times = pd.Series(values, dtype="datetime64[us]").dt.as_unit(unit)
        return times.dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin") if kind == "zone" else times
    return pd.Series(values, dtype=kind)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """A table with an index of none, one or two levels."""
    n = draw(st.integers(0, 5))
    names = draw(st.lists(st.text(max_size=4), max_size=4, unique=True))
    table = pd.DataFrame(
        {name: draw(columns(n)) for name in names}, index=range(n), columns=pd.Index(names, dtype="str")
    )
    levels = [pd.Index(draw(columns(n))) for _ in range(draw(st.integers(0, 2)))]
    if len(levels) == 1:
        return table.set_axis(levels[0].rename(draw(st.sampled_from([None, "arm"]))), axis=0)
    if levels:
        return table.set_axis(pd.MultiIndex.from_arrays(levels, names=["arm", "class"]), axis=0)
    return table


def kinds(table: pd.DataFrame) -> list[type]:
    """Types of all cells of object columns, which pandas' comparison takes lightly."""
    return [type(value) for name in table for value in table[name] if table[name].dtype == object]


@given(frames())
def test_any_table_comes_back_as_it_was(table: pd.DataFrame) -> None:
    text = json.dumps(table_as_dict(table), allow_nan=False)
    back = table_from_dict(json.loads(text))
    pd.testing.assert_frame_equal(back, table, check_exact=True, check_freq=False)
    assert kinds(back) == kinds(table)
    assert [str(dtype) for dtype in back.dtypes] == [str(dtype) for dtype in table.dtypes]
    assert json.dumps(table_as_dict(back), allow_nan=False) == text


@given(st.data())
def test_labels_of_any_kind_give_the_same_page(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([st.integers(-99, 99), st.text(max_size=5), st.booleans(), floats, stamps]))
    names = data.draw(st.lists(st.one_of(kind, kind), min_size=1, max_size=4, unique_by=str))
    index = pd.MultiIndex.from_product([["cold", "warm"], names], names=["arm", "class"])
    values = data.draw(st.lists(floats, min_size=len(index), max_size=len(index)))
    classes = pd.DataFrame({"recall": 0.5, "change": values, "change_sd": 0.1}, index=index)
    found = make_findings(stages={"classes": classes}, sentences=(make_sentence("warm", "undecided", "."),))
    again = Findings.from_json(found.to_json())
    assert_same(again, found)
    assert render_markdown(again) == render_markdown(found)
    assert short_html(again) == short_html(found)


def test_what_json_has_no_words_for_comes_back_as_plain_values() -> None:
    table = pd.DataFrame({"kind": pd.Categorical(["a", "b"]), "many": pd.array([1, None], dtype="Int64")})
    back = table_from_dict(json.loads(json.dumps(table_as_dict(table))))
    assert back["kind"].tolist() == ["a", "b"]
    assert back["many"].tolist() == [1, pd.NA]


# -- JSON that is wrong ----------------------------------------------------------------------------------


def text_with(**changes: Any) -> str:
    return json.dumps(json.loads(make_findings().to_json()) | changes)


def changed_table(name: str, **changes: Any) -> str:
    told = json.loads(make_findings().to_json())
    told[name] |= changes
    return json.dumps(told)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON of findings, or only a part of one"),
        (make_findings().to_json()[:-40], "no JSON of findings, or only a part of one"),
        ("{}", "it has no 'format'"),
        ('{"format": NaN}', "NaN is no JSON"),
        (text_with(format=3), "format 3, and this version of sk-warmstart reads format 2: upgrade"),
        (text_with(format=1), "format 1, which holds less than a report needs .* run the comparison again"),
        (text_with(format="2"), "'format' must be a whole number"),
        (text_with(score=1), "'score': must be a text, got 1"),
        (text_with(n_repeats=0), "'n_repeats': must be a whole number of at least 1, got 0"),
        (text_with(fixed_splits=0), "'fixed_splits': must be true or false, got 0"),
        (text_with(versions={"torch": 2}), "'versions': 'torch': must be a text, got 2"),
        (text_with(settings={"rows": [1]}), "'settings': 'rows': must be a single value"),
        (text_with(reference="x"), "no row for the reference 'x'"),
        (text_with(rule={}), "'rule': must have 'rope' and 'confidence'"),
        (text_with(rule={"rope": 0.01, "confidence": 0.95, "p_difference": 0.9}), "decides by another rule"),
        (text_with(rule={"rope": -1, "confidence": 0.95}), "rope must be at least 0"),
        (text_with(confidence=0.9), "'confidence' says something else than 'rule'"),
        (text_with(verdict=["x"]), "'verdict' says something else than 'sentences'"),
        (text_with(sentences=[{"arm": "x"}]), "'sentences': each must have arm, verdict, opening, rest"),
        (text_with(stages={"cost": 3}), "'stages': 'cost': a table must be an object"),
        (changed_table("gain", data=[[1]]), "'gain': row 0 must have 28 values"),
        (changed_table("gain", keys="arm"), "'gain': 'keys' must be a list"),
        (changed_table("gain", dtypes=[]), "'gain': 'keys', 'names', 'columns' and 'dtypes' do not belong"),
        (changed_table("results", dtypes=["int64"] * 9), "'results': column 'arm' cannot be read as int64"),
        (
            changed_table("curves", dtypes=["complex128"] * 5),
            "'curves': column 'repeat' cannot be read as complex128",
        ),
        (changed_table("curves", columns=list("abcde")), "the table 'curves' has no column 'repeat'"),
        (changed_table("curves", exceptions=[[9, 9, "float"]]), "'exceptions' must be rows, columns and types"),
    ],
)
def test_wrong_json_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Findings.from_json(text)


@pytest.mark.parametrize("key", json.loads(make_findings().to_json()))
def test_every_part_is_needed_or_follows_from_another(key: str) -> None:
    told = json.loads(make_findings().to_json())
    del told[key]
    if key in ("rope", "confidence", "verdict", "best_policy"):
        assert_same(Findings.from_json(json.dumps(told)), make_findings())
    else:
        with pytest.raises(ValueError, match=f"'{key}'"):
            Findings.from_json(json.dumps(told))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in nested data."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in places(each, (*path, key)))]


junk = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.text(max_size=3), st.just([]), st.just({}), floats
)


@given(st.data())
def test_whatever_is_changed_is_refused_or_can_be_reported(data: st.DataObject) -> None:
    index = pd.MultiIndex.from_product([["cold", "warm"], [0, 1]], names=["arm", "class"])
    classes = pd.DataFrame({"change": [NAN, NAN, 0.1, 0.2], "change_sd": 0.1}, index=index)
    told = json.loads(make_findings(stages={"classes": classes}, sentences=(make_sentence("a", "b"),)).to_json())
    *way, last = data.draw(st.sampled_from(places(told)[1:]))
    holder = told
    for key in way:
        holder = holder[key]
    holder[last] = data.draw(junk)
    try:
        found = Findings.from_json(json.dumps(told))
    except ValueError:
        return
    assert_same(Findings.from_json(found.to_json()), found)
    assert render_markdown(found)
    assert short_html(found)


def test_a_text_or_a_path_is_read_and_a_missing_file_is_named(tmp_path: Path) -> None:
    found, path = make_findings(), tmp_path / "x.json"
    assert found.to_json(path) == path.read_text()
    for given_as in (path, str(path), path.read_text(), "\n " + path.read_text()):
        assert_same(Findings.from_json(given_as), found)
    with pytest.raises(FileNotFoundError, match=r"no file .*none\.json"):
        Findings.from_json(tmp_path / "none.json")
    path.write_bytes(b"\xff\xfe{")
    with pytest.raises(ValueError, match="no UTF-8 text"):
        Findings.from_json(path)


def test_findings_without_what_reports_read_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="the table 'gain' has no column 'cost'"):
        make_findings(gain=make_gain({"cold": {}}).drop(columns="cost"))
    with pytest.raises(ValueError, match="the table 'classes' must have the keys arm and class"):
        make_findings(stages={"classes": pd.DataFrame({"change": [0.1], "change_sd": 0.1})})
    with pytest.raises(ValueError, match="the column 'change' of the table 'classes' holds no numbers"):
        make_findings(stages={"classes": pd.DataFrame({"change": ["x"], "change_sd": 0.1})})


# -- where there is no torch -----------------------------------------------------------------------------

REFUSE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {refused}:
            raise ImportError(f"{{name}} is refused")

sys.meta_path.insert(0, Refuse())
"""


def run_refusing(refused: set[str], code: str) -> None:
    script = REFUSE.format(refused=refused) + code
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_page_is_made_without_torch_and_scikit_learn(fitted: WarmStartComparator, tmp_path: Path) -> None:
    kept = fitted.findings_.report(tmp_path / "kept.json")
    code = f"""
from sk_warmstart.comparison.findings import Findings
found = Findings.from_json({str(kept)!r})
for suffix in ("html", "md", "json"):
    found.report({str(tmp_path)!r} + "/without." + suffix)
import sk_warmstart
assert sk_warmstart.Findings is Findings
from sk_warmstart import ClasswiseChangeDisplay, CostScoreDisplay, LearningCurvesDisplay, WarmStartGainDisplay
assert LearningCurvesDisplay.from_findings(found).metric == "valid_score"
"""
    run_refusing({"torch", "skorch", "sklearn", "joblib", "safetensors"}, code)
    for suffix in ("html", "md", "json"):
        with_it = fitted.report(tmp_path / f"with.{suffix}")
        assert with_it.read_bytes() == (tmp_path / f"without.{suffix}").read_bytes()


def test_the_package_alone_imports_no_heavy_library() -> None:
    heavy = {
        "torch",
        "skorch",
        "sklearn",
        "matplotlib",
        "jinja2",
        "dask",
        "distributed",
        "rich",
        "scipy",
        "pandas",
    }
    code = "import sk_warmstart\nassert 'sk_warmstart.comparison.report._html' not in sys.modules\n"
    run_refusing(heavy, code)


def test_findings_are_read_without_the_libraries_of_the_page(tmp_path: Path) -> None:
    kept = make_findings().report(tmp_path / "kept.json")
    code = f"from sk_warmstart import Findings\nFindings.from_json({str(kept)!r})._repr_html_()\n"
    run_refusing({"torch", "skorch", "sklearn", "matplotlib", "jinja2", "dask"}, code)
