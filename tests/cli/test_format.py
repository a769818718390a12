import pandas as pd

from sk_warmstart.cli._format import format_gain


def test_what_is_unknown_is_a_dash() -> None:
    nan = float("nan")
    columns = [
        *("score", "gain", "gain_low", "gain_high", "p_better", "p_equivalent", "p_worse"),
        *("speedup", "speedup_low", "speedup_high", "reached", "seconds", "verdict", "cost"),
    ]
    open_ = "undecided"
    rows = {
        "cold": (0.9, 0.0, nan, nan, nan, nan, nan, 1.0, nan, nan, 1.0, 2.0, "reference", ""),
        "warm": (0.95, 0.05, 0.03, 0.07, 0.99, 0.01, 0.0, 2.5, 1.5, 4.0, 0.5, 1.0, "beneficial", "cheap"),
        "odd": (0.9, -0.001, nan, nan, nan, nan, nan, nan, nan, nan, 0.0, 1.0, open_, open_),
    }
    lines = format_gain(pd.DataFrame.from_dict(rows, orient="index", columns=columns)).splitlines()
    assert lines[1].split() == ["cold", "0.9000", "-", "-", "-", "-", "-", "100%", "2.00", "reference"]
    assert lines[2].split() == [
        *("warm", "0.9500", "+0.0500", "[+0.0300,", "+0.0700]", "99%", "1%", "0%", "2.5", "[1.5,", "4]"),
        *("50%", "1.00", "beneficial", "cheap"),
    ]
    assert lines[3].split() == [
        "odd",
        "0.9000",
        "-0.0010",
        "-",
        "-",
        "-",
        "-",
        "0%",
        "1.00",
        "undecided",
        "undecided",
    ]
