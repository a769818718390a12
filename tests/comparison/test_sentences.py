"""What a person is told, for hand-made outcomes."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from sk_warmstart.comparison.findings._sentences import advice


def gains(**arms: tuple[str, str]) -> pd.DataFrame:
    told = {"cold": ("reference", "similar"), **arms}
    return pd.DataFrame.from_dict(told, orient="index", columns=["verdict", "cost"])


@pytest.mark.parametrize(
    ("table", "best", "words"),
    [
        (gains(warm=("beneficial", "cheaper")), "warm", "Retrain with warm: it is better than cold and cheaper."),
        (
            gains(warm=("beneficial", "costlier")),
            "warm",
            "Retrain with warm: it is better than cold, and costlier.",
        ),
        (gains(warm=("neutral", "cheaper")), "warm", "Retrain with warm: it is as good as cold and cheaper."),
        (gains(warm=("detrimental", "cheaper")), "cold", "Retrain cold: no other start is as good."),
        (gains(warm=("failed", "")), "cold", "Retrain cold: no other start is as good."),
        (
            gains(warm=("neutral", "costlier")),
            "cold",
            "Retrain cold: no other start is shown to be worth changing to.",
        ),
    ],
)
def test_what_is_decided_is_advised(table: pd.DataFrame, best: str, words: str) -> None:
    assert advice(table, {}, best, n_repeats=10, fixed=False) == words


@pytest.mark.parametrize(
    ("pairs", "n_repeats", "fixed", "words"),
    [
        ({"warm": 14}, 10, False, "More replicates would decide: n_repeats=14, say, about warm."),
        ({"warm": 775}, 10, False, "To decide about warm would take some 775 replicates."),
        ({"warm": None}, 10, True, "More replicates would not decide about warm; a wider rope may."),
        (
            {"warm": None},
            10,
            False,
            "More replicates would not decide about warm; a wider rope, or more rows may.",
        ),
        ({"warm": None}, 1, False, "To decide about warm, set n_repeats to 5 at least."),
    ],
)
def test_what_is_open_is_told_with_what_would_decide_it(
    pairs: dict[str, Any], n_repeats: int, fixed: bool, words: str
) -> None:
    table = gains(warm=("undecided", "undecided"))
    told = advice(table, pairs, "warm", n_repeats, fixed)
    assert told == f"Nothing speaks for a change yet: warm looks best, and it may be chance. {words}"


def test_the_arm_that_is_decided_first_is_named() -> None:
    table = gains(a=("undecided", "similar"), b=("undecided", "similar"), c=("undecided", "similar"))
    told = advice(table, {"a": 40, "b": 12, "c": None}, "a", 10, False)
    assert told.endswith("More replicates would decide: n_repeats=12, say, about b.")
    told = advice(table, {"a": None, "b": None, "c": None}, "a", 10, True)
    assert told.endswith("More replicates would not decide about 3 undecided arms; a wider rope may.")
