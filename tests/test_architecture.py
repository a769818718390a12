"""The house: imports go down strictly between rooms, no circles among files, nothing hidden, nothing crowded."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "sk_warmstart"
FLOORS = {
    "_compat": 0,
    "_parameters": 0,
    "_version": 0,
    "_warning": 0,
    "testing": 1,
    "augment": 1,
    "state": 1,
    "modules": 1,
    "statistics": 1,
    "training": 2,
    "diagnostics": 2,
    "policies": 3,
    "callbacks": 3,
    "estimators": 4,
    "comparison": 5,
    "cli": 6,
    "__init__": 7,
    "__main__": 7,
}
WITHOUT_SKORCH = {
    "_parameters",
    "_version",
    "_warning",
    "augment",
    "state",
    "modules",
    "statistics",
    "diagnostics",
    "policies",
}
MOST_FILES = 14
MOST_LINES = 500
FILES = sorted(path for suffix in ("*.py", "*.pyi") for path in ROOT.rglob(suffix))


def names(path: Path) -> str:
    return str(path.relative_to(ROOT))


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].partition(".")[0]


def statements(path: Path) -> list[tuple[ast.stmt, bool]]:
    """Every import of a file, and whether it stands inside a function."""
    found: list[tuple[ast.stmt, bool]] = []

    def visit(node: ast.AST, inside: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import | ast.ImportFrom):
                found.append((child, inside))
            visit(child, inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))

    visit(ast.parse(path.read_text()), False)
    return found


def modules_of(path: Path, node: ast.stmt) -> set[str]:
    """Absolute names of the modules that an import names; a name in a package may be a module or not."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    assert isinstance(node, ast.ImportFrom)
    package = ["sk_warmstart", *path.relative_to(ROOT).parts[:-1]]
    base = package[: len(package) - node.level + 1] if node.level else []
    stem = ".".join([*base, *([node.module] if node.module else [])])
    found = set()
    for alias in node.names:
        inner = f"{stem}.{alias.name}"
        found.add(inner if file_of(inner) is not None else stem)
    return found


def file_of(module: str) -> Path | None:
    """The file of a module of the house; a package is its face."""
    first, *rest = module.split(".")
    if first != "sk_warmstart":
        return None
    path = ROOT.joinpath(*rest)
    return next((each for each in (path.with_suffix(".py"), path / "__init__.py") if each.exists()), None)


def graph() -> dict[Path, set[Path]]:
    """Which file imports which, the stubs of lazy faces counted as the faces."""
    found: dict[Path, set[Path]] = {}
    for path in FILES:
        files = {file_of(module) for node, _ in statements(path) for module in modules_of(path, node)}
        found.setdefault(path.with_suffix(".py"), set()).update(each for each in files if each is not None)
    return found


def untyped_parameters(tree: ast.AST) -> list[str]:
    """Parameters and fields named net or comparator whose annotation is missing or Any, with their lines."""
    named = [(node.lineno, node.arg, node.annotation) for node in ast.walk(tree) if isinstance(node, ast.arg)]
    named += [
        (node.lineno, node.target.id, node.annotation)
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    ]
    return [
        f"line {line}: {name}"
        for line, name, kind in named
        if name in ("net", "comparator") and (kind is None or "Any" in re.findall(r"\w+", ast.unparse(kind)))
    ]


@pytest.mark.parametrize("path", FILES, ids=names)
def test_imports_between_rooms_go_down_strictly(path: Path) -> None:
    floor = FLOORS[room_of(path)]
    for node, _ in statements(path):
        for module in modules_of(path, node):
            file = file_of(module)
            if file is not None and room_of(file) != room_of(path):
                room = room_of(file)
                assert FLOORS[room] < floor, (
                    f"line {node.lineno}: {room} is on floor {FLOORS[room]}, not below {floor}"
                )


@pytest.mark.parametrize("path", FILES, ids=names)
def test_no_import_of_the_package_is_hidden(path: Path) -> None:
    for node, inside in statements(path):
        hidden = inside and any(module.partition(".")[0] == "sk_warmstart" for module in modules_of(path, node))
        assert not hidden, f"line {node.lineno}: an import inside a function"
    for node in ast.walk(ast.parse(path.read_text())):
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None
        assert name not in ("import_module", "__import__"), "an import by import_module"


def test_files_form_no_circle() -> None:
    edges = graph()
    done: set[Path] = set()

    def visit(path: Path, trail: list[Path]) -> None:
        if path in trail:
            circle = [*trail[trail.index(path) :], path]
            pytest.fail(" <- ".join(map(names, circle)))
        if path not in done:
            for other in sorted(edges.get(path, ())):
                visit(other, [*trail, path])
            done.add(path)

    for path in edges:
        visit(path, [])


@pytest.mark.parametrize("folder", sorted({path.parent for path in FILES}), ids=lambda path: path.name)
def test_folders_are_small(folder: Path) -> None:
    files = list(folder.glob("*.py"))
    assert len(files) <= MOST_FILES, f"{len(files)} files: make rooms of them"


@pytest.mark.parametrize("path", FILES, ids=names)
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", FILES, ids=names)
def test_lower_rooms_do_not_know_skorch(path: Path) -> None:
    if room_of(path) in WITHOUT_SKORCH:
        assert not {
            m for node, _ in statements(path) for m in modules_of(path, node) if m.split(".")[0] == "skorch"
        }


@pytest.mark.parametrize("path", [path for path in FILES if room_of(path) != "_compat"], ids=names)
def test_parameters_say_what_a_net_is(path: Path) -> None:
    loose = untyped_parameters(ast.parse(path.read_text()))
    assert not loose, f"{loose}: not Any, but a class or a Protocol"


def test_the_checks_see_what_they_are_to_see(tmp_path: Path) -> None:
    path = ROOT / "estimators" / "_mixin.py"
    seen = {module for node, _ in statements(path) for module in modules_of(path, node)}
    assert "sk_warmstart.state" in seen
    assert graph()[ROOT / "comparison" / "__init__.py"] >= {ROOT / "comparison" / "_comparator.py"}
    loose = "def f(net: Any, *, comparator: Any | None, other: Any): ...\nclass C:\n    net: typing.Any"
    assert untyped_parameters(ast.parse(loose)) == ["line 1: net", "line 1: comparator", "line 3: net"]
    assert untyped_parameters(ast.parse("def f(net: NeuralNet, y: Any): ...")) == []
