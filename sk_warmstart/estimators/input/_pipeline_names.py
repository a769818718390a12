"""The Pipeline around an estimator: names of its columns, its steps; and whether a scorer asks for predictions."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Any

from sklearn.metrics import make_scorer
from sklearn.pipeline import Pipeline

_SCORERS = type(make_scorer(len)).__module__
_PREPARED: ContextVar[Pipeline | None] = ContextVar("sk_warmstart_prepared_pipeline", default=None)


@contextmanager
def inside_pipeline(pipeline: Pipeline) -> Iterator[None]:
    """Let the last step of a Pipeline, fitted on rows prepared before, learn the names of its columns."""
    token = _PREPARED.set(pipeline)
    try:
        yield
    finally:
        _PREPARED.reset(token)


def names_from_pipeline(estimator: Any) -> tuple[str, ...] | None:
    """Return the names of the columns that a Pipeline hands to its last step; None where there are none.

    A Pipeline knows them (``get_feature_names_out``) and passes an array without them.
    """
    pipeline = _PREPARED.get()
    if pipeline is None or pipeline.steps[-1][1] is not estimator:
        pipeline = _pipeline_on_the_call_stack(estimator)
    return None if pipeline is None else pipeline_names(pipeline)


def steps_before(estimator: Any, given: str) -> Pipeline | None:
    """Return the fitted steps before the last one of the Pipeline that is fitting an estimator.

    None where there is no such Pipeline, no step that transforms, or it transforms the argument ``given`` itself.
    """
    pipeline = _pipeline_on_the_call_stack(estimator)
    if pipeline is None or given in (getattr(pipeline, "transform_input", None) or ()):
        return None
    return pipeline[:-1] if any(step not in (None, "passthrough") for _, step in pipeline.steps[:-1]) else None


def pipeline_names(pipeline: Pipeline) -> tuple[str, ...] | None:
    """Return the names of the columns behind all steps but the last; None if one of these knows none."""
    try:
        return tuple(map(str, pipeline[:-1].get_feature_names_out()))
    except (AttributeError, ValueError, NotImplementedError, TypeError):
        return None


def is_scoring() -> bool:
    """Tell whether a scorer of scikit-learn is on the call stack, other than through ``score``."""
    for frame in _frames():
        if frame.f_code.co_name == "score":
            return False  # which has looked at the rows itself
        if frame.f_globals.get("__name__") == _SCORERS:
            return True
    return False


def _pipeline_on_the_call_stack(estimator: Any) -> Pipeline | None:
    """Return the Pipeline whose method is fitting an estimator: scikit-learn leaves no other way to it."""
    for frame in _frames():
        if frame.f_globals.get("__name__") == Pipeline.__module__ and frame.f_code.co_varnames[:1] == ("self",):
            pipeline = frame.f_locals.get("self")
            if isinstance(pipeline, Pipeline) and pipeline.steps[-1][1] is estimator:
                return pipeline
    return None


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        yield frame
        frame = frame.f_back
