"""Result of a two-sample test."""

from __future__ import annotations

from typing import NamedTuple


class TwoSample(NamedTuple):
    """A statistic of two samples and how likely one at least as large is where nothing differs.

    Parameters
    ----------
    value : float
        The statistic.
    p_value : float
        Its one-sided p-value, in (0, 1].

    Examples
    --------
    >>> from sk_warmstart.diagnostics import TwoSample
    >>> TwoSample(value=0.7, p_value=0.01).p_value < 0.05
    True
    """

    value: float
    p_value: float
