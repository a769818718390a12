"""Parameters of init policies that are out of range."""

from __future__ import annotations

import functools
from typing import Any

from sk_warmstart.policies import (
    Auto,
    BestOf,
    Compose,
    Dash,
    Fire,
    Interpolate,
    LinearProbe,
    RecycleDormant,
    ResetLayers,
    ShrinkPerturb,
)

from ._case import Case, Group, shown
from ._subjects import classifier
from .parameters import INF, NAN, set_and_fit

VALUES: dict[Any, dict[str, list[Any]]] = {
    ShrinkPerturb: {
        "shrink": [-0.1, NAN, INF, "half", None],
        "perturb": [-0.1, NAN, INF, "some"],
        "noise": ["white", None, 3],
        "scope": ["biases", None],
        "buffers": ["drop", None],
    },
    Interpolate: {"fresh_share": [-0.1, 1.1, NAN, "half", None]},
    Dash: {
        "shrink": [-0.1, 1.1, NAN, "half"],
        "alpha": [0, 1.1, NAN, "some"],
        "chunk_size": [0, 2.5, "all", True],
    },
    Fire: {"n_iter": [0, -1, 2.5, "five"]},
    ResetLayers: {"which": [0, 99, True, "no_such_layer", "(", [], ["no_such_layer"], None, 1.5, [3]]},
    RecycleDormant: {"tau": [-0.1, NAN, INF, "low", None]},
    LinearProbe: {
        "Cs": [0, -1, 2.5, [], [-1.0], "many", [NAN], None],
        "cv": [1, 2.5, "five"],
        "max_iter": [0, "many"],
    },
    BestOf: {
        "policies": [[], ["lukewarm"], "warm", 3, None, ["warm", "warm"]],
        "sources": [3, "donor"],
        "n_epochs": [0, 1.5, "one"],
    },
    Auto: {
        "policies": [[], ["lukewarm"], "warm", 3, None],
        "patience": [0, 1.5, NAN, "long"],
        "n_epochs": [0, "one"],
    },
}
NAMED_ALONE = {"which"}  # the message says what it chooses from, not whose it is

GROUPS = [
    Group(
        "policies",
        {"classifier": functools.partial(classifier, warm_start=True)},
        [
            Case(
                f"{cls.__name__}({name}={shown(value)})",
                set_and_fit(init_policy=cls(**{name: value})),
                words=name if name in NAMED_ALONE else f"{name} of {cls.__name__}",
            )
            for cls, parameters in VALUES.items()
            for name, values in parameters.items()
            for value in values
        ],
    ),
    Group(
        "policies made of others",
        {"classifier": functools.partial(classifier, warm_start=True)},
        [
            Case(f"Compose({shown(value)})", set_and_fit(init_policy=Compose(value)), words=words)
            for value, words in [
                (3, "steps of Compose"),
                ("warm", "steps of Compose"),
                (["lukewarm"], "lukewarm"),
                ([("first", 3)], "got 3"),
            ]
        ]
        + [
            Case(
                "BestOf(sources=[3])",
                set_and_fit(init_policy=BestOf(sources=[3])),
                TypeError,
                "each of the policy's sources must be a Checkpoint",
            ),
        ],
    ),
    Group(
        "policies by name",
        {"classifier": functools.partial(classifier, warm_start=True)},
        [
            Case(
                "init_policy='reset_layers', which=0",
                set_and_fit(init_policy="reset_layers", init_policy__which=0),
                words="which",
            ),
            Case(
                "init_policy='cold', shrink=0.5",
                set_and_fit(init_policy="cold", init_policy__shrink=0.5),
                words="'shrink'",
            ),
            Case("init_policy='Warm'", set_and_fit(init_policy="Warm"), words="init_policy must be one of"),
        ],
    ),
]
