"""Whatever is handed to a fitted estimator, it says what is wrong, or does it; what it knew is never lost."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.profiles import examples
from hostile_cases import phases
from hostile_cases import policies as policy_cases
from hostile_cases._case import in_one_line
from hostile_cases._subjects import LABELS, N_ROWS, NUMBERS, X, classifier, outputs, put_back, regressor, target_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sk_warmstart.comparison import ClassIncremental, RollingWindow

METHODS = ["fit", "partial_fit", "predict", "score"]
SUBJECTS = {"classifier": classifier, "regressor": regressor}
# What is documented to be raised; of other classes a caller cannot know.
DOCUMENTED = (ValueError, TypeError)

DTYPES = ["f8", "f4", "f2", "i8", "u1", "?", "O", "U3", "c16", "M8[D]"]
CELLS = [0.0, 1.0, -1.0, 1e39, 1e308, -1e308, 5e-324, np.nan, np.inf, -np.inf]
SIZES = st.sampled_from([0, 1, 2, 3, 4, 5, N_ROWS])
SHAPES = st.one_of(
    st.just((N_ROWS, 4)),
    st.tuples(SIZES, SIZES),
    st.tuples(SIZES),
    st.just(()),
    st.tuples(SIZES, st.just(4), st.just(2)),
)


@st.composite
def arrays(draw: Any) -> Any:
    """Draw an array of any shape and dtype, mostly of numbers that are good."""
    dtype, shape = draw(st.sampled_from(DTYPES)), draw(SHAPES)
    rows = np.random.default_rng(draw(st.integers(0, 9))).normal(size=shape)
    if np.ndim(rows) and rows.size and draw(st.booleans()):
        rows.flat[draw(st.integers(0, rows.size - 1))] = draw(st.sampled_from(CELLS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what numpy says of the cast is no matter here
        cast = np.nan_to_num(rows) if dtype in ("i8", "u1", "M8[D]") else rows
        made = np.asarray(cast).astype("i8").astype(dtype) if dtype == "M8[D]" else np.asarray(cast).astype(dtype)
    return pd.DataFrame(made).rename(columns=str) if made.ndim == 2 and draw(st.booleans()) else made


ODDITIES = st.one_of(
    arrays(),
    st.sampled_from([None, 3, "rows", [], [[]], {}, {"a": 1}, [[1.0, 2.0], [3.0]], object(), b"rows", range(4)]),
    hnp.arrays(np.float64, (N_ROWS,), elements=st.sampled_from(CELLS)),
)
JUNK = st.sampled_from(
    [
        *(None, True, False, -1, 0, 1, 2.5, -0.5, float("nan"), float("inf"), "junk", "", b"junk", [], [3]),
        *({}, {"a": 1}, (), (1, 2), object(), np.array([1, 2]), np.float64(0.5), np.int64(2), type, len),
    ]
)  # no great numbers: as epochs or units they would be taken


def nothing_is_lost(subject: Any, call: Any) -> None:
    """Run a call that may fail, in a documented way; then the subject must predict as before."""
    params, before = subject.get_params(deep=False), outputs(subject)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what works may warn
        try:
            call(subject)
        except DOCUMENTED as error:
            said = in_one_line(error)
        else:
            return
    assert said
    put_back(subject, params)
    assert outputs(subject) == before


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", SUBJECTS)
@settings(max_examples=examples(60))
@given(rows=ODDITIES)
def test_rows(kind: str, method: str, rows: Any) -> None:
    n = len(rows) if getattr(rows, "ndim", 0) else N_ROWS

    def call(net: Any) -> None:
        getattr(net, method)(*((rows,) if method == "predict" else (rows, np.resize(target_of(net), n))))

    nothing_is_lost(SUBJECTS[kind](), call)


@pytest.mark.parametrize("method", ["fit", "partial_fit", "score"])
@pytest.mark.parametrize("kind", SUBJECTS)
@settings(max_examples=examples(60))
@given(y=ODDITIES)
def test_targets(kind: str, method: str, y: Any) -> None:
    nothing_is_lost(SUBJECTS[kind](), lambda net: getattr(net, method)(X, y))


@pytest.mark.parametrize("name", ["sample_weight", "sample_id", "X_val", "y_val", "classes"])
@settings(max_examples=examples(40))
@given(value=ODDITIES)
def test_what_stands_beside(name: str, value: Any) -> None:
    given_ = {name: value}
    if name == "X_val":
        given_["y_val"] = LABELS
    if name == "y_val":
        given_["X_val"] = X
    method = "partial_fit" if name == "classes" else "fit"
    nothing_is_lost(
        classifier(early_stopping=name == "sample_id"), lambda net: getattr(net, method)(X, LABELS, **given_)
    )


# Of what is callable only a call tells what it makes.
CALLED = {"criterion", "dataset", "iterator_train", "iterator_valid", "module", "optimizer", "train_split"}
PARAMETERS = sorted(
    {*classifier().get_params(deep=False), "module__activation", "module__dropout", "module__norm"}
)


@pytest.mark.parametrize("method", ["fit", "partial_fit", "predict"])
@settings(max_examples=examples(120))
@given(kind=st.sampled_from(list(SUBJECTS)), warm=st.booleans(), name=st.sampled_from(PARAMETERS), value=JUNK)
def test_parameters(method: str, kind: str, warm: bool, name: str, value: Any) -> None:
    assume(name not in CALLED or not callable(value))
    y = LABELS if kind == "classifier" else NUMBERS

    def call(net: Any) -> None:
        net.set_params(**{name: value})
        getattr(net, method)(*((X,) if method == "predict" else (X, y)))

    nothing_is_lost(SUBJECTS[kind](warm_start=warm), call)


POLICIES = [(cls, name) for cls, named in policy_cases.VALUES.items() for name in named]


@settings(max_examples=examples(120))
@given(of=st.sampled_from(POLICIES), value=JUNK)
def test_policies(of: Any, value: Any) -> None:
    cls, name = of
    net = classifier(warm_start=True)
    nothing_is_lost(net, lambda net: net.set_params(init_policy=cls(**{name: value})).fit(X, LABELS))


def planned(phases: Any, **others: Any) -> tuple[list[Any], str]:
    """Return the streams of a plan, or none and what was said instead."""
    try:
        return phases.plan(X, LABELS, np.random.default_rng(0), **others).streams, ""
    except ValueError as error:
        return [], in_one_line(error)


PHASES = [(cls, known, name) for cls, (known, named) in phases.VALUES.items() for name in named]


@settings(max_examples=examples(120))
@given(of=st.sampled_from(PHASES), value=JUNK)
def test_phases(of: Any, value: Any) -> None:
    cls, known, name = of
    streams, said = planned(cls(**{**known, name: value}))
    assert streams or any(word in said for word in (name, "too few", "too many"))
    assert all(len(phase.train) and len(phase.test) for stream in streams for phase in stream)


@settings(max_examples=examples(60))
@given(order=ODDITIES, window=JUNK)
def test_orders_and_groups(order: Any, window: Any) -> None:
    for phases_ in (ClassIncremental(2, order=order), RollingWindow(window)):
        streams, said = planned(phases_, groups=np.arange(N_ROWS))
        assert streams or said
