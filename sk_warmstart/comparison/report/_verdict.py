"""The sentences of the verdict, each with what it is about, and how verdicts are marked."""

from __future__ import annotations

from typing import Any, NamedTuple

from .displays._style import UNKNOWN_VERDICT, VERDICTS

SYMBOLS = {
    "beneficial": "\u25b2",
    "neutral": "\u25cf",
    "detrimental": "\u25bc",
    "undecided": "\u25c6",
    "failed": "\u2715",
}


class VerdictLine(NamedTuple):
    """A sentence in two parts: who is what, and the rest; and the verdict, where the sentence tells one.

    That an arm failed is a sentence in one part.
    """

    verdict: str
    subject: str
    rest: str


def verdict_lines(comparator: Any) -> list[VerdictLine]:
    """Split the sentences of the verdict.

    Parameters
    ----------
    comparator : WarmStartComparator
        A fitted comparator.

    Returns
    -------
    list of VerdictLine
        In their order; a sentence that begins with no arm and its verdict stays whole, as the rest.
    """
    openings = {}
    for arm, verdict in comparator.gain_["verdict"].items():
        openings[f"{arm} failed" if verdict == "failed" else f"{arm} is {verdict}"] = str(verdict)
    return [_split(str(sentence), openings) for sentence in comparator.verdict_]


def _split(sentence: str, openings: dict[str, str]) -> VerdictLine:
    for opening in sorted(openings, key=len, reverse=True):
        if sentence.startswith(opening):
            end = len(sentence) if openings[opening] == "failed" else len(opening)
            return VerdictLine(openings[opening], sentence[:end], sentence[end:])
    return VerdictLine("", "", sentence)


def colour_of(verdict: str) -> str:
    """Colour of a verdict, which reads on light and dark."""
    return VERDICTS.get(verdict, UNKNOWN_VERDICT).color
