"""The protocol of an init policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.base import BaseEstimator

from ..state import NetState
from ._context import PolicyContext


class InitPolicy(BaseEstimator):
    """Rule that makes the start of training from the previous state and a fresh draw.

    Subclasses define :meth:`start`. A policy is pure: the same inputs and generator give the same start,
    and neither state is changed. Its parameters are scikit-learn parameters, so they can be searched.

    Examples
    --------
    A policy of your own:

    >>> from sk_warmstart import WarmStartClassifier
    >>> from sk_warmstart.policies import InitPolicy
    >>> class SignFlip(InitPolicy):
    ...     def start(self, previous, fresh, context):
    ...         return previous.map(lambda name, tensor: -tensor)
    >>> estimator = WarmStartClassifier(warm_start=True, init_policy=SignFlip())
    """

    def start(self, previous: NetState, fresh: NetState, context: PolicyContext) -> NetState:
        """Make the state that training begins from.

        Parameters
        ----------
        previous : NetState
            What was learned before, in the layout of ``fresh``.
        fresh : NetState
            A new draw of the network.
        context : PolicyContext
            Structure, random numbers and what else may be asked for.

        Returns
        -------
        NetState
            A state of the same layout.
        """
        raise NotImplementedError(f"{type(self).__name__} must define start(previous, fresh, context)")

    def donors(self) -> Sequence[Any]:
        """Return donors that the policy brings, as ``warm_start_from`` takes them.

        Returns
        -------
        sequence
            None by default.
        """
        return ()

    def keeps_previous(self) -> bool:
        """Tell whether anything of the previous state reaches the start.

        A start that keeps nothing is a cold start: it draws exactly what a fresh clone would draw.

        Returns
        -------
        bool
            True unless the policy, with its parameters, forgets everything.
        """
        return True
