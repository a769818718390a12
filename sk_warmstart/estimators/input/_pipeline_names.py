"""Who is calling: what scikit-learn does not pass on, its frames know."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

from sklearn.pipeline import Pipeline


def names_from_pipeline(estimator: Any) -> tuple[str, ...] | None:
    """Return the names of the columns that a Pipeline hands to its last step.

    A Pipeline knows the names (``get_feature_names_out``) and passes an array without them.

    Parameters
    ----------
    estimator : estimator
        The last step, in its ``fit`` or ``partial_fit``.

    Returns
    -------
    tuple of str or None
        The names; None outside a Pipeline, or if one of its steps knows none.
    """
    for frame in _frames():
        if frame.f_code.co_varnames[:1] != ("self",) or "pipeline" not in frame.f_code.co_filename:
            continue
        pipeline = frame.f_locals.get("self")
        if isinstance(pipeline, Pipeline) and pipeline.steps[-1][1] is estimator:
            return pipeline_names(pipeline)
    return None


def pipeline_names(pipeline: Pipeline) -> tuple[str, ...] | None:
    """Return the names of the columns that a Pipeline hands to its last step.

    Parameters
    ----------
    pipeline : Pipeline
        With all steps fitted but the last.

    Returns
    -------
    tuple of str or None
        The names; None if one of its steps knows none.
    """
    try:
        return tuple(map(str, pipeline[:-1].get_feature_names_out()))
    except (AttributeError, ValueError, NotImplementedError, TypeError):
        return None


def is_scoring() -> bool:
    """Tell whether a scorer of scikit-learn is asking for predictions, other than through ``score``."""
    for frame in _frames():
        if frame.f_code.co_name == "score":
            return False  # which has looked at the rows itself
        if frame.f_globals.get("__name__") == "sklearn.metrics._scorer":
            return True
    return False


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        yield frame
        frame = frame.f_back
