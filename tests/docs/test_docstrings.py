"""Every public name says what it takes, what it gives and how it is used, as numpydoc's validator reads it."""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import ERROR_MSGS, validate

USED = ["state", "statistics", "policies", "modules", "diagnostics", "callbacks", "estimators"]
USED += ["comparison", "testing", "cli", "training"]

# Not asked for:
LEFT_OUT = {
    "GL01": "the summary stands on the line of the opening quotes",
    "ES01": "a summary that says all needs no second paragraph",
    "SA01": "See Also stands where there is something to see",
}
ASKED = sorted(set(ERROR_MSGS) - set(LEFT_OUT))

# What a method that carries out a protocol need not repeat: the method that it overrides says it.
INHERITED = {"PR01", "RT01", "YD01"}

NO_EXAMPLE = {
    "sk_warmstart.CheckpointError": "an error is met, not used",
    "sk_warmstart.LeakageWarning": "a warning is met, not used",
}


def public_names() -> Iterator[str]:
    """Dotted names of the public classes and functions, and of the methods that the classes define themselves."""
    seen: set[int] = set()
    for path in ["sk_warmstart", *(f"sk_warmstart.{room}" for room in USED)]:
        for name in importlib.import_module(path).__all__:
            yield from names_of(f"{path}.{name}", seen)


def names_of(name: str, seen: set[int]) -> Iterator[str]:
    thing = found(name)
    if id(thing) in seen or not (inspect.isclass(thing) or inspect.isfunction(thing)):
        return
    seen.add(id(thing))
    yield name
    if inspect.isclass(thing):
        for attribute, value in vars(thing).items():
            documented = inspect.isfunction(value) or isinstance(value, classmethod | staticmethod | property)
            if documented and not attribute.startswith("_") and is_own(value):
                yield f"{name}.{attribute}"


def is_own(value: Any) -> bool:
    """Whether this library wrote it: scikit-learn and skorch put request methods into a subclass."""
    function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
    return function.__module__.startswith("sk_warmstart")


def found(name: str) -> Any:
    """The object of a dotted name."""
    parts = name.split(".")
    depth = max(i for i in range(1, 3) if _is_module(parts[:i]))
    thing: Any = importlib.import_module(".".join(parts[:depth]))
    for part in parts[depth:]:
        # A module may import its names when they are asked for; a class is looked at without its descriptors.
        thing = getattr(thing, part) if inspect.ismodule(thing) else inspect.getattr_static(thing, part)
    return thing


def _is_module(parts: list[str]) -> bool:
    return inspect.ismodule(importlib.import_module(parts[0])) and (
        len(parts) == 1 or inspect.ismodule(getattr(importlib.import_module(parts[0]), parts[1], None))
    )


def owner_of(name: str) -> type | None:
    """The class of a method, None for a class or a function."""
    thing = found(name.rpartition(".")[0])
    return thing if inspect.isclass(thing) else None


def overrides(name: str) -> bool:
    """Whether a method is one that a class above has documented."""
    owner, method = owner_of(name), name.rpartition(".")[2]
    above = [] if owner is None else owner.__mro__[1:]
    return any(inspect.getdoc(vars(cls).get(method)) for cls in above if method in vars(cls))


def is_documented_by_its_class(name: str) -> bool:
    """Whether a property stands among the attributes of its class."""
    owner, attribute = owner_of(name), name.rpartition(".")[2]
    return owner is not None and attribute in {field.name for field in get_doc_object(owner)["Attributes"]}


def raised_by(name: str) -> set[str]:
    """Names of the errors that a function raises in its own lines."""
    thing = found(name)
    function = thing.fget if isinstance(thing, property) else inspect.unwrap(getattr(thing, "__func__", thing))
    if not inspect.isfunction(function):
        return set()
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    calls = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    return {call.func.id for call in calls if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)}


def undocumented_errors(name: str) -> set[str]:
    """Errors that a function raises and its section Raises does not name."""
    docs = inspect.unwrap(getattr(found(name), "__func__", found(name)))
    documented = {entry.type for entry in get_doc_object(docs)["Raises"]}
    return (
        raised_by(name) - documented - {"NotImplementedError", "AttributeError"}
    )  # what Python's own protocols want


def complaints(name: str) -> list[str]:
    """What numpydoc has to say against a docstring, of what is asked for."""
    waived: set[str] = set()
    if owner_of(name) is not None or name in NO_EXAMPLE:
        waived.add("EX01")  # a class shows its methods at work
    if overrides(name):
        waived |= INHERITED
    if getattr(found(name), "_is_protocol", False):
        waived.add("PR01")  # a protocol is not constructed
    if is_documented_by_its_class(name):
        waived.add("GL08")
    return [f"{code}: {text}" for code, text in validate(name)["errors"] if code in ASKED and code not in waived]


NAMES = list(public_names())


@pytest.mark.parametrize("name", NAMES)
def test_docstring_is_complete(name: str) -> None:
    assert not complaints(name)


@pytest.mark.parametrize("name", [name for name in NAMES if raised_by(name) and not overrides(name)])
def test_errors_are_documented(name: str) -> None:
    assert not undocumented_errors(name)


def test_what_has_no_example_has_none() -> None:
    for name in NO_EXAMPLE:
        assert name in NAMES
        assert "EX01" in {code for code, _ in validate(name)["errors"]}, f"{name} has an example by now"


def test_every_error_class_and_policy_is_among_the_names() -> None:
    assert {"sk_warmstart.CheckpointError", "sk_warmstart.policies.ShrinkPerturb.start"} <= set(NAMES)
    assert len(NAMES) > 200


def undocumented(rows: int, *, wide: bool = False) -> int:
    """Count rows

    Parameters
    ----------
    rows
        How many
    """
    if wide:
        raise LookupError("wide")
    return rows


def test_the_check_sees_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undocumented, "__module__", "sk_warmstart.state")
    monkeypatch.setattr("sk_warmstart.state.undocumented", undocumented, raising=False)
    codes = {text[:4] for text in complaints("sk_warmstart.state.undocumented")}
    assert codes == {"SS03", "PR01", "PR04", "PR09", "RT01", "EX01"}
    assert undocumented_errors("sk_warmstart.state.undocumented") == {"LookupError"}
