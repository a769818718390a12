"""Parameters that are left out of weight decay."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import nn

from ..modules._selection import Which, select_tensors
from ..modules._structure import normalisation_tensors
from ._module import module_of
from ._rates import schedules_of


class NoWeightDecay(Callback, BaseEstimator):
    """Leave biases and normalisation out of weight decay.

    The optimiser gets groups of parameters with ``weight_decay`` 0. Put schedules of the learning rate later in
    the list of callbacks; :class:`LayerwiseLR` and :class:`GradualUnfreeze` may come before or after. All others
    keep ``optimizer__weight_decay``, 0.01 by default of AdamW.

    Parameters
    ----------
    which : {"head", "body"}, int, str, sequence of str, callable or None, default=None
        None takes parameters with fewer than two axes (biases among them) and those of normalisation layers, as
        BERT [1]_ does and He et al. [2]_ advise; anything else is a choice as
        :class:`~sk_warmstart.policies.ResetLayers` takes it.

    Raises
    ------
    ValueError
        When training begins: if ``which`` finds nothing, or the optimiser has no weight decay.

    References
    ----------
    .. [1] Devlin, Chang, Lee and Toutanova, BERT: pre-training of deep bidirectional transformers for language
       understanding, NAACL 2019; its optimiser leaves out layer normalisation and biases.
    .. [2] He et al., Bag of tricks for image classification with convolutional neural networks, CVPR 2019,
       section 3.1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_warmstart import WarmStartClassifier
    >>> from sk_warmstart.callbacks import NoWeightDecay
    >>> X, y = load_iris(return_X_y=True)
    >>> net = WarmStartClassifier(max_epochs=1, optimizer__weight_decay=0.1, callbacks=[NoWeightDecay()]).fit(X, y)
    >>> [(group["weight_decay"], len(group["params"])) for group in net.optimizer_.param_groups]
    [(0.1, 3), (0.0, 3)]
    """

    def __init__(self, which: Which | None = None):
        self.which = which

    def on_train_begin(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Split the groups of the optimiser."""
        exempt = self._exempt(module_of(net))
        for name in net._optimizers:
            optimizer = getattr(net, name + "_")
            groups = optimizer.param_groups
            if any("weight_decay" not in group for group in groups):
                raise ValueError(
                    f"NoWeightDecay needs an optimiser with weight decay, not {type(optimizer).__name__}"
                )
            split = [part for group in groups for part in _parts(group, exempt)]
            early = schedules_of(net, optimizer) if len(split) > len(groups) else []
            if early:
                raise ValueError(f"put NoWeightDecay before {early}, which holds the groups of the optimiser")
            groups[:] = split

    def on_epoch_begin(self, net: NeuralNet, dataset_train: Any = None, **kwargs: Any) -> None:
        """Notice a weight decay that was set for all groups."""
        exempt = self._exempt(module_of(net))
        for name in net._optimizers:
            for group in getattr(net, name + "_").param_groups:
                if all(id(parameter) in exempt for parameter in group["params"]):
                    group["weight_decay"] = 0.0

    def _exempt(self, module: nn.Module) -> set[int]:
        """Ids of the parameters that do not decay."""
        names = normalisation_tensors(module) if self.which is None else select_tensors(self.which, module)
        vectors = self.which is None
        return {id(p) for name, p in module.named_parameters() if name in names or (vectors and p.ndim < 2)}


def _parts(group: dict[str, Any], exempt: set[int]) -> list[dict[str, Any]]:
    """The parameters of a group that decay, and those that do not."""
    kept = [parameter for parameter in group["params"] if id(parameter) not in exempt]
    left_out = [parameter for parameter in group["params"] if id(parameter) in exempt]
    parts = [{**group, "params": kept}, {**group, "params": left_out, "weight_decay": 0.0}]
    return [part for part in parts if part["params"]]
