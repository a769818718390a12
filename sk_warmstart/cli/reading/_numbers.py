"""Numbers as people write them: one way of writing for a column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_PLAIN = frozenset("0123456789+-.eE")
_CODES = "USD|EUR|GBP|JPY|CHF|CNY|INR|CAD|AUD|SEK|NOK|DKK|PLN|CZK|BRL"
_UNIT = rf"%|US\$|[$€£¥₹₽₩₺]|{_CODES}"
_PARTS = re.compile(
    rf"(?P<paren>\()?(?P<sign>[-+])?\s*(?P<before>{_UNIT})?\s*(?P<inner>[-+])?"
    rf"(?P<body>[\d.,' ]*\d[\d.,' ]*?(?:[eE][-+]?\d+)?|inf(?:inity)?)\s*(?P<after>{_UNIT})?(?(paren)\))",
    re.IGNORECASE,
)
_SAME = str.maketrans({"−": "-", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "’": "'"})
_GROUPED_BY = {".": (",", " ", "'"), ",": (".", " ", "'")}


@dataclass(frozen=True)
class NumberFormat:
    """The decimal mark, what groups thousands, and a unit such as % before or after; its text is an example."""

    decimal: str = "."
    thousands: str = ""
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        return f"{self.before}1{self.thousands}234{self.decimal}5{self.after}"

    @classmethod
    def from_example(cls, example: str) -> NumberFormat | None:
        """Return the format of an example such as '1.234,5 %'; None if it is none."""
        match = re.fullmatch(r"(\D*?)1([.,' ]?)234([.,])5(\D*)", example)
        if match is None or match[2] == match[3]:
            return None
        return cls(match[3], match[2], match[1], match[4])


PLAIN = NumberFormat()


class OpenFormatError(ValueError):
    """The values of a column can be read in two ways, and neither is shown to be right."""


def parse_plain(texts: Sequence[str]) -> NDArray[np.float64] | None:
    """Return the values of texts that are all numbers as programs write them; None if one is not."""
    if not set("".join(texts)) <= _PLAIN:
        return None
    try:
        return np.array(texts, dtype=object).astype(np.float64)
    except ValueError:
        return None


def parse(texts: Sequence[str], form: NumberFormat) -> NDArray[np.float64]:
    """Return the values of texts that are written in one format, NaN for others."""
    if form == PLAIN:
        values = parse_plain(texts)
        if values is not None:
            return values
    number = _pattern(form.decimal, form.thousands)
    unit = (form.before + form.after).strip().upper()
    return np.array([_value(text, number, form, unit) for text in texts], dtype=np.float64)


def find_formats(texts: Sequence[str]) -> list[tuple[NumberFormat, NDArray[np.float64]]]:
    """Return the formats that read most of the texts, with the values; one for each decimal mark at most."""
    values = parse_plain(texts)
    if values is not None and not _may_group(texts, "."):
        return [(PLAIN, values)]
    matches = [_PARTS.fullmatch(text.translate(_SAME)) for text in texts]
    units = {_unit_of(match) for match in matches if match is not None and _unit_of(match) != ("", "")}
    if len({"".join(unit).upper() for unit in units}) > 1:
        units = set()  # of two currencies neither is a number of the other
    before, after = max(units, default=("", ""))
    best: list[tuple[NumberFormat, NDArray[np.float64]]] = []
    for decimal, groups in _GROUPED_BY.items():
        forms = [NumberFormat(decimal, group, before, after) for group in ("", *groups)]
        tried = [(form, parse(texts, form)) for form in forms]
        best.append(max(tried, key=lambda each: int(np.isfinite(each[1]).sum())))
    most = max(_n_read(values) for _, values in best)
    return [(form, values) for form, values in best if most and _n_read(values) == most]


def is_grouped_or_decimal(texts: Sequence[str]) -> bool:
    """Tell whether points may group the thousands of whole numbers, by all that can be seen."""
    return _may_group(texts, ".")


def some_are_below_a_thousand(texts: Sequence[str]) -> bool:
    """Tell whether some numbers have no point and at most three digits, as with grouped whole numbers."""
    whole = [text.lstrip("+-") for text in texts if "." not in text]
    return bool(whole) and all(len(text) <= 3 for text in whole)


def _may_group(texts: Sequence[str], mark: str) -> bool:
    """Tell whether each text with a mark is a whole number whose thousands it may group."""
    grouped = re.compile(rf"[-+]?[1-9]\d{{0,2}}(\{mark}\d{{3}})+")
    seen = False
    for text in texts:
        if mark in text:
            if grouped.fullmatch(text) is None:
                return False
            seen = True
    return seen


def _n_read(values: NDArray[np.float64]) -> int:
    return int((~np.isnan(values)).sum())


def _unit_of(match: re.Match[str]) -> tuple[str, str]:
    """Return what stands before and after a number."""
    return match["before"] or "", match["after"] or ""


def _pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    """Return what a number without sign and unit looks like."""
    whole = r"\d+" if not thousands else rf"\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+|\d+"
    point = re.escape(decimal)
    return re.compile(rf"(?:(?:{whole})(?:{point}\d*)?|{point}\d+)(?:[eE][-+]?\d+)?|inf(?:inity)?", re.IGNORECASE)


def _value(text: str, number: re.Pattern[str], form: NumberFormat, unit: str) -> float:
    """Return the number that a text is, or NaN."""
    match = _PARTS.fullmatch(text.translate(_SAME))
    if match is None or number.fullmatch(match["body"]) is None or (match["sign"] and match["inner"]):
        return np.nan
    if match["before"] and match["after"]:
        return np.nan
    body = match["body"]
    if form.thousands:
        body = body.replace(form.thousands, "")
    value = float(body.replace(form.decimal, "."))
    if "".join(_unit_of(match)).upper() != unit and (value != 0 or "".join(_unit_of(match))):
        return np.nan  # 5 beside 5% is not known to be 5%
    negative = bool(match["paren"]) != ("-" in ((match["sign"] or "") + (match["inner"] or "")))
    return -value if negative else value
