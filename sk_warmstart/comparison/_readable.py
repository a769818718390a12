"""Reports of a fitted comparator, as methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sklearn.utils.validation import check_is_fitted

from .findings._findings import Findings
from .findings._json import as_dict
from .report._markdown import render_markdown
from .report._notebook import short_html


class ReadableMixin:
    """Methods that write what a fitted comparator found."""

    findings_: Findings

    def _found(self) -> Findings:
        check_is_fitted(self)
        return self.findings_

    def report(self, path: str | Path) -> Path:
        """Write the comparison as one self-contained HTML page, as Markdown or as JSON.

        Parameters
        ----------
        path : str or Path
            Where to; its suffix (.html, .md, .json) says which.

        Returns
        -------
        Path
            The file.
        """
        return self._found().report(path)

    def to_dict(self) -> dict[str, Any]:
        """Return all tables and verdicts as built-in Python values.

        Returns
        -------
        dict
            Strict JSON: a table has ``keys`` (its index), ``columns`` and ``data``.
        """
        return as_dict(self._found())

    def to_json(self) -> str:
        """Return all tables and verdicts as JSON.

        Returns
        -------
        str
            What :meth:`to_dict` says.
        """
        return self._found().to_json()

    def to_markdown(self) -> str:
        """Return the comparison as Markdown.

        Returns
        -------
        str
            Verdicts and tables.
        """
        return render_markdown(self._found())

    def _html_repr(self) -> str:
        """What a notebook shows: the verdict, once there is one."""
        if not hasattr(self, "findings_"):
            return super()._html_repr()  # type: ignore[misc]
        return short_html(self.findings_)
