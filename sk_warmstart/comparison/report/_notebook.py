"""The report in small, for a notebook."""

from __future__ import annotations

from html import escape
from typing import Any

from ._tables import gain_page
from ._verdict import SYMBOLS, colour_of, verdict_lines
from .displays._style import require_fitted

_SHOWN = ("Arm", "Verdict", "Score", "Gain", "Speed-up", "Cost")


def short_html(comparator: Any) -> str:
    """Render the verdict and the gain table as a small piece of HTML, for a notebook.

    Needs neither matplotlib nor jinja2. It sets no background and no ink, so that it reads in a dark notebook as
    in a light one.

    Parameters
    ----------
    comparator : WarmStartComparator
        A fitted comparator.

    Returns
    -------
    str
        An HTML fragment.
    """
    require_fitted(comparator, "gain_")
    table = gain_page(comparator)
    shown = [i for i, column in enumerate(table.columns) if column.title in _SHOWN]
    head = "".join(f'<th style="text-align:left">{table.columns[i].title}</th>' for i in shown)
    body = "".join(
        "<tr>" + "".join(f'<td style="text-align:left">{escape(row[i].line)}</td>' for i in shown) + "</tr>"
        for row in table.rows
    )
    return (
        f'<div class="sk-warmstart">{_words(comparator)}'
        f'<div style="overflow-x:auto"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></div>"
    )


def _words(comparator: Any) -> str:
    interrupted, advice = (getattr(comparator, name, None) for name in ("interrupted_", "advice_"))
    told = [f"<strong>Interrupted:</strong> {escape(interrupted)}"] if interrupted else []
    told += [f"<strong>{escape(advice)}</strong>"] if advice else []
    for line in verdict_lines(comparator):
        symbol = SYMBOLS.get(line.verdict, "")
        mark = f'<span style="color:{colour_of(line.verdict)}">{symbol}</span> ' if symbol else ""
        told.append(f"{mark}<strong>{escape(line.subject)}</strong>{escape(line.rest)}")
    if comparator.fixed_splits_:
        told.append("<em>Time fixed the splits: this holds for this stream of data only.</em>")
    return "".join(f'<p style="margin:.2em 0">{line}</p>' for line in told)
