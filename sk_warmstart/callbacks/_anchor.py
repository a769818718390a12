"""Penalty on the distance of the weights to an anchor: L2-SP, L2-Init."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from skorch import NeuralNet
from torch import Tensor

from .._compat._torch import foreach_add, foreach_sub
from .._parameters import check_number, check_option
from .._warning import warn_renamed
from ..modules._structure import normalisation_tensors
from ..state import NetState, network_of
from ..training import Companion
from ._module import module_of

_PLACES = ("start", "origin", "fresh", "donor")
_SCOPES = ("all", "matrices")


class Anchor(Companion):
    """Penalise the distance of the weights to an anchor: L2-SP [1]_ and L2-Init [2]_.

    The loss is that of the criterion plus ``strength / 2 * ||w - anchor||**2``; only its gradient is added,
    ``strength * (w - anchor)``, so ``train_loss`` in the history is the criterion's. It comes on top of the
    optimiser's own weight decay: for the papers' setting use ``optimizer__weight_decay=0``. Parameters of
    normalisation layers and of the criterion are left out.

    Parameters
    ----------
    strength : float, default=0.01
        How strong the pull is; 0 is none. L2-SP used 0.1 (and 0.01 for a new head), L2-Init 1e-5 to 1e-2.
    to : {"start", "origin", "fresh", "donor"}, default="start"
        The state that training starts from; the weights that the lineage first started from, which is L2-Init's
        anchor; the fresh draw of this fit; or the donor, in the layout of this network, which is L2-SP's. Where
        there is no donor, ``"donor"`` pulls nowhere, and ``"fresh"`` is the start.
    scope : {"all", "matrices"}, default="all"
        All parameters that are not of normalisation layers, as in L2-Init; or, as in the code of L2-SP, only
        those with two axes or more, that is no biases. (``"weights"`` is an old name of ``"matrices"``.)

    Raises
    ------
    ValueError
        When training begins: if a parameter is out of its range, or the optimiser looks at the loss (LBFGS).
        In a later partial fit: if classes, columns or the statistics of ``standardize=True`` have changed since
        the anchor was taken. ``to="origin"`` follows such changes.

    References
    ----------
    .. [1] Li, Grandvalet and Davoine, Explicit inductive bias for transfer learning with convolutional networks,
       ICML 2018.
    .. [2] Kumar, Marklund and Van Roy, Maintaining plasticity in continual learning via regenerative
       regularization, 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_warmstart import WarmStartClassifier
    >>> from sk_warmstart.callbacks import Anchor
    >>> from sk_warmstart.state import NetState
    >>> X, y = load_iris(return_X_y=True)
    >>> def moved(strength):
    ...     net = WarmStartClassifier(max_epochs=5, random_state=0, callbacks=[Anchor(strength)]).fit(X, y)
    ...     return NetState.from_module(net.module_).distance(net.origin_)
    >>> moved(1.0) < moved(0.0)
    True
    """

    def __init__(self, strength: float = 0.01, to: str = "start", scope: str = "all"):
        self.strength = strength
        self.to = to
        self.scope = scope

    def initialize(self) -> Anchor:
        """Forget the last fit."""
        self.begun_ = False
        self.anchor_: NetState | None = None
        self.meaning_: tuple[Any, ...] = ()
        self.pairs_: tuple[list[Tensor], list[Tensor]] | None = None
        return self

    def on_train_begin(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Take the anchor."""
        super().on_train_begin(net, X, y, **kwargs)
        self._check(net)
        self.anchor_ = None if self.to == "origin" else self._place(net)
        self.meaning_ = _meaning(net)
        self.begun_ = True

    def around_epoch(self, net: NeuralNet, forward_params: dict[str, Any]) -> AbstractContextManager[Any]:
        """Find the weights and their anchors."""
        self.pairs_ = None
        if not self.begun_:
            raise ValueError(
                "the anchor is gone: set_params on a callback initializes all of them; call fit, or set the "
                "callback's attribute between partial fits"
            )
        anchor = net.origin_ if self.to == "origin" else self.anchor_
        if not self.strength or anchor is None:
            return nullcontext()
        if self.to != "origin" and not _same(self.meaning_, _meaning(net)):
            raise ValueError(
                "classes, columns or the standardisation have changed since "
                f"Anchor(to={self.to!r}) took its anchor: call fit, or use to='origin', which follows them"
            )
        return _Pairs(self, *self._matched(net, anchor))

    def after_backward(self, net: NeuralNet) -> None:
        """Add the gradient of the penalty."""
        if self.pairs_ is None:
            return
        held = [(p, a, p.grad) for p, a in zip(*self.pairs_, strict=True) if p.grad is not None]
        if held:
            weights, anchors, gradients = (list(each) for each in zip(*held, strict=True))
            with torch.no_grad():
                foreach_add(gradients, foreach_sub(weights, anchors), alpha=self.strength)

    def _check(self, net: NeuralNet) -> None:
        check_number("strength of Anchor", self.strength, 0)
        check_option("to of Anchor", self.to, _PLACES)
        if isinstance(self.scope, str) and self.scope == "weights":
            warn_renamed("scope='weights' of Anchor", "'matrices'")
        else:
            check_option("scope of Anchor", self.scope, _SCOPES)
        if any(type(getattr(net, name + "_")).__name__ == "LBFGS" for name in net._optimizers):
            raise ValueError("Anchor adds a gradient, and LBFGS looks at the loss: use another optimizer")
        if getattr(net, "accelerator", None) is not None:
            raise ValueError("Anchor does not know how accelerate scales gradients: use it without an accelerator")

    def _place(self, net: NeuralNet) -> NetState | None:
        start = NetState.from_module(network_of(net))
        # A start that was made by hand has no donor.
        made = getattr(net, "start_", {})
        donor, policy = made.get("donor"), made.get("policy")
        warm = donor in ("self", "warm_start_from", "init_policy")
        if self.to == "start" or (self.to == "fresh" and not warm):
            return start
        if self.to == "donor" and not warm:
            return None
        if self.to == "donor" and policy == "Warm":
            return start
        anchor = getattr(net.run_, "fresh" if self.to == "fresh" else "previous", None)
        if anchor is None:
            raise ValueError(
                f"the anchor to={self.to!r} is not kept for a start by {policy}: use to='start' or to='origin'"
            )
        return anchor.copy()

    def _matched(self, net: NeuralNet, anchor: NetState) -> tuple[list[Tensor], list[Tensor]]:
        module = module_of(net)
        prefix = "" if network_of(net) is module else "module."
        left_out = normalisation_tensors(module)
        weights: list[Tensor] = []
        anchors: list[Tensor] = []
        for name, parameter in module.named_parameters():
            if name in left_out or (self.scope != "all" and parameter.ndim < 2):
                continue
            weights.append(parameter)
            anchors.append(anchor[prefix + name].to(parameter))
        return weights, anchors


class _Pairs:
    """Context in which an anchor holds its pairs of weight and anchor."""

    def __init__(self, owner: Anchor, weights: list[Tensor], anchors: list[Tensor]):
        self._owner, self._pairs = owner, (weights, anchors)

    def __enter__(self) -> None:
        self._owner.pairs_ = self._pairs

    def __exit__(self, *error: Any) -> None:
        self._owner.pairs_ = None


def _meaning(net: NeuralNet) -> tuple[Any, ...]:
    """Return what an anchor depends on: classes, columns, and the scaler of the inputs."""
    classes, learned = vars(net).get("classes_inferred_"), net._current
    labels = None if classes is None else [*classes]
    return labels, learned.schema.columns, vars(net).get("n_features_in_"), learned.scaler


def _same(before: tuple[Any, ...], now: tuple[Any, ...]) -> bool:
    one, other = before[-1], now[-1]
    still = one is other or (one is not None and other is not None and other.is_still(one))
    return before[:-1] == now[:-1] and still
