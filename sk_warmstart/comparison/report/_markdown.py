"""A comparison as Markdown, for a pull request or a wiki."""

from __future__ import annotations

import re
from typing import Any

from ..findings._stage_tables import stage_page
from ._table import Table
from ._tables import checks_page, gain_page, phases_page, settings_page
from ._verdict import verdict_lines
from ._versions import versions
from .displays._style import require_fitted

# Underscores and hashes inside a word mean nothing, and arms are full of them.
_SPECIAL = re.compile(
    r"[\\|`*<~]|&(?=\w+;|#)|(?<![^\W_])_|_(?![^\W_])|(?<=\])[(:\[]|^(?:>|(?:#+|[+-]|\d+[.)])(?=\s))"
)


def as_markdown(comparator: Any) -> str:
    """Write the verdicts and tables of a fitted comparator as Markdown.

    Parameters
    ----------
    comparator : WarmStartComparator
        A fitted comparator.

    Returns
    -------
    str
        The text, in GitHub's dialect. Equal results give equal bytes.

    Examples
    --------
    >>> from sk_warmstart.comparison.report._markdown import escaped
    >>> print(escaped("shrink_perturb | *best*"))
    shrink_perturb \\| \\*best\\*
    """
    require_fitted(comparator, "gain_")
    confidence, rope = f"{100 * comparator.confidence:g}%", f"{comparator.rope:g}"
    reference, scorer = escaped(comparator.reference_), escaped(comparator.scorer_name_)
    parts = [f"# Is a warm start worth it? Compared with {reference}, scored by {scorer}", *_answer(comparator)]
    gain = gain_page(comparator)
    parts += [f"## {escaped(gain.title)}", _table(gain)]
    parts.append(
        f"Gain: the arm's {scorer} less {reference}'s in the same replicate, with its {confidence} interval. "
        f"Better, equivalent, worse: probability that the true gain is above {rope}, within ±{rope}, or below "
        f"−{rope}. Speed-up: training samples that {reference} needs to reach the target, by those that the arm "
        "needs."
    )
    checks = checks_page(comparator)
    stages = stage_page(getattr(comparator, "stages_", {}))
    for table in [phases_page(comparator), *([checks] if checks is not None else []), *stages]:
        parts += [f"## {escaped(table.title)}", escaped(table.note), _table(table)]
    settings = settings_page(comparator)
    parts += [f"## {settings.title}", _table(settings)]
    parts.append("Versions: " + ", ".join(f"{name} {version}" for name, version in versions().items()) + ".")
    return "\n\n".join(parts) + "\n"


def _answer(comparator: Any) -> list[str]:
    interrupted, advice = (getattr(comparator, name, None) for name in ("interrupted_", "advice_"))
    parts = [f"> **Interrupted.** {escaped(interrupted)}"] if interrupted else []
    parts += [f"**{escaped(advice)}**"] if advice else []
    lines = verdict_lines(comparator)
    parts.append(
        "\n".join(
            f"- **{escaped(line.subject)}**{escaped(line.rest)}" if line.subject else f"- {escaped(line.rest)}"
            for line in lines
        )
    )
    if comparator.fixed_splits_:
        parts.append("**These verdicts hold for this stream of data only:** time fixes its splits.")
    return [part for part in parts if part]


def _table(table: Table) -> str:
    titles = [" ".join(part for part in (c.group, c.title, c.small) if part) for c in table.columns]
    sides = [":---" if column.left else "---:" for column in table.columns]
    lines = [map(escaped, titles), sides, *([escaped(cell.line) for cell in row] for row in table.rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escaped(text: str) -> str:
    """Write a text on one line so that Markdown takes it as it is.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        With a backslash before what would mean something.
    """
    return _SPECIAL.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", " ".join(text.split()))
