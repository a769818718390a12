"""Dates as people write them: one way of writing for a column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from ._numbers import OpenFormatError

_NEARLY_ALL = 0.9
ISO = ""  # year, month, day, as ISO 8601 says
_TIME = (
    r"(?:(?P<join>T|,? )(?P<time>\d{1,2}:\d\d(?P<seconds>:\d\d(?P<parts>\.\d+)?)?(?P<half> ?[AaPp]\.?[Mm]\.?)?)"
    r"(?P<zone>(?P<blank> ?)(?:Z|UTC|GMT|[-+]\d\d:?(?:\d\d)?))?)?"
)
_ISO = re.compile(r"\d{4}-\d\d(?:-\d\d)?" + _TIME)
_DAY = re.compile(
    r"(?:(?P<year_first>\d{4}(?P<a>[-/. ])\d{1,2}(?P=a)\d{1,2})"
    r"|(?P<year_last>\d{1,2}(?P<b>[-/. ]) ?\d{1,2}(?P=b) ?\d{4})"
    r"|(?P<short>\d{1,2}(?P<c>[-/. ])\d{1,2}(?P=c)\d{2})"
    r"|(?P<words>(?:[A-Za-z]+,? )?(?:\d{1,2}(?P<d>[-/ .]+)[A-Za-z]{3,9}(?P<e>[-/ .,]+)\d{2,4}"
    r"|[A-Za-z]{3,9}(?P<f>\.? )\d{1,2}(?P<g>,? )\d{4}|\d{4}(?P<h>[-/ ])[A-Za-z]{3,9}(?P=h)\d{1,2})))" + _TIME
)


def parse_dates(texts: Sequence[str], form: str) -> pd.Series:
    """Return dates in UTC of texts that are written in one format, NaT for others."""
    values: Any = pd.Series(list(texts), dtype=object)
    if form == ISO:
        values = values.where(values.map(lambda text: _ISO.fullmatch(text) is not None), None)
    try:
        dates = pd.to_datetime(values, format=form or "ISO8601", errors="coerce", utc=True)
    except (ValueError, TypeError, OverflowError):
        return pd.Series(pd.NaT, values.index, dtype="datetime64[ns, UTC]")
    return _with_far_years(dates, values, form)


def find_date_format(
    texts: Sequence[str], day_first: bool | None = None, name: Any = None
) -> tuple[str, pd.Series] | None:
    """Return the one format that reads most of the texts, with the dates; None where no text is a date.

    If two read them as different dates, ``day_first`` decides, or this is an :class:`OpenFormatError`.
    """
    shown = next((text for text in texts[:100] if _DAY.fullmatch(text) or _ISO.fullmatch(text)), None)
    if shown is None:
        return None
    tried = [(form, parse_dates(texts, form)) for form in _candidates(shown)]
    most = max((int(dates.notna().sum()) for _, dates in tried), default=0)
    if not most:
        return None
    best = [(form, dates) for form, dates in tried if int(dates.notna().sum()) == most]
    if day_first is not None:
        best = [each for each in best if _is_day_first(each[0]) == day_first] or best
    best = _with_few_years(best)
    form, dates = best[0]
    for other, others in best[1:]:
        differ = np.flatnonzero((dates != others).to_numpy() & (dates.notna() | others.notna()).to_numpy())
        if len(differ) and most >= _NEARLY_ALL * len(texts):
            place = int(differ[0])
            raise OpenFormatError(
                f"the column {name!r} holds {texts[place]!r}, which is {dates[place]:%Y-%m-%d} or "
                f"{others[place]:%Y-%m-%d}, and no value tells: {_advice(form, other)}, or "
                f"--text {name!r}"
            )
    return form, dates


def _with_far_years(dates: pd.Series, values: pd.Series, form: str) -> pd.Series:
    """Return dates with those that nanoseconds cannot count, such as 9999-12-31, which pandas 2 leaves out."""
    if dates.dtype != "datetime64[ns, UTC]":
        return dates
    left = (dates.isna() & values.notna()).to_numpy()
    far = [_one_date(text, form) if unread else None for text, unread in zip(values, left, strict=True)]
    if not any(far):
        return dates
    found = pd.Series(np.array(far, dtype="datetime64[us]"), dates.index).dt.tz_localize("UTC")
    return dates.dt.as_unit("us").fillna(found)


def _one_date(text: str, form: str) -> datetime | None:
    """Return a date, without its time zone and as UTC counts it; None for what is none."""
    try:
        date = datetime.strptime(text, form) if form else datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return (date if date.tzinfo is None else date.astimezone(UTC)).replace(tzinfo=None)
    except OverflowError:  # midnight before the year 1 or after 9999
        return None


def _with_few_years(tried: list[tuple[str, pd.Series]]) -> list[tuple[str, pd.Series]]:
    """Leave out formats that take days for years: they find four times as many years as another."""
    years = [dates.dt.year.nunique() for _, dates in tried]
    return [each for each, count in zip(tried, years, strict=True) if count < 4 * min(years)]


def _advice(form: str, other: str) -> str:
    """Say how to tell two formats apart."""
    if "%y" in (form[:2], other[:2]):
        return "write the year with four digits, or say --day-first or --no-day-first if it comes last"
    return "say --day-first or --no-day-first"


def is_date_like(text: str) -> bool:
    """Tell whether a text looks like a date."""
    return bool(_DAY.fullmatch(text) or _ISO.fullmatch(text))


def has_zone(text: str) -> bool:
    """Tell whether a text that is a date names its time zone."""
    match = _ISO.fullmatch(text) or _DAY.fullmatch(text)
    return match is not None and match["zone"] is not None


def _is_day_first(form: str) -> bool | None:
    """Tell whether the day comes before the month in figures; None where that is no question."""
    if form.startswith("%d") and "%m" in form:
        return True
    return False if form.startswith("%m") else None


def _candidates(shown: str) -> list[str]:
    """Return the formats that a text may be written in."""
    forms = [ISO] if _ISO.fullmatch(shown) else []
    match = _DAY.fullmatch(shown)
    if match is None:
        return forms
    hours = _hours_of(match)
    if match["year_first"]:
        days = [] if forms else [f"%Y{match['a']}%m{match['a']}%d"]
    elif match["year_last"]:
        mark = match["b"] + (" " if f"{match['b']} " in match["year_last"] and match["b"] != " " else "")
        days = [f"%d{mark}%m{mark}%Y", f"%m{mark}%d{mark}%Y"]
    elif match["short"]:
        mark = match["c"]
        days = [f"%d{mark}%m{mark}%y", f"%m{mark}%d{mark}%y", f"%y{mark}%m{mark}%d"]
    else:
        days = _in_words(match)
    return forms + [day + hours for day in days]


def _in_words(match: re.Match[str]) -> list[str]:
    """Return the formats of a date whose month is a word."""
    text = match["words"]
    weekday = re.match(r"([A-Za-z]+)(,? )(?=\d|[A-Za-z]+\.? \d{1,2},? \d{4})", text)
    before = [""]
    if (weekday is not None and match["f"] is None) or (weekday is not None and text.count(" ") > 2):
        before = [f"%a{weekday[2]}", f"%A{weekday[2]}"]
    if match["d"] is not None:
        year = "%Y" if re.search(r"\d{4}$", text) else "%y"
        shapes = [f"%d{match['d']}{month}{match['e']}{year}" for month in ("%b", "%B")]
    elif match["f"] is not None:
        shapes = [f"{month}{match['f']}%d{match['g']}%Y" for month in ("%b", "%B")]
    else:
        shapes = [f"%Y{match['h']}{month}{match['h']}%d" for month in ("%b", "%B")]
    return [day + shape for day in before for shape in shapes]


def _hours_of(match: re.Match[str]) -> str:
    """Return the format of the time of day, empty without one."""
    if match["time"] is None:
        return ""
    hours = match["join"] + ("%I:%M" if match["half"] else "%H:%M")
    hours += ("%S" if match["seconds"] is None else ":%S") if match["seconds"] else ""
    hours += ".%f" if match["parts"] else ""
    if match["half"]:
        hours += " %p" if match["half"].startswith(" ") else "%p"
    return hours + (f"{match['blank']}%z" if match["zone"] else "")
