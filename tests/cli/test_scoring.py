"""Scorings that suit the target or not, said before the work."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import get_scorer, get_scorer_names

from sk_warmstart.cli._scoring import check_scoring

RNG = np.random.default_rng(0)
TARGETS: dict[str, tuple[Any, str]] = {
    "words": (np.array(["no", "yes"])[np.arange(40) % 2], "classification"),
    "codes": (np.arange(40) % 2, "classification"),
    "three": (np.arange(40) % 3, "classification"),
    "truth": (np.arange(40) % 2 == 0, "classification"),
    "prices": (RNG.exponential(size=40), "regression"),
    "changes": (RNG.normal(size=40), "regression"),
}


def is_for_numbers(name: str) -> bool:
    """Scikit-learn's own lists of scorers, by their names."""
    words = ("max_error", "absolute", "squared", "deviance", "explained_variance")
    return name == "r2" or any(word in name for word in words)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", get_scorer_names())
def test_whatever_passes_scores_a_guess_and_whatever_is_refused_names_some_that_do(name: str, target: str) -> None:
    y, task = TARGETS[target]
    dummy = (DummyClassifier() if task == "classification" else DummyRegressor()).fit(np.zeros((40, 1)), y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            check_scoring(name, y, task)
        except ValueError as error:
            message = str(error)
            offered = message.partition(": take ")[2].partition(", or say")[0].split(", ")
            assert message.startswith(f"--scoring {name} ")
            assert len(offered) >= 3
            for other in offered:
                check_scoring(other, y, task)
                get_scorer(other)(dummy, np.zeros((40, 1)), y)
            assert name not in offered
            assert ("is for" in message) == (is_for_numbers(name) != (task == "regression"))
        else:
            assert is_for_numbers(name) == (task == "regression")
            get_scorer(name)(dummy, np.zeros((40, 1)), y)


@pytest.mark.parametrize(
    ("scoring", "column", "words"),
    [
        ("r2", "word", "--scoring r2 is for numbers, and the target holds 2 labels: take accuracy, balanced_"),
        ("r2", "code", "f1, f1_macro, roc_auc, roc_auc_ovr, average_precision, neg_log_loss, or say --task if"),
        ("f1", "word", "--scoring f1 cannot score this target (pos_label=1 is not a valid label"),
        ("roc_auc", "price", "--scoring roc_auc is for labels, and the target holds numbers: take r2, neg_mean"),
        ("nope", "price", "'nope'"),
    ],
)
def test_the_command_says_so_in_a_line(
    scoring: str, column: str, words: str, tmp_path: Path, error_of: Callable[..., str]
) -> None:
    rows = [f"{i / 7:.3f},{'yn'[i % 2]},{i % 2},{i / 3:.2f}" for i in range(40)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["a,word,code,price", *rows]))
    others = sorted({"word", "code", "price"} - {column})
    assert words in error_of("compare", path, "--target", column, "--scoring", scoring, "--drop", *others)
