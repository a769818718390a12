"""Findings: the one value that every report of a comparison is made from."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from ..report._notebook import short_html
from ..report._write import write_report
from ._content import Content
from ._json import read_content, render_json, text_of


class Findings(Content):
    """What a comparison found: tables, sentences, settings and versions, without any estimator.

    :class:`WarmStartComparator` makes it as ``findings_``. It needs neither torch nor scikit-learn, so that a
    comparison can be kept as JSON and reported on another machine.

    Parameters
    ----------
    results, curves, gain : DataFrame
        As ``results_``, ``curves_`` and ``gain_`` of the comparator.
    stages : mapping of str to DataFrame
        As ``stages_``.
    sentences : tuple of Sentence
        The verdict in words, one sentence an arm, each with ``arm``, ``verdict``, ``opening``, ``rest`` and
        ``text``.
    notes : tuple of str
        On what all verdicts rest, and how far they reach, where that needs saying.
    advice, interrupted, best_arm : str or None
        What to do next; what Ctrl-C left out; the arm to go on with.
    reference, score : str
        Names of the arm that the others are compared with, and of the score.
    rule : DecisionRule
        The ROPE, the confidence, and the probabilities that a verdict needs.
    n_repeats : int
        Replicates that are complete.
    fixed_splits : bool
        Whether all replicates have the same splits.
    test_to_train : float
        Test rows by training rows.
    settings, versions : mapping
        What was compared, and the versions of Python and of libraries that it was made with.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_warmstart import Findings, WarmStartClassifier, WarmStartComparator
    >>> X, y = load_iris(return_X_y=True)
    >>> net = WarmStartClassifier(max_epochs=2)
    >>> findings = WarmStartComparator(net, ("cold", "warm"), n_repeats=2, refit=None).fit(X, y).findings_
    >>> again = Findings.from_json(findings.to_json())
    >>> again.gain.equals(findings.gain)
    True
    """

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the findings as strict JSON, from which they come back exactly.

        Parameters
        ----------
        path : str or Path, default=None
            File to write too; an existing one is replaced.

        Returns
        -------
        str
            The text; equal findings give equal bytes. A table has ``columns``, ``data`` (a list a row) and
            ``keys`` (those of its columns that are its index); a missing number is null, an infinite one
            ``"Infinity"`` or ``"-Infinity"``.
        """
        text = render_json(self)
        if path is not None:
            Path(path).write_text(text, encoding="utf-8", newline="\n")
        return text

    @classmethod
    def from_json(cls, path_or_text: str | Path) -> Self:
        """Read findings.

        Parameters
        ----------
        path_or_text : str or Path
            A file that :meth:`to_json` or ``report("x.json")`` wrote, or its text.

        Returns
        -------
        Findings
            Equal to those that were written.

        Raises
        ------
        ValueError
            If it holds no findings, only a part of them, or those of a newer version.
        """
        return cls(**read_content(text_of(path_or_text)))

    def report(self, path: str | Path) -> Path:
        """Write the findings as one self-contained HTML page, as Markdown or as JSON.

        Parameters
        ----------
        path : str or Path
            Where to; its suffix (.html, .md, .json) says which. An existing file is replaced.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ValueError
            If the suffix is another.
        """
        return write_report(self, path)

    def _repr_html_(self) -> str:
        return short_html(self)
