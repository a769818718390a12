"""Donors whose description says what other modules take of them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from ...state import Donor
from ...state._names import NameRule

_BODY = "body"


def as_other_module(donor: Donor, module_class: str | None) -> Donor:
    """Return a donor as one of another module, if it is, and its description says what others take of it."""
    description = donor.description
    rule = description.get(_BODY)
    if donor.by_name is not None or not isinstance(rule, Mapping) or description.get("class") == module_class:
        return donor
    return donor.as_body(NameRule(rule.get("prefix"), rule.get("rename")))


def class_of(network: nn.Module) -> str:
    """Return the name of a network's class, as a donor's description has it."""
    return f"{type(network).__module__}.{type(network).__qualname__}"
