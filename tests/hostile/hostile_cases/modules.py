"""Modules that do not fit the data, and losses that are no numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ._case import Call, Case, Group
from ._subjects import X, both, classifier, regressor, target_of


class Gives(nn.Module):
    """A module that puts out something else than a network would."""

    def __init__(self, what: str):
        super().__init__()
        self.linear, self.what = nn.Linear(4, 3), what

    def forward(self, X: torch.Tensor) -> Any:
        """Return it."""
        logits = self.linear(X)
        return {
            "nothing": None,
            "a dict": {"logits": logits},
            "one number": logits.sum(1),
            "an axis more": logits[:, :, None],
            "half of the rows": logits[: len(X) // 2],
        }[self.what]


class NoNumberLater(nn.CrossEntropyLoss):
    """A loss that is no number any more after a few batches."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the loss, or NaN."""
        self.calls += 1
        loss = super().forward(logits, target)
        return loss * float("nan") if self.calls > 4 else loss


class NeverANumber(nn.CrossEntropyLoss):
    """A loss that is never a number."""

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return NaN."""
        return super().forward(logits, target) * float("nan")


def _with(method: str, module: Any = None, **params: Any) -> Call:
    """Train a net of another architecture: a fit of this one, a partial fit of a new one."""

    def call(net: Any) -> Any:
        extra = {"classes": [0, 1, 2]} if method == "partial_fit" and hasattr(net, "classes") else {}
        used = net
        if method == "partial_fit":
            used = type(net)(random_state=0)
        elif module is not None:
            used.set_params(max_epochs=1)
            del used.module__hidden_layer_sizes
        if module is not None:
            params["module"] = module
        return getattr(used.set_params(**params), method)(X, target_of(net), **extra)

    return call


_MODULES: list[tuple[str, Any, type[Exception], str]] = [
    ("Linear(3, 3) for 4 columns", nn.Linear(3, 3), ValueError, "the module Linear does not fit the data"),
    ("Conv2d for a table", nn.Conv2d(1, 3, 2), ValueError, "the module Conv2d does not fit the data"),
    ("Embedding for floats", nn.Embedding(5, 3), ValueError, "the module Embedding does not fit the data"),
    (
        "BatchNorm1d(3) for 4 columns",
        nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 3)),
        ValueError,
        "does not fit",
    ),
    ("no parameters", nn.Identity(), ValueError, "the module Identity has no parameters to train"),
    ("one that gives None", Gives("nothing"), TypeError, "the module Gives puts out NoneType"),
    ("one that gives a dict", Gives("a dict"), TypeError, "the module Gives puts out dict"),
    ("the class Linear, without its sizes", nn.Linear, TypeError, "the module Linear cannot be made"),
]
_OF_CLASSIFIERS: list[tuple[str, Any, str]] = [
    ("2 outputs for 3 classes", nn.Linear(4, 2), "give the module as many outputs as classes"),
    (
        "an LSTM, which gives a tuple",
        nn.LSTM(4, 3),
        "the criterion CrossEntropyLoss cannot compare an output that",
    ),
    ("one number a row", Gives("one number"), "the criterion CrossEntropyLoss cannot compare an output of shape"),
    (
        "an axis too many",
        Gives("an axis more"),
        "the criterion CrossEntropyLoss cannot compare an output of shape",
    ),
    ("half of the rows", Gives("half of the rows"), "the criterion CrossEntropyLoss cannot compare an output of"),
]
_AS_MANY = "give the module as many outputs as y has columns"
_OF_REGRESSORS: list[tuple[str, Any, str]] = [
    ("2 outputs for 1 column", nn.Linear(4, 2), _AS_MANY),
    ("an LSTM, which gives a tuple", nn.LSTM(4, 3), _AS_MANY),
    ("an axis too many", Gives("an axis more"), _AS_MANY),
    ("half of the rows", Gives("half of the rows"), _AS_MANY),
]
METHODS = ("fit", "partial_fit")


def _lr(net: Any) -> Any:
    return net.set_params(lr=1e30, optimizer=torch.optim.SGD)


LOSS = [
    Case("fit: a loss that becomes NaN", _with("fit", criterion=NoNumberLater), words="no longer a finite number"),
    Case("fit: a loss that is always NaN", _with("fit", criterion=NeverANumber), words="large values"),
    Case(
        "partial_fit: a loss that is always NaN",
        lambda net: net.set_params(criterion=NeverANumber).partial_fit(X, target_of(net)),
        words="no longer a finite number: lower lr",
    ),
    Case("fit: MSELoss for classes", _with("fit", criterion=nn.MSELoss), words="use torch.nn.CrossEntropyLoss"),
    Case(
        "partial_fit: MSELoss for classes",
        lambda net: net.set_params(criterion=nn.MSELoss).partial_fit(X, target_of(net)),
        words="use torch.nn.CrossEntropyLoss",
    ),
    Case(
        "fit: BCEWithLogitsLoss for 3 classes",
        _with("fit", criterion=nn.BCEWithLogitsLoss),
        words="cannot compare",
    ),
    Case(
        "fit: weights of 2 classes for 3",
        _with("fit", criterion__weight=torch.ones(2)),
        words="the criterion CrossEntropyLoss cannot compare",
    ),
]
LOSS_OF_BOTH = [
    Case(
        "fit: a loss of three arguments",
        _with("fit", criterion=nn.TripletMarginLoss),
        words="Use one that suits",
    ),
    Case("fit: lr=1e30 and X of 1e10", lambda net: _lr(net).fit(X * 1e10, target_of(net)), words="lower lr"),
]
LOSS_OF_FLOAT32 = [
    Case(
        "partial_fit: lr=1e30",
        lambda net: net.set_params(lr=1e30).partial_fit(X, target_of(net)),
        words="the training loss is no longer a finite number: lower lr",
    ),
]
SIZES = [
    Case(f"{method}: module__n_features=3 for 4 columns", _with(method, module__n_features=3), words="n_features")
    for method in METHODS
] + [
    Case(f"{method}: module__n_outputs too few", _with(method, module__n_outputs=2), words="n_outputs")
    for method in METHODS
]

GROUPS = [
    Group(
        "modules",
        both(),
        [
            Case(f"{method}: module: {what}", _with(method, module), error, words)
            for what, module, error, words in _MODULES
            for method in METHODS
        ],
    ),
    *(
        Group(
            f"modules of a {name}",
            {name: make},
            [
                Case(f"{method}: module: {what}", _with(method, module), words=words)
                for what, module, words in listed
                for method in METHODS
            ],
        )
        for name, make, listed in (
            ("classifier", classifier, _OF_CLASSIFIERS),
            ("regressor", regressor, _OF_REGRESSORS),
        )
    ),
    Group("sizes that are not the data's", both(), SIZES),
    Group("losses of classes", {"classifier": classifier}, LOSS),
    Group("losses", both(), LOSS_OF_BOTH),
    Group("losses of float32", both(dtype="float32"), LOSS_OF_FLOAT32),
]
