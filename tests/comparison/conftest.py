"""Findings made by hand are a module of their own, which the tests of every report import."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
