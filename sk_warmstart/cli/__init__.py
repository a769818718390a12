"""The command ``sk-warmstart``, its tables and its default pipeline."""

from ._default_pipeline import default_pipeline
from ._main import main
from ._table import load_table
from ._table_reader import TableReader as TableReader

__all__ = ["default_pipeline", "load_table", "main"]
