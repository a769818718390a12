"""The report of a comparison as a file: HTML, Markdown or JSON, by its suffix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..findings._content import Content
from ..findings._json import render_json
from ._html import render_html
from ._markdown import render_markdown

_WRITERS: dict[str, Callable[[Content], str]] = {
    ".html": render_html,
    ".htm": render_html,
    ".md": render_markdown,
    ".json": render_json,
}


def check_report_path(path: str | Path) -> str:
    """Return the suffix of a report's file, or raise where no report is written like that."""
    suffix = Path(path).suffix
    if suffix.lower() not in _WRITERS:
        raise ValueError(f"a report is written as .html, .md or .json, by the suffix of its path, got {suffix!r}")
    return suffix.lower()


def write_report(findings: Content, path: str | Path) -> Path:
    """Write a report to one file, as its suffix says; an existing file is replaced."""
    text = _WRITERS[check_report_path(path)](findings)
    path = Path(path)
    path.write_text(text, encoding="utf-8", newline="\n")
    return path
