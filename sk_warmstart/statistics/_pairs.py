"""How many replicates would decide."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from ._decision import DecisionRule
from ._posterior import ROUNDING

_DRAWS = 500
_STEP = 0.02  # share by which the numbers grow that are looked at, one more at least


class PairsNeeded(NamedTuple):
    """A number of replicates, and how probably they decide.

    Parameters
    ----------
    n : int
        Number of replicates, those that there are included.
    probability : float
        Probability that a verdict is found with so many.

    Examples
    --------
    >>> from sk_warmstart.statistics import pairs_to_decide
    >>> needed = pairs_to_decide([0.06, -0.02, 0.05, -0.01, 0.045], rope=0.01, confidence=0.95)
    >>> needed.probability >= 0.8
    True
    """

    n: int
    probability: float


def pairs_to_decide(
    differences: ArrayLike,
    rope: float,
    confidence: float,
    shared_variance: float = 0.0,
    least: float = 0.8,
    most: int = 1000,
    random_state: int | np.random.Generator = 0,
) -> PairsNeeded | None:
    """Find how many replicates would probably decide, if one goes on with these.

    It is the predictive probability of a decision [1]_: a variance and a mean are drawn from what the differences
    say of them, then the replicates to come, and each data set so continued is judged. Differences whose mean and
    spread came out favourable by chance are no promise, which a formula with both put in would take them for.

    Parameters
    ----------
    differences : array-like of shape (n_replicates,)
        The differences so far.
    rope, confidence : float
        As in :func:`rope_verdict`.
    shared_variance : float, default=0.0
        What more replicates do not lower of the squared scale: that of a :class:`ClusteredPosterior`.
    least : float, default=0.8
        The probability to reach.
    most : int, default=1000
        Where to stop looking.
    random_state : int or Generator, default=0
        For the draws.

    Returns
    -------
    PairsNeeded or None
        The smallest number, to within 2 percent, and its probability; None if none up to ``most`` would do,
        or there are fewer than two differences that differ.

    References
    ----------
    .. [1] Spiegelhalter, Freedman and Blackburn, "Monitoring Clinical Trials: Conditional or Predictive Power?",
       Controlled Clinical Trials 7, 1986.

    Examples
    --------
    >>> from sk_warmstart.statistics import pairs_to_decide
    >>> pairs_to_decide([0.06, -0.02, 0.05, -0.01, 0.045], rope=0.01, confidence=0.95).n > 20
    True
    """
    d = np.asarray(differences, dtype=float)
    n = len(d)
    if n < 2 or not np.isfinite(d).all() or not np.isfinite(shared_variance):
        return None
    mean, squares = float(d.mean()), float(((d - d.mean()) ** 2).sum())
    if squares <= (ROUNDING * max(1.0, float(np.abs(d).max()))) ** 2 * n:
        return None
    rng = np.random.default_rng(random_state)
    numbers = [n]
    while numbers[-1] < most:
        numbers.append(min(most, numbers[-1] + max(1, int(_STEP * numbers[-1]))))
    new = np.diff(numbers)
    sigma = np.sqrt(squares / rng.chisquare(n - 1, (_DRAWS, 1)))
    centre = mean + sigma * rng.normal(size=(_DRAWS, 1)) / np.sqrt(n)
    sums = new * centre + np.sqrt(new) * sigma * rng.normal(size=(_DRAWS, len(new)))
    within = 2 * sigma**2 * rng.standard_gamma((new - 1) / 2, size=(_DRAWS, len(new)))
    totals = np.hstack([np.full((_DRAWS, 1), n * mean), sums]).cumsum(axis=1)
    all_squares = np.hstack([np.full((_DRAWS, 1), squares + n * mean**2), sums**2 / new + within]).cumsum(axis=1)
    rule = DecisionRule(rope, confidence)
    probability = _decided(totals, all_squares, np.array(numbers), shared_variance, rule).mean(axis=0)
    enough = np.flatnonzero(probability >= least)
    return PairsNeeded(numbers[enough[0]], float(probability[enough[0]])) if len(enough) else None


def _decided(
    totals: NDArray[np.float64],
    squares: NDArray[np.float64],
    n: NDArray[np.int64],
    shared_variance: float,
    rule: DecisionRule,
) -> NDArray[np.bool_]:
    """Whether sums and sums of squares of n differences are judged to be anything but undecided."""
    mean = np.abs(totals / n)
    scale = np.sqrt(np.maximum(squares - n * mean**2, 0.0) / (n - 1) / n + shared_variance)
    scale = np.maximum(scale, np.finfo(float).tiny)
    decided = mean - rule.rope >= scale * special.stdtrit(n - 1, rule.p_difference)
    # The gain can be within the ROPE only where its nearer edge is far enough by itself: few need the probability.
    inner = (rule.rope - mean) / scale
    near = np.nonzero(inner >= special.stdtrit(n - 1, rule.p_equivalence))
    df, inner, outer = np.broadcast_to(n - 1, mean.shape)[near], inner[near], ((rule.rope + mean) / scale)[near]
    decided[near] |= special.stdtr(df, inner) - special.stdtr(df, -outer) >= rule.p_equivalence
    return decided
