"""The report of a comparison as one HTML page."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from importlib import resources
from typing import Any

from ..findings._content import Content
from ._plots import class_plot, cost_plots, curve_plots, gain_plot, phase_plot
from ._stages import stage_pages
from ._tables import checks_page, gain_page, phases_page, settings_page
from .displays._style import VERDICTS


def render_html(findings: Content) -> str:
    """Render findings as one HTML page, with no date and no random identifier: equal findings give equal bytes."""
    try:
        import matplotlib  # noqa: F401
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise ImportError(
            "The report needs matplotlib and jinja2, and one of them is not installed: "
            "pip install sk-warmstart[report]"
        ) from error
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_read("report.html.jinja"))
    return template.render(_content(findings)) + "\n"


def _read(name: str) -> str:
    """Read a file of this folder."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _content(findings: Content) -> dict[str, Any]:
    from markupsafe import Markup

    script = "\n" + _read("report.js")
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    checks = checks_page(findings)
    return {
        "style": Markup(_read("report.css")),
        "script": Markup(script),
        "script_hash": Markup(f"'sha256-{digest}'"),  # the page runs this script and no other
        "findings": findings,
        "gain": gain_page(findings),
        "gain_plot": gain_plot(findings),
        "curve_plots": curve_plots(findings),
        "cost_plots": cost_plots(findings),
        "class_plot": class_plot(findings),
        "phase_plot": phase_plot(findings),
        "last_curve_phase": None if findings.curves.empty else int(findings.curves["phase"].max()),
        "phases": phases_page(findings),
        "stages": [*([checks] if checks is not None else []), *stage_pages(findings)],
        "settings": settings_page(findings),
        "rope": f"{findings.rule.rope:g}",
        "confidence": f"{100 * findings.rule.confidence:g}%",
        "verdict_styles": {name: (style.color, style.symbol) for name, style in VERDICTS.items()},
    }
