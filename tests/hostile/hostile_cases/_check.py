"""The check of a case: the right error, in clear words, and nothing lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ._case import Case, Group, in_one_line
from ._subjects import outputs, put_back


def parameters_of(lists: Mapping[str, Sequence[Group]]) -> list[Any]:
    """Return pytest's parameters, a maker of a subject and a case, for all cases of all lists."""
    return [
        pytest.param(make, case, id=f"{title.replace(',', '').replace(' ', '_').lower()}-{name}-{case.what}")
        for title, groups in lists.items()
        for group in groups
        for name, make in group.subjects.items()
        for case in group.cases
    ]


def check(make: Any, case: Case) -> None:
    """Hand a case to a subject, and compare its error and its later predictions with what is asked."""
    subject = make()
    params, before = subject.get_params(deep=False), outputs(subject)
    if case.error is None:
        case.call(subject)
        return
    with pytest.raises(case.error) as caught:
        case.call(subject)
    message = in_one_line(caught.value)
    assert message
    assert case.words in message, message
    put_back(subject, params)
    assert outputs(subject) == before
