"""Training companions: callbacks that freeze layers, set learning rates and weight decay by layer, pull weights
towards an anchor, or average them.

They are callbacks of skorch with parameters of scikit-learn, so ``callbacks__anchor__strength`` works in a grid.
A fit that has one trains on the fast loop, with the same numbers as on skorch's; it is not packed.
"""

from ._anchor import Anchor
from ._freeze import Freeze
from ._gradual_unfreeze import GradualUnfreeze
from ._layerwise_lr import LayerwiseLR
from ._no_weight_decay import NoWeightDecay
from ._weight_average import WeightAverage

__all__ = ["Anchor", "Freeze", "GradualUnfreeze", "LayerwiseLR", "NoWeightDecay", "WeightAverage"]
