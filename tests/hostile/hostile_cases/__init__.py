"""The lists of bad input, for the tests and for the table."""

from . import callbacks, comparator, donors, modules, parameters, parts, phases, policies, rows, saving, targets

LISTS = {
    "Rows": rows.GROUPS,
    "Rows in several parts, and on disk": parts.GROUPS,
    "Targets, weights and validation rows": targets.GROUPS,
    "Parameters of the estimators": parameters.GROUPS,
    "Init policies": policies.GROUPS,
    "Training companions": callbacks.GROUPS,
    "Modules and losses": modules.GROUPS,
    "Donors": donors.GROUPS,
    "Saving": saving.GROUPS,
    "The comparator": comparator.GROUPS,
    "Phases": phases.GROUPS,
}

__all__ = ["LISTS"]
