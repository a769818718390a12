"""Profiles of Hypothesis: a repeatable one by default, and ``--hypothesis-profile=many`` for a long search."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

N_EXAMPLES = 15

settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    max_examples=N_EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "many", settings.get_profile("repeatable"), derandomize=False, max_examples=40 * N_EXAMPLES, print_blob=True
)
settings.load_profile("repeatable")


def examples(n: int) -> int:
    """Return n for the repeatable profile, and as many times more for another as that has more examples."""
    return max(1, n * settings.default.max_examples // N_EXAMPLES)
