"""Values of the estimators' parameters that are out of range, handed to ``set_params(...).fit``."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.metrics import f1_score

from sk_warmstart.augment import RandomCrop

from ._case import Call, Case, Group, literal_of
from ._subjects import X, both, classifier, target_of

NAN, INF = float("nan"), float("inf")


def set_and_fit(**params: Any) -> Call:
    """Return a call that sets parameters and fits."""
    return lambda net: net.set_params(**params).fit(X, target_of(net))


def _cases(values: dict[str, list[Any]], error: type[Exception] = ValueError) -> list[Case]:
    return [
        Case(f"{name}={literal_of(value)}", set_and_fit(**{name: value}), error, name.partition("__")[2] or name)
        for name, listed in values.items()
        for value in listed
    ]


def _split_in_three(dataset: Any, y: Any = None) -> Any:
    return dataset, dataset, dataset


def _makes_a_number() -> Any:
    return 3


OF_BOTH = [
    *_cases(
        {
            "module": ["MLP", 3, None],
            "criterion": ["mse", 3, None],
            "optimizer": ["adam", 3, None],
            "lr": [-0.1, NAN, INF, "fast", None, True],
            "max_epochs": [-1, 2.5, "ten", True, None],
            "batch_size": [0, -2, 1.5, "all", None],
            "init_policy": ["lukewarm", 3, None, object],
            "warm_start": ["yes", 2, None],
            "optimizer_state": ["forget", None, 1],
            "schema": ["loose", None],
            "standardize": ["yes", 2, None],
            "dtype": ["float16", None, torch.float32],
            "autocast": ["half", 16, True],
            "augment": ["crop", 4, True, RandomCrop],
            "random_state": ["seed", -1, 1.5],
            "device": ["gpu", 3.5, "cuda:99"],
            "early_stopping": ["yes", 2, None],
            "scoring": ["accurate", "", 3, ["roc_auc"], f1_score, max],
            "validation_fraction": [0, 1, -0.1, NAN, "half", None],
            "n_iter_no_change": [0, -1, 2.5, "ten", None],
            "tol": [-1e-4, NAN, "small", None],
            "train_split": [3, "5"],
            "iterator_train": [3, "loader"],
            "iterator_valid": [3, "loader"],
            "iterator_train__shuffle": ["yes", 2],
            "iterator_train__batch_size": [0, "all"],
            "iterator_valid__batch_size": [0, "all"],
            "dataset": [3, "rows"],
            "verbose": ["loud", 1.5],
            "compile": ["yes", 2, None],
            "use_caching": ["yes", 2, None],
            "torch_load_kwargs": [3, "weights_only"],
            "callbacks": [3, "print", [3], [("name", 3)]],
            "module__hidden_layer_sizes": [(0,), (-3,), "wide", (2.5,)],
            "module__activation": ["step", 3],
            "module__dropout": [-0.1, 1.0, "much", NAN],
            "module__norm": ["weight", 3],
            "optimizer__weight_decay": [-1.0, "heavy"],
            "init_policy__shrink": [3],
            "no_such_parameter": [1],
        }
    ),
    *_cases(
        {
            "module": [_makes_a_number],
            "train_split": [_split_in_three],
            "criterion__no_such_argument": [1],
            "module__no_such_argument": [1],
            "optimizer__no_such_argument": [1],
            "iterator_train__no_such_argument": [1],
        },
        TypeError,
    ),
    Case(
        "predict_nonlinearity=3",
        lambda net: net.set_params(predict_nonlinearity=3).predict(X),
        TypeError,
        "predict_nonlinearity",
    ),
    Case("set_params(device='gpu').predict", lambda net: net.set_params(device="gpu").predict(X), words="device"),
    Case(
        "set_params(batch_size=0).predict", lambda net: net.set_params(batch_size=0).predict(X), words="batch_size"
    ),
    Case(
        "dtype='float64', autocast='bfloat16'", set_and_fit(dtype="float64", autocast="bfloat16"), words="autocast"
    ),
]
OF_CLASSIFIERS = [
    *_cases(
        {
            "class_weight": ["heavy", 3, {7: 1.0}, {0: -1.0}, {0: NAN}, {0: "much"}],
            "classes": [[0, 1], 3, [0, 0, 1, 2], [[0, 1], [2, 3]]],
        }
    ),
    Case(
        "class_weight='balanced' in partial_fit",
        lambda net: net.set_params(class_weight="balanced").partial_fit(X, target_of(net)),
        words="class_weight='balanced' is not supported for partial_fit",
    ),
]
OF_STREAMS = [
    Case(
        f"partial_fit: {name}={literal_of(value)}",
        lambda net, name=name, value=value: net.set_params(**{name: value}).partial_fit(X, target_of(net)),
        words=words,
    )
    for name, value, words in [
        ("lr", "fast", "lr"),
        ("lr", -1, "lr"),
        ("optimizer__weight_decay", "heavy", "weight_decay"),
        ("batch_size", 0, "batch_size"),
        ("device", "gpu", "device"),
        ("module__hidden_layer_sizes", (3,), "module__hidden_layer_sizes changed"),
        ("callbacks", 3, "callbacks"),
        ("standardize", "yes", "standardize"),
    ]
]
ODD = [
    Case(f"{name}={literal_of(value)}", set_and_fit(**{name: value}), None)
    for name, value in [
        ("max_epochs", 0),
        ("max_epochs", np.int64(1)),
        ("lr", 0),
        ("lr", np.float32(0.01)),
        ("batch_size", -1),
        ("batch_size", 10**6),
        ("warm_start", np.True_),
        ("early_stopping", np.False_),
        ("random_state", np.random.RandomState(0)),
        ("device", torch.device("cpu")),
        ("module__hidden_layer_sizes", ()),
        ("module__hidden_layer_sizes", 3),
        ("callbacks", "disable"),
    ]
]
ODD_OF_WARM = [case for case in ODD if "hidden_layer_sizes" not in case.what]

GROUPS = [
    Group("parameters", both(warm_start=True), OF_BOTH),
    Group("parameters of the classifier", {"classifier": classifier}, OF_CLASSIFIERS),
    Group("parameters of a stream", both(), OF_STREAMS),
    Group("odd parameters", both(), ODD),
    Group("odd parameters of a warm start", both(warm_start=True), ODD_OF_WARM),
]
if not torch.cuda.is_available():
    ASKED = [
        *_cases({"device": ["cuda", "cuda:1"], "autocast": ["float16"]}),
        Case("partial_fit: device='cuda'", OF_STREAMS[0].call, words="lr"),
    ][:-1]
    ASKED += [
        Case(
            f"set_params(device='cuda').{method}",
            lambda net, method=method: getattr(net.set_params(device="cuda"), method)(
                *((X,) if method == "predict" else (X, target_of(net)))
            ),
            words="device='cuda': torch finds none here. Use device='auto' or 'cpu'",
        )
        for method in ("partial_fit", "predict", "score")
    ]
    GROUPS.append(Group("CUDA where there is none", both(), ASKED))
