"""The report in small, for a notebook."""

from __future__ import annotations

from html import escape

from ..findings._content import Content
from ._tables import gain_page
from .displays._style import UNKNOWN_VERDICT, VERDICTS

_COLUMNS = ("Arm", "Verdict", "Score", "Gain", "Speed-up", "Cost")


def short_html(findings: Content) -> str:
    """Render the verdict and the gain table as a small piece of HTML, with neither matplotlib nor jinja2.

    It sets no background and no ink, so that it reads in a dark notebook as in a light one.
    """
    table = gain_page(findings)
    places = [i for i, column in enumerate(table.columns) if column.title in _COLUMNS]
    head = "".join(f'<th style="text-align:left">{table.columns[i].title}</th>' for i in places)
    body = "".join(
        "<tr>" + "".join(f'<td style="text-align:left">{escape(row[i].line)}</td>' for i in places) + "</tr>"
        for row in table.rows
    )
    return (
        f'<div class="sk-warmstart">{_words(findings)}'
        f'<div style="overflow-x:auto"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></div>"
    )


def _words(findings: Content) -> str:
    lines = [f"<strong>Interrupted:</strong> {escape(findings.interrupted)}"] if findings.interrupted else []
    lines += [f"<strong>{escape(findings.advice)}</strong>"] if findings.advice else []
    for sentence in findings.sentences:
        style = VERDICTS.get(sentence.verdict, UNKNOWN_VERDICT)
        mark = f'<span style="color:{style.color}">{style.symbol}</span> ' if style.symbol else ""
        lines.append(f"{mark}<strong>{escape(sentence.opening)}</strong>{escape(sentence.rest)}")
    lines += [f"<em>{escape(note)}</em>" for note in findings.notes]
    return "".join(f'<p style="margin:.2em 0">{line}</p>' for line in lines)
