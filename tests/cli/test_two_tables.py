import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from sk_warmstart.cli import main
from sk_warmstart.cli._table import read_tables


def test_an_old_table_and_a_new_one(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], error_of: Callable[..., str]
) -> None:
    frame = pd.read_csv(data)
    old, new, out = tmp_path / "old.csv", tmp_path / "new.csv", tmp_path / "out.json"
    frame[:25].drop(columns="b").to_csv(old, index=False)
    frame[25:].assign(extra=1.0).to_csv(new, index=False)
    table = read_tables([old, new], "kind")
    assert table.notes == [f"only {new} has the columns 'b', 'extra': missing in every row of {old}"]
    assert table.n_old == 25
    assert list(table.X) == ["a", "day", "number", "b", "extra"]
    argv = [*("compare", str(old), str(new), "--target", "kind", "--repeats", "2"), "--report", str(out)]
    assert main([*argv, "--jobs", "1", "--epochs", "3"]) == 0
    result = json.loads(out.read_text())
    assert "OldAndNew(n_old=25)" in result["settings"]["phases"]
    capsys.readouterr()
    message = error_of("compare", old, new, "--target", "kind", "--time", "day")
    assert "--time and 'digits' go with one table only" in message
    message = error_of("compare", old, new, new, "--target", "kind")
    assert "give one table, or an old and a new one, not 3" in message
