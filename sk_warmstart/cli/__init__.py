"""The command ``sk-warmstart``, its tables and its default pipeline."""

from ._default_pipeline import default_pipeline
from ._format import format_gain
from ._main import main
from ._parser import build_parser
from ._table import PERIODS, TableData, load_table, read_tables

__all__ = [
    "PERIODS",
    "TableData",
    "build_parser",
    "default_pipeline",
    "format_gain",
    "load_table",
    "main",
    "read_tables",
]
