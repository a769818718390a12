"""Findings as JSON text, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...statistics._decision import SIMILAR_EFFORT, DecisionRule
from ._content import Content, Sentence
from ._frames import plain, table_as_dict, table_from_dict

_FORMAT = 2
_TABLES = ("gain", "results", "curves")


def as_dict(findings: Content) -> dict[str, Any]:
    """Return findings as strict JSON.

    Numbers keep their full precision; a missing one is None, an infinite one "Infinity" or "-Infinity". ``rope``,
    ``confidence``, ``verdict`` and ``best_policy`` repeat for readers what ``rule``, ``sentences`` and
    ``best_arm`` say.
    """
    return {
        "format": _FORMAT,
        "settings": dict(findings.settings),
        "versions": dict(findings.versions),
        "score": findings.score,
        "reference": findings.reference,
        "rope": findings.rule.rope,
        "confidence": findings.rule.confidence,
        "rule": _numbers_of(findings.rule),
        "n_repeats": findings.n_repeats,
        "fixed_splits": findings.fixed_splits,
        "test_to_train": plain(findings.test_to_train),
        "interrupted": findings.interrupted,
        "verdict": [sentence.text for sentence in findings.sentences],
        "sentences": [sentence._asdict() for sentence in findings.sentences],
        "notes": list(findings.notes),
        "advice": findings.advice,
        "best_policy": findings.best_arm,
        "best_arm": findings.best_arm,
        **{name: table_as_dict(getattr(findings, name)) for name in _TABLES},
        "stages": {name: table_as_dict(table) for name, table in findings.stages.items()},
    }


def render_json(findings: Content) -> str:
    """Write :func:`as_dict` as text, one key a line; equal findings give equal bytes."""
    lines = [
        f"{json.dumps(name)}: {json.dumps(value, allow_nan=False, ensure_ascii=False)}"
        for name, value in as_dict(findings).items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def text_of(path_or_text: str | Path) -> str:
    """Return JSON text as it is, and read a path; a text begins with a brace."""
    if isinstance(path_or_text, str) and path_or_text.lstrip().startswith("{"):
        return path_or_text
    try:
        return Path(path_or_text).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path_or_text} holds no findings: it is no UTF-8 text ({error})") from None
    except FileNotFoundError:
        raise FileNotFoundError(
            f"there is no file {path_or_text!s:.200}; a JSON text must begin with '{{'"
        ) from None


def _numbers_of(rule: DecisionRule) -> dict[str, float]:
    return {
        "rope": rule.rope,
        "confidence": rule.confidence,
        "p_difference": rule.p_difference,
        "p_equivalence": rule.p_equivalence,
        "similar_effort": SIMILAR_EFFORT,
    }


def read_content(text: str) -> dict[str, Any]:
    """Return the fields of the findings that a JSON text holds; a ValueError says what is wrong with it."""
    try:
        data = json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("this is no JSON of findings: it is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"this is no JSON of findings, or only a part of one: {error}") from None
    if not isinstance(data, dict) or "format" not in data:
        raise ValueError("this JSON holds no findings: it has no 'format'")
    _check_format(data["format"])
    content = {name: _read(data, name, read) for name, read in _READERS.items()}
    rule: DecisionRule = content["rule"]
    repeated = {
        "verdict": ("sentences", [sentence.text for sentence in content["sentences"]]),
        "best_policy": ("best_arm", content["best_arm"]),
        "rope": ("rule", rule.rope),
        "confidence": ("rule", rule.confidence),
    }
    for name, (source, value) in repeated.items():
        if data.get(name, value) != value:
            raise ValueError(f"{name!r} says something else than {source!r}: the findings were changed by hand")
    return content


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _check_format(found: Any) -> None:
    if type(found) is not int or found < 1:
        raise ValueError(f"'format' must be a whole number of at least 1, got {found!r:.80}")
    if found > _FORMAT:
        raise ValueError(
            f"these findings have format {found}, and this version of sk-warmstart reads format {_FORMAT}: "
            "upgrade sk-warmstart"
        )
    if found < _FORMAT:
        raise ValueError(
            f"these findings have format {found}, which holds less than a report needs (format {_FORMAT} does): "
            "run the comparison again"
        )


def _read(data: dict[str, Any], name: str, read: Callable[[Any], Any]) -> Any:
    if name not in data:
        raise ValueError(f"these findings have no {name!r}")
    try:
        return read(data[name])
    except ValueError as error:
        raise ValueError(f"{name!r}: {error}") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a text, got {value!r:.80}")
    return value


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)


def _count(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"must be a whole number of at least 1, got {value!r:.80}")
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise ValueError(f"must be a number, got {value!r:.80}")
    return float(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, got {value!r:.80}")
    return value


def _mapping_of(read: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    def reader(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError(f"must be an object, got {value!r:.80}")
        return {name: _read(value, name, read) for name in value}

    return reader


def _setting(value: Any) -> Any:
    if isinstance(value, list | dict):
        raise ValueError(f"must be a single value, got {value!r:.80}")
    return value


def _rule(value: Any) -> DecisionRule:
    numbers = _mapping_of(_number)(value)
    if not {"rope", "confidence"} <= set(numbers):
        raise ValueError("must have 'rope' and 'confidence'")
    rule = DecisionRule(numbers["rope"], numbers["confidence"])
    if not (0 <= rule.rope < math.inf and 0.5 < rule.confidence < 1):
        raise ValueError(
            f"rope must be at least 0 and confidence in (0.5, 1), got {rule.rope} and {rule.confidence}"
        )
    if numbers != _numbers_of(rule):
        raise ValueError(f"this version decides by another rule: {_numbers_of(rule)}, and not {numbers}")
    return rule


def _sentences(value: Any) -> tuple[Sentence, ...]:
    if not isinstance(value, list):
        raise ValueError(f"must be a list, got {value!r:.80}")
    parts = [_mapping_of(_text)(each) for each in value]
    if any(set(part) != set(Sentence._fields) for part in parts):
        raise ValueError(f"each must have {', '.join(Sentence._fields)}")
    return tuple(Sentence(**part) for part in parts)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"must be a list, got {value!r:.80}")
    return tuple(map(_text, value))


_READERS: dict[str, Callable[[Any], Any]] = {
    "settings": _mapping_of(_setting),
    "versions": _mapping_of(_text),
    "score": _text,
    "reference": _text,
    "rule": _rule,
    "n_repeats": _count,
    "fixed_splits": _flag,
    "test_to_train": _number,
    "interrupted": _text_or_none,
    "sentences": _sentences,
    "notes": _texts,
    "advice": _text_or_none,
    "best_arm": _text_or_none,
    **dict.fromkeys(_TABLES, table_from_dict),
    "stages": _mapping_of(table_from_dict),
}
