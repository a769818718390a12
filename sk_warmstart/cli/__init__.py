"""The command ``sk-warmstart``."""

from ._format import format_gain
from ._main import main
from ._parser import build_parser

__all__ = ["build_parser", "format_gain", "main"]
