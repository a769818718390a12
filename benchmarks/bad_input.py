"""What is said of bad input: each input of the lists that the tests go through, with the error that it meets.

The cases stand in ``tests/hostile/hostile_cases``. Each is handed to a fitted estimator or comparator here too,
and what comes of it is written down: the class of the error and its message, shortened. Inputs that are odd but
must work are counted only.

    python benchmarks/bad_input.py --out benchmarks/results/bad_input
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from _timing import made_by, table

HOSTILE = Path(__file__).resolve().parents[1] / "tests" / "hostile"
LONGEST = 220
# What differs from one run or machine to the next, and what is but a sample of the rows.
_FLEETING = [
    (re.compile(r" at 0x[0-9a-f]+"), ""),
    (re.compile(r"\b[0-9a-f]{16}\b"), "(id)"),
    (re.compile(r" torch says: .*"), ""),
    (re.compile(r"<class '(?:\w+\.)*(\w+)'>"), r"\1"),
    (re.compile(r"\[+ *-?\d+\.\d[^\],]*\](?:[^\],]*\])*"), "[...]"),
    (re.compile(r"\bWarmStart(?:Classifier|Regressor) (?=does not|requires)"), "The estimator "),
    (re.compile(r"(required by |, but )WarmStart(?:Classifier|Regressor)"), r"\1the estimator"),
]
_METHOD = re.compile(r"^(fit|partial_fit|predict|score): ")


def main() -> None:
    """Hand over every case, and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    options = parser.parse_args()
    out = None if options.out is None else options.out.resolve()
    torch.set_num_threads(1)
    rows, n_odd = collect_errors()
    text = "\n\n".join(
        [
            "# Bad input, and what is said of it",
            "Each input is handed to a fitted estimator or comparator; afterwards it predicts the same, "
            f"to the bit. {len(rows)} inputs are refused here; {n_odd} more are odd but work, such as constant "
            "columns, a single row, or numbers as objects.",
            *(
                f"## {title}\n\n" + table([cells(row) for row in rows if row["list"] == title])
                for title in dict.fromkeys(row["list"] for row in rows)
            ),
        ]
    )
    about = made_by("benchmarks/bad_input.py", inputs=len(rows), odd=n_odd)
    text += "\n\n" + ", ".join(f"{key}: {value}" for key, value in about.items()) + "\n"
    print(text)
    if out is not None:
        out.with_suffix(".json").write_text(json.dumps({"made_by": about, "rows": rows}, indent=1) + "\n")
        out.with_suffix(".md").write_text(text)


def collect_errors() -> tuple[list[dict[str, str]], int]:
    """Return a row for each input with an error, and the number of cases that must work.

    What several methods or subjects say alike is one row.
    """
    sys.path[:0] = [str(HOSTILE), str(HOSTILE.parent)]  # as pytest has it
    from hostile_cases import LISTS
    from hostile_cases._case import result_of

    rows: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    n_odd = 0
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), warnings.catch_warnings():
        warnings.simplefilter("error")
        for title, groups in LISTS.items():
            for group in groups:
                for name, make in group.subjects.items():
                    for case in group.cases:
                        if case.error is None:
                            n_odd += 1
                            continue
                        with contextlib.redirect_stdout(io.StringIO()):
                            error, message = result_of(case.call, make())
                        method = _METHOD.match(case.what)
                        row = (title, _METHOD.sub("", case.what), error, tidy(message, folder))
                        rows.setdefault(row, []).append((name, "" if method is None else method.group(1)))
    inputs = Counter((title, what) for title, what, _, _ in rows)
    return [
        {
            "list": title,
            "input": what + (told_apart(who) if inputs[title, what] > 1 else ""),
            "handed to": ", ".join(dict.fromkeys(".".join(filter(None, each)) for each in who)),
            "error": error,
            "message": message,
        }
        for (title, what, error, message), who in rows.items()
    ], n_odd


def told_apart(who: list[tuple[str, str]]) -> str:
    """Return whose error it is, where the same input meets several."""
    methods = list(dict.fromkeys(method for _, method in who if method))
    names = list(dict.fromkeys(name for name, _ in who))
    return f" ({', '.join(names)}{': ' if methods else ''}{', '.join(methods)})"


def tidy(message: str, folder: str) -> str:
    """Return a message without what is fleeting, such as the folder of the run; one name for all estimators."""
    message = message.replace(f"{folder}/", "")
    for pattern, instead in _FLEETING:
        message = pattern.sub(instead, message)
    return message


def cells(row: dict[str, str]) -> dict[str, Any]:
    """Return a row as it is shown: as narrow as it can be, and safe in Markdown."""
    message = row["message"]
    if len(message) > LONGEST:
        message = message[:LONGEST].rsplit(" ", 1)[0].rstrip(",:;. ") + " ..."
    shown = {"input": row["input"], "error class": row["error"], "message": message}
    return {key: re.sub(r"([|<*])", r"\\\1", value) for key, value in shown.items()}


if __name__ == "__main__":
    main()
