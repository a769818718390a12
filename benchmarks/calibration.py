"""How often the comparator's verdicts are wrong where arms are equal, and right where they are not.

Two kinds of equal arms are told apart. A/A is the same arm twice, with other seeds. Two arms as good in the
population differ on every table, in favour of either: such are learners that see columns of their own, drawn by
one law. The parts:

* null: made-up learners (nearest centroids, with seed noise), the library's plans of every kind of phases;
* groups: the same with few and many groups of rows, each with an effect of its own;
* cost: made-up learning curves, of which it is known how much faster an arm is;
* cost-real: networks through the comparator: is warm called cheaper?
* cost-equal: the same with cold again, which is neither cheaper nor costlier;
* power: networks through the comparator: how large a gain is found;
* pairs: experiments that go on to the number of replicates which is said to decide;
* generators: gains that are skewed, have heavy tails or rare collapses, or come from few test rows;
* equal: several equal arms at once.

Verdicts are at a confidence of 0.95, at a ROPE of 0 (the hardest) and the default one. Intervals are Wilson's of
95 percent, of a geometric mean Student's. A target that the value misses and the interval does not is "unclear".

    OMP_NUM_THREADS=1 python benchmarks/calibration.py --jobs 2 --out benchmarks/results/calibration

writes OUT_PART.json and OUT_PART.md for each part, and OUT.json and OUT.md, a summary of all parts that are there.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _calibration import equal, generators, networks, nulls, pairs, speed
from _timing import made_by, write

Part = Callable[[int, int, int], list[dict[str, Any]]]
# What runs, and the tables of each of its cases.
PARTS: dict[str, tuple[Part, int]] = {
    "null": (nulls.null, 400),
    "groups": (nulls.groups, 400),
    "cost": (speed.cost, 1_000),
    "cost-real": (networks.cost_real, 80),
    "cost-equal": (networks.cost_equal, 400),
    "power": (networks.power, 100),
    "pairs": (pairs.pairs, 150),
    "generators": (generators.generators, 1_000),
    "equal": (equal.equal, 2_000),
}


def main() -> None:
    """Run the parts, and write what each counted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--tables", type=int, help="tables of each case, instead of each part's own number")
    parser.add_argument("--replicates", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--out", type=Path, help="write OUT_PART.json and OUT_PART.md, and the summary")
    options = parser.parse_args()
    for name in options.parts:
        run, tables = PARTS[name]
        began = time.perf_counter()
        rows = run(options.tables or tables, options.replicates, options.jobs)
        about = made_by(
            "benchmarks/calibration.py",
            part=name,
            tables=options.tables or tables,
            replicates=options.replicates,
            jobs=options.jobs,
            took_s=round(time.perf_counter() - began),
        )
        write(_out_of(options.out, name), rows, about)
    if options.out:
        summary = [row for name in PARTS for row in _summary(name, _out_of(options.out, name))]
        write(options.out, summary, made_by("benchmarks/calibration.py"))


def _out_of(out: Path | None, part: str) -> Path | None:
    return out and out.with_name(f"{out.name}_{part.replace('-', '_')}")


def _summary(part: str, out: Path | None) -> list[dict[str, Any]]:
    """Return a row for each thing that a part counted, over its cases."""
    path = out and out.with_suffix(".json")
    if not path or not path.exists():
        return []
    saved = json.loads(path.read_text())
    kinds: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in saved["rows"]:
        kinds.setdefault((row["what"], row["target"]), []).append(row)
    return [
        {
            "part": part,
            "what": what,
            "target": target,
            "cases": len(rows),
            "least": min(row["value"] for row in rows),
            "most": max(row["value"] for row in rows),
            "tables each": min(row["tables"] for row in rows),
            "not met": sum(row["met"] == "NO" for row in rows),
            "unclear": sum(row["met"] == "unclear" for row in rows),
        }
        for (what, target), rows in kinds.items()
    ]


if __name__ == "__main__":
    main()
