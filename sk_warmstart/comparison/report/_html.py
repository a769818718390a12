"""The report: which start won, by how much, and how sure that is; as a page, as Markdown or as JSON."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..findings._stage_tables import stage_page
from ._json import as_json
from ._markdown import as_markdown
from ._notebook import short_html
from ._plots import class_plot, cost_plots, curve_plots, gain_plot, phase_plot
from ._tables import checks_page, gain_page, phases_page, settings_page
from ._verdict import SYMBOLS, verdict_lines
from ._versions import versions
from .displays._style import VERDICTS, require_fitted

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["render_report", "report_writer", "short_html", "write_report"]


def write_report(comparator: Any, path: str | Path) -> Path:
    """Write the report of a fitted comparator to one file.

    Parameters
    ----------
    comparator : WarmStartComparator
        A fitted comparator.
    path : str or Path
        File to write; an existing one is replaced. Its suffix says what is written: ``.html`` or ``.htm`` a page
        that needs no network, ``.md`` Markdown, ``.json`` all results.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ValueError
        If the suffix is another.
    """
    text = report_writer(path)(comparator)
    path = Path(path)
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def report_writer(path: str | Path) -> Callable[[Any], str]:
    """Return the function that renders a report for a file of this name.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    callable
        It takes a fitted comparator and returns the text.

    Raises
    ------
    ValueError
        If the suffix is none of those known.

    Examples
    --------
    >>> from sk_warmstart.comparison.report._html import report_writer
    >>> report_writer("report.md").__name__
    'as_markdown'
    """
    suffix = Path(path).suffix
    writer = _WRITERS.get(suffix.lower())
    if writer is None:
        raise ValueError(f"a report is written as .html, .md or .json, by the suffix of its path, got {suffix!r}")
    return writer


def render_report(comparator: Any) -> str:
    """Render the report of a fitted comparator as one HTML page.

    Parameters
    ----------
    comparator : WarmStartComparator
        A fitted comparator.

    Returns
    -------
    str
        The page. Equal results give equal bytes: it carries no date and no random identifier.
    """
    require_fitted(comparator, "gain_")
    try:
        import matplotlib  # noqa: F401
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise ImportError(
            "The report needs matplotlib and jinja2, and one of them is not installed: "
            "pip install sk-warmstart[report]"
        ) from error
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_beside("report.html.jinja"))
    return template.render(_content(comparator)) + "\n"


_WRITERS: dict[str, Callable[[Any], str]] = {
    ".html": render_report,
    ".htm": render_report,
    ".md": as_markdown,
    ".json": as_json,
}


def _beside(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _content(comparator: Any) -> dict[str, Any]:
    from markupsafe import Markup

    script = "\n" + _beside("report.js")
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    checks, stages = checks_page(comparator), stage_page(getattr(comparator, "stages_", {}))
    return {
        "style": Markup(_beside("report.css")),
        "script": Markup(script),
        "script_hash": Markup(f"'sha256-{digest}'"),  # the page runs this script and no other
        "interrupted": getattr(comparator, "interrupted_", None),
        "advice": getattr(comparator, "advice_", None),
        "best_policy": getattr(comparator, "best_policy_", None),
        "verdict_lines": verdict_lines(comparator),
        "gain": gain_page(comparator),
        "has_cost": "cost" in comparator.gain_,
        "gain_plot": gain_plot(comparator),
        "curve_plots": curve_plots(comparator),
        "cost_plots": cost_plots(comparator),
        "class_plot": class_plot(comparator),
        "phase_plot": phase_plot(comparator),
        "last_curve_phase": None if comparator.curves_.empty else int(comparator.curves_["phase"].max()),
        "phases": phases_page(comparator),
        "stages": [*([checks] if checks is not None else []), *stages],
        "settings": settings_page(comparator),
        "versions": versions(),
        "reference": comparator.reference_,
        "scorer": comparator.scorer_name_,
        "rope": f"{comparator.rope:g}",
        "confidence": f"{100 * comparator.confidence:g}%",
        "n_repeats": comparator.n_repeats,
        "fixed_splits": bool(comparator.fixed_splits_),
        "verdict_styles": {name: (style.color, SYMBOLS[name]) for name, style in VERDICTS.items()},
    }
