from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import TimeSeriesSplit

from sk_warmstart import ClassIncremental, DataIncremental, OldAndNew, RollingWindow
from sk_warmstart.cli._options import make_phases
from sk_warmstart.cli._parser import build_parser
from sk_warmstart.cli._table import TableData


def phases_of(*argv: str, n: int = 120, n_old: int = 0, task: str = "classification") -> Any:
    options = build_parser().parse_args(["compare", "t.csv", *argv])
    X = pd.DataFrame({"a": np.arange(n)})
    return make_phases(options, TableData(X, np.zeros(n), task, n_old=n_old))


@pytest.mark.parametrize(
    ("argv", "phases"),
    [
        ([], DataIncremental(5)),
        (["--phases", "3", "--test-size", "0.5"], DataIncremental(3, 0.5)),
        (["--classes"], ClassIncremental(5)),
        (["--time", "day"], TimeSeriesSplit(5)),
        (["--time", "day", "--sliding", "--phases", "11"], RollingWindow(10)),
        (["--time", "day", "--window", "30"], RollingWindow(30, expanding=True)),
        (["--time", "day", "--every", "month"], RollingWindow(1, step=1, expanding=True)),
        (["--time", "day", "--every", "week", "--sliding", "--window", "4"], RollingWindow(4, step=1)),
    ],
)
def test_phases_of_one_table(argv: list[str], phases: Any) -> None:
    made = phases_of(*argv)
    assert type(made) is type(phases)
    assert vars(made) == vars(phases)


def test_phases_of_two_tables() -> None:
    assert vars(phases_of(n_old=90)) == vars(OldAndNew(90))
    made = phases_of("--new-only", "--phases", "4", "--test-size", "0.4", n_old=90)
    assert vars(made) == vars(OldAndNew(90, 4, test_size=0.4, keep_old=False))


@pytest.mark.parametrize(
    ("argv", "n_old", "words"),
    [
        (["--sliding"], 0, "--sliding needs --time"),
        (["--window", "3"], 0, "--window needs --time"),
        (["--new-only"], 0, "--new-only needs two files"),
        (["--classes", "--time", "a"], 0, "--classes is for one table"),
        (["--classes"], 9, "--classes is for one table"),
        (["--time", "a", "--test-size", "0.2"], 0, "--test-size does not go with --time"),
        (["--time", "a", "--every", "month", "--phases", "3"], 0, "leave --phases out"),
        (["--time", "a", "--every", "month", "--groups", "b"], 0, "leave --groups out"),
        (["--time", "a", "--window", "9", "--phases", "3"], 0, "leave --phases out"),
    ],
)
def test_options_that_do_not_go_together(argv: list[str], n_old: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        phases_of(*argv, n_old=n_old)


@pytest.mark.parametrize("option", ["shrink=1", "dash.shrink", "dash.shrink=", ".shrink=1", "dash.=1"])
def test_a_grid_that_is_none(option: str, data: Path, error_of: Callable[..., str]) -> None:
    message = error_of("compare", data, "--target", "kind", "--tune", option)
    assert message == f"--tune takes policy.parameter=value,value, got {option!r}"
