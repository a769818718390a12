"""Parameters of training companions that are out of range."""

from __future__ import annotations

from typing import Any

from sk_warmstart.callbacks import Anchor, Freeze, GradualUnfreeze, LayerwiseLR, NoWeightDecay, WeightAverage

from ._case import Case, Group, literal_of
from ._subjects import classifier
from .parameters import INF, NAN, set_and_fit

_BLOCKS = ["hidden.0", [], ["no_such_block"], 3]
VALUES: dict[Any, dict[str, list[Any]]] = {
    Anchor: {
        "strength": [-1.0, NAN, INF, "strong", None, True],
        "to": ["home", None],
        "scope": ["biases", None],
    },
    Freeze: {
        "which": ["no_such_layer", "(", ".", [], ["no_such_layer"], 99, None],
        "n_epochs": [0, 2.5, "five", True],
    },
    GradualUnfreeze: {
        "factor": [0.5, NAN, INF, "steep", None, True],
        "n_epochs": [0, 1.5, None],
        "blocks": _BLOCKS,
    },
    LayerwiseLR: {"factor": [0.5, NAN, INF, "steep", None], "blocks": _BLOCKS},
    NoWeightDecay: {"which": ["no_such_layer", "(", [], 99, 2.5]},
    WeightAverage: {
        "decay": [-0.1, 1.0, NAN, "slow", None, True],
        "copy_back_every": [0, 1.5, "two"],
    },
}
ALL_FROZEN = "nothing"  # what is left to train

GROUPS = [
    Group(
        "companions",
        {"classifier": classifier},
        [
            Case(
                f"{cls.__name__}({name}={literal_of(value)})",
                set_and_fit(callbacks=[cls(**{name: value})]),
                words=ALL_FROZEN if value == "." else name,
            )
            for cls, parameters in VALUES.items()
            for name, values in parameters.items()
            for value in values
        ],
    )
]
