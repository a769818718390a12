"""A comparison as Markdown, for a pull request or a wiki."""

from __future__ import annotations

import re

from ..findings._content import Content
from ._stages import stage_pages
from ._table import Table
from ._tables import checks_page, gain_page, phases_page, settings_page

# Underscores and hashes inside a word mean nothing, and arms are full of them.
_SPECIAL = re.compile(
    r"[\\|`*<~]|&(?=\w+;|#)|(?<![^\W_])_|_(?![^\W_])|(?<=\])[(:\[]|^(?:>|(?:#+|[+-]|\d+[.)])(?=\s))"
)


def render_markdown(findings: Content) -> str:
    """Write the verdicts and tables in GitHub's dialect; equal findings give equal bytes."""
    rule = findings.rule
    rope, confidence = f"{rule.rope:g}", f"{100 * rule.confidence:g}%"
    reference, scorer = escaped(findings.reference), escaped(findings.score)
    parts = [f"# Is a warm start worth it? Compared with {reference}, scored by {scorer}", *_answer(findings)]
    gain = gain_page(findings)
    parts += [f"## {escaped(gain.title)}", _table(gain)]
    parts.append(
        f"Gain: the arm's {scorer} less {reference}'s in the same replicate, with its {confidence} interval. "
        f"Better, equivalent, worse: probability that the true gain is above {rope}, within ±{rope}, or "
        f"below −{rope}. {rule.sentence} Speed-up: training samples that {reference} needs to reach the "
        f"validation score that both reach, by those that the arm needs. {rule.cost_sentence}"
    )
    checks = checks_page(findings)
    for table in [phases_page(findings), *([checks] if checks is not None else []), *stage_pages(findings)]:
        conclusion = [f"**{escaped(table.conclusion)}**"] if table.conclusion else []
        parts += [f"## {escaped(table.title)}", *conclusion, escaped(table.note), _table(table)]
    settings = settings_page(findings)
    parts += [f"## {settings.title}", _table(settings)]
    parts.append(
        "Versions: " + ", ".join(f"{name} {version}" for name, version in findings.versions.items()) + "."
    )
    return "\n\n".join(parts) + "\n"


def _answer(findings: Content) -> list[str]:
    parts = [f"> **Interrupted.** {escaped(findings.interrupted)}"] if findings.interrupted else []
    parts += [f"**{escaped(findings.advice)}**"] if findings.advice else []
    parts.append("\n".join(f"- **{escaped(line.opening)}**{escaped(line.rest)}" for line in findings.sentences))
    parts += [escaped(note) for note in findings.notes]
    return [part for part in parts if part]


def _table(table: Table) -> str:
    titles = [" ".join(part for part in (c.group, c.title, c.small) if part) for c in table.columns]
    sides = [":---" if column.left else "---:" for column in table.columns]
    lines = [map(escaped, titles), sides, *([escaped(cell.line) for cell in row] for row in table.rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escaped(text: str) -> str:
    """Write a text on one line, with a backslash before what would mean something in Markdown."""
    return _SPECIAL.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", " ".join(text.split()))
