"""A model that the command saved takes raw tables, and predicts in the table's units."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error, r2_score

from sk_warmstart import WarmStartComparator
from sk_warmstart.cli import default_pipeline, main
from sk_warmstart.cli._table import read_tables

OPTIONS = ["--repeats", "1", "--phases", "2", "--jobs", "1", "--policies", "cold", "warm", "--quiet"]
WELL_TRAINED = ["--epochs", "150", "--lr", "0.01", "--batch-size", "32"]
FORMATS = ["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%m/%d/%y", "%d.%m.%Y", "%Y-%m-%dT%H:%M:%SZ", "%B %d, %Y"]


def shop(first: str, n: int, form: str = "%Y-%m-%d", seed: int = 0, cities: str = "AB") -> pd.DataFrame:
    """Sales that are a known function of day, city and price."""
    rng = np.random.default_rng(seed)
    days = pd.date_range(first, periods=n)
    city, price = rng.choice(list(cities), n), rng.normal(size=n)
    grown = 3.0 * (days - pd.Timestamp("2025-01-01")).days.to_numpy()
    sales = 5000 + grown + np.where(city == "A", 200, 0) + 50 * price
    frame = pd.DataFrame({"day": days.strftime(form), "city": city, "price": price, "open": price > 0})
    return frame.assign(note="-", sales=sales)


def saved(folder: Path, table: pd.DataFrame, *options: str) -> Any:
    path, model = folder / "table.csv", folder / "model.joblib"
    table.to_csv(path, index=False)
    argv = ["compare", str(path), "--target", "sales", "--drop", "note", *OPTIONS, *options, "--save", str(model)]
    assert main(argv) == 0
    return joblib.load(model)


def fitted(folder: Path, table: pd.DataFrame) -> Any:
    """The model that the command compares, on all rows, without a comparison."""
    path = folder / "table.csv"
    table.to_csv(path, index=False)
    data = read_tables([path], "sales", "day", ["note"])
    model = default_pipeline(data.X, data.task, kinds=data.kinds)
    settings = {"max_epochs": 150, "lr": 0.01, "batch_size": 32, "random_state": 0}
    model.set_params(**{f"warmstartregressor__{name}": value for name, value in settings.items()})
    return model.fit(data.X, data.y)


@pytest.mark.parametrize(("form", "command"), [(form, form == FORMATS[0]) for form in FORMATS])
def test_next_month_is_predicted_in_units_from_the_raw_table(form: str, command: bool, tmp_path: Path) -> None:
    table = shop("2025-01-01", 200, form)
    model = saved(tmp_path, table, "--time", "day", *WELL_TRAINED) if command else fitted(tmp_path, table)
    # By the first twelve days of a month, day and month can be confused.
    later = shop("2025-08-01", 12, form, seed=1)[["note", "sales", "price", "open", "city", "day"]]
    written = tmp_path / "later.csv"
    later.to_csv(written, index=False)
    raw = pd.read_csv(written)
    predicted = model.predict(raw)
    assert mean_absolute_error(raw["sales"], predicted) < 60
    assert model.score(raw.drop(columns="sales"), raw["sales"]) == pytest.approx(r2_score(raw["sales"], predicted))
    as_dates = raw.assign(day=pd.date_range("2025-08-01", periods=12))
    np.testing.assert_array_equal(model.predict(as_dates), predicted)
    # One row at a time has no earliest day of its own.
    one_by_one = [model.predict(raw[i : i + 1]).item() for i in range(12)]
    np.testing.assert_allclose(one_by_one, predicted, rtol=1e-5)


def test_what_reading_cleans_the_model_cleans_too(tmp_path: Path) -> None:
    text = "day, size,city,ok,sales\n" + "".join(
        f"2025-01-{i + 1:02d}, {'?' if i % 7 == 3 else i},{['A', ' B', '?'][i % 3]},{i % 2 == 0},{10.5 * i}\n"
        for i in range(28)
    )
    path, model = tmp_path / "t.csv", tmp_path / "m"
    path.write_text(text, encoding="utf-8")
    assert main(["compare", str(path), "--target", "sales", *OPTIONS, "--epochs", "3", "--save", str(model)]) == 0
    loaded, raw = joblib.load(model), pd.read_csv(path)
    assert list(raw)[1] == " size"  # as pandas reads it, and question marks as text
    clean = pd.read_csv(path, skipinitialspace=True, na_values="?")
    np.testing.assert_array_equal(loaded.predict(raw), loaded.predict(clean))
    partly = raw.assign(ok=[None, *raw["ok"][1:]], city=None)  # truth values and text that are missing
    assert np.isfinite(loaded.predict(partly)).all()
    unknown = raw.assign(city="new", more=1, empty=None)
    assert np.isfinite(loaded.predict(unknown)).all()
    for wrong, words in (
        (raw.drop(columns=" size"), "the table has no column 'size'"),
        (raw.assign(day="soon"), "the column 'day' holds 'soon', which is not a date"),
        (raw.assign(day=7), "the column 'day' holds '7', which is not a date"),
        (raw.assign(ok="perhaps"), "the column 'ok' holds 'perhaps', which is not a number"),
        (raw.to_numpy(), "X must be a pandas DataFrame"),
    ):
        with pytest.raises(ValueError, match=words):
            loaded.predict(wrong)


@pytest.mark.parametrize("labels", [["yes", "no"], [1.0, 3.0], [True, False], [7, 5]])
def test_labels_are_those_of_the_table(labels: list[Any], tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": np.tile([1.0, -1.0], 30), "y": np.tile(np.array(labels), 30)})
    path, model = tmp_path / "t.parquet", tmp_path / "m"
    frame.to_parquet(path)
    argv = [
        "compare",
        str(path),
        "--target",
        "y",
        *OPTIONS,
        "--epochs",
        "20",
        "--lr",
        "0.01",
        "--save",
        str(model),
    ]
    assert main(argv) == 0
    loaded = joblib.load(model)
    assert loaded.score(frame, frame["y"]) == 1
    assert (loaded.predict(frame) == frame["y"]).all()


def test_an_incumbent_is_scored_in_the_units_of_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = saved(tmp_path, shop("2025-01-01", 200), "--time", "day", *WELL_TRAINED)
    later = shop("2025-07-20", 60, seed=2, cities="ABC")
    path = tmp_path / "later.csv"
    later.iloc[::-1][["sales", "price", "city", "open", "note", "day"]].to_csv(path, index=False)
    fitted: list[WarmStartComparator] = []
    fit = WarmStartComparator.fit

    def watched(comparator: WarmStartComparator, *args: Any, **params: Any) -> Any:
        fitted.append(fit(comparator, *args, **params))
        return comparator

    monkeypatch.setattr(WarmStartComparator, "fit", watched)
    argv = ["compare", str(path), "--target", "sales", "--time", "day", "--drop", "note", *OPTIONS]
    argv += ["--incumbent", str(tmp_path / "model.joblib"), "--epochs", "3"]
    for scoring, score in (
        ("r2", r2_score),
        ("neg_mean_absolute_error", lambda y, predicted: -mean_absolute_error(y, predicted)),
    ):
        assert main([*argv, "--scoring", scoring]) == 0
        results = fitted[-1].results_
        given = results[(results["arm"] == "incumbent") & (results["phase"] == 2)]["score"]
        test = later[-20:]  # the last third: TimeSeriesSplit(2)
        by_hand = score(test["sales"], model.predict(test))
        assert given.tolist() == pytest.approx([by_hand] * len(given), rel=1e-6)


def test_the_best_estimator_is_saved_and_an_incumbent_loaded(
    data: Path, small: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], error_of: Callable[..., str]
) -> None:
    model = tmp_path / "model.joblib"
    argv = [
        "compare",
        str(data),
        "--target",
        "kind",
        *small,
        "--epochs",
        "40",
        "--lr",
        "0.05",
        "--save",
        str(model),
    ]
    assert main(argv) == 0
    assert f"The best estimator is in {model}" in capsys.readouterr().out
    raw = pd.read_csv(data)
    assert joblib.load(model).score(raw, raw["kind"]) > 0.9
    assert main([*argv, "--incumbent", str(model)]) == 0
    out, err = capsys.readouterr()
    assert "incumbent is" in out
    assert "the incumbent was trained on 100% of the rows" in err
    assert f"The incumbent, as nothing was shown to be better, is in {model}" in out
    argv = ["compare", str(data), "--target", "kind"]
    assert "there is no file" in error_of(*argv, "--incumbent", tmp_path / "no")
    assert "cannot be read as a saved estimator" in error_of(*argv, "--incumbent", data)
    other = tmp_path / "other.csv"
    raw.drop(columns="a").to_csv(other, index=False)
    message = error_of("compare", other, "--target", "kind", *small, "--incumbent", model)
    assert "the incumbent does not take these rows: the table has no column 'a'" in message


def test_rows_of_next_month_are_not_taken_for_rows_it_was_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved(tmp_path, shop("2025-01-01", 60), "--epochs", "2")
    shop("2025-03-02", 60, seed=5).to_csv(tmp_path / "later.csv", index=False)
    capsys.readouterr()
    argv = ["compare", str(tmp_path / "later.csv"), "--target", "sales", *OPTIONS, "--epochs", "2"]
    assert main([*argv, "--incumbent", str(tmp_path / "model.joblib")]) == 0
    assert "was trained on" not in capsys.readouterr().err


@pytest.mark.slow
def test_a_fresh_process_needs_the_file_alone(tmp_path: Path) -> None:
    model = saved(tmp_path, shop("2025-01-01", 60), "--epochs", "2")
    code = (
        "import joblib, pandas as pd, sys\n"
        "model = joblib.load(sys.argv[1])\n"
        "print(*model.predict(pd.read_csv(sys.argv[2])))\n"
        "print([name for name in ('matplotlib', 'jinja2') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model.joblib"), str(tmp_path / "table.csv")],
        capture_output=True,
        text=True,
        check=True,
    )
    predicted, modules = done.stdout.splitlines()
    raw = pd.read_csv(tmp_path / "table.csv")
    np.testing.assert_allclose(list(map(float, predicted.split())), model.predict(raw), rtol=1e-6)
    assert modules == "[]"
