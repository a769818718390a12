"""The house: imports go down only, and only the floors from training up know skorch."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import sk_warmstart

ROOT = Path(sk_warmstart.__file__).parent
FLOORS = {
    "_compat": 0,
    "_parameters": 0,
    "_version": 0,
    "state": 1,
    "statistics": 1,
    "modules": 1,
    "diagnostics": 2,
    "policies": 3,
    "training": 4,
    "callbacks": 4,
    "estimators": 5,
    "comparison": 6,
    "testing": 6,
    "cli": 7,
    "__main__": 7,
    "__init__": 8,
}
FIRST_WITH_SKORCH = 4
FILES = sorted(ROOT.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Absolute names of everything that a file imports, also inside functions."""
    package = ["sk_warmstart", *path.relative_to(ROOT).parts[:-1]]
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            names.update({stem} if node.module else {f"{stem}.{alias.name}" for alias in node.names})
    return names


def rooms_imported(path: Path) -> set[str]:
    parts = [name.split(".") for name in imported(path)]
    rooms = {part[1] for part in parts if part[0] == "sk_warmstart" and len(part) > 1}
    return {room for room in rooms if not room.startswith("__version")} - {room_of(path)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down_only(path: Path) -> None:
    floor = FLOORS[room_of(path)]
    for room in rooms_imported(path):
        assert FLOORS[room] <= floor, f"{path.name} (floor {floor}) imports {room} (floor {FLOORS[room]})"


def test_rooms_do_not_form_circles() -> None:
    graph: dict[str, set[str]] = {}
    for path in FILES:
        graph.setdefault(room_of(path), set()).update(rooms_imported(path))

    def reachable(room: str, seen: frozenset[str]) -> set[str]:
        nearer = graph.get(room, set()) - seen
        return nearer | {far for near in nearer for far in reachable(near, seen | nearer)}

    for room in graph:
        assert room not in reachable(room, frozenset()), f"{room} reaches itself"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_lower_floors_do_not_know_skorch(path: Path) -> None:
    if FLOORS[room_of(path)] < FIRST_WITH_SKORCH:
        assert not {name for name in imported(path) if name.split(".")[0] == "skorch"}


def test_the_check_sees_relative_imports(tmp_path: Path) -> None:
    path = ROOT / "comparison" / "_comparator.py"
    assert "sk_warmstart.comparison.report._notebook" in imported(path)
    assert "estimators" in rooms_imported(path)
