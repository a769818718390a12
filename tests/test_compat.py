"""Private names of other libraries are in one place."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "sk_warmstart"
FILES = [path for path in sorted(ROOT.rglob("*.py")) if path.relative_to(ROOT).parts[0] != "_compat"]
LIBRARIES = {"sklearn", "skorch", "torch", "joblib", "scipy", "numpy", "pandas", "safetensors"}


def private_names(text: str) -> set[str]:
    """Dotted private names of other libraries that a file imports, or reaches by an imported module."""
    tree, modules, found = ast.parse(text), {}, set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules.update({alias.asname or alias.name.split(".")[0]: alias.name for alias in node.names})
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            modules.update(names)
            found.update(names.values())
    for node in ast.walk(tree):
        parts: list[str] = []
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            parts.insert(0, inner.attr)
            inner = inner.value
        if parts and isinstance(inner, ast.Name) and inner.id in modules:
            found.add(".".join([modules[inner.id], *parts]))
    dotted = {name for name in found if name.split(".")[0] in LIBRARIES}
    return {n for n in dotted if any(p.startswith("_") and not p.startswith("__") for p in n.split("."))}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_other_file_names_what_is_private_elsewhere(path: Path) -> None:
    assert not private_names(path.read_text()), "import it from sk_warmstart._compat"


def test_the_check_sees_imports_and_attributes() -> None:
    text = "import torch\nfrom torch import nn\nfrom sklearn.a._b import c\nnn.x._d.e\ntorch._f(g._h)\ntorch.__i__"
    assert private_names(text) == {"sklearn.a._b.c", "torch.nn.x._d", "torch.nn.x._d.e", "torch._f"}


@pytest.mark.parametrize("library", ["_sklearn", "_joblib", "_torch"])
def test_a_library_brings_no_other_one_in(library: str) -> None:
    others = {"sklearn", "skorch"} if library == "_torch" else {"torch", "skorch"}
    code = f"import sys, sk_warmstart._compat.{library}; print(*(set({sorted(others)}) & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
