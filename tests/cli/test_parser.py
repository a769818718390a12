from collections.abc import Callable

import pytest

from sk_warmstart.cli._parser import build_parser


def test_defaults() -> None:
    options = build_parser().parse_args(["compare", "digits"])
    given = {
        name: value
        for name, value in vars(options).items()
        if value is not None and value is not False and value != []
    }
    assert given == {
        "command": "compare",
        "data": ["digits"],
        "policies": ["cold", "warm", "shrink_perturb"],
        "repeats": 10,
        "rope": "auto",
        "confidence": 0.95,
        "seed": 0,
        "jobs": -1,
    }


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["compare"], "the following arguments are required: DATA"),
        (["compare", "digits", "--colour", "red"], "unrecognized arguments: --colour red"),
        (["compare", "digits", "--phases", "many"], "argument --phases: invalid int value: 'many'"),
        (["compare", "digits", "--policies"], "argument --policies: expected at least one argument"),
    ],
)
def test_options_that_are_not_understood(argv: list[str], words: str, error_of: Callable[..., str]) -> None:
    assert words in error_of(*argv)


@pytest.mark.parametrize(("text", "rope"), [("auto", "auto"), ("0.5", 0.5)])
def test_the_rope_is_auto_or_a_number(text: str, rope: float | str) -> None:
    given = build_parser().parse_args(["compare", "digits", "--rope", text])
    assert given.rope == rope
