"""A table in a file, and the command as a user meets it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sk_warmstart.cli import main

N = 40


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    a = rng.normal(size=N)
    frame = pd.DataFrame(
        {
            "a": a,
            "b": rng.choice(["x", "y", "z"], N),
            "day": pd.date_range("2024-01-01", periods=N)[rng.permutation(N)].astype(str),
            "kind": np.where(a > 0, "plus", "minus"),
            "number": a * 2.5 + 1,
        }
    )
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def small() -> list[str]:
    """Options of a comparison that takes no time."""
    return ["--repeats", "2", "--phases", "2", "--jobs", "1", "--policies", "cold", "warm"]


@pytest.fixture
def error_of(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What the command says of a mistake: status 2, and one line."""

    def run(*argv: Any) -> str:
        try:
            status = main([str(argument) for argument in argv])
        except SystemExit as ended:
            status = ended.code  # type: ignore[assignment]
        out, err = capsys.readouterr()
        assert (status, out) == (2, "")
        assert err.count("\n") == 1
        assert "Traceback" not in err
        before, _, message = err.rstrip("\n").partition("error: ")
        assert before in ("sk-warmstart: ", "sk-warmstart compare: ")
        return message

    return run
