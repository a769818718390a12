"""Networks: the default one, building one from the data, their structure, and what passes through their layers.

Knows torch only.
"""

from ._build import build_module as build_module
from ._build import is_stochastic as is_stochastic
from ._build import materialize as materialize
from ._call import call as call
from ._call import call_with as call_with
from ._call import each_part as each_part
from ._call import n_rows as n_rows
from ._call import parts_of as parts_of
from ._call import some_rows as some_rows
from ._ends import End as End
from ._ends import find_input as find_input
from ._ends import find_output as find_output
from ._generator import GLOBAL_GENERATOR as GLOBAL_GENERATOR
from ._masked_autoencoder import MaskedAutoencoder
from ._mlp import MLP
from ._outputs import first_output as first_output
from ._own_loss import OwnLoss
from ._own_loss import embed as embed
from ._own_loss import learns_alone as learns_alone
from ._own_loss import own_loss as own_loss
from ._own_loss import repeatable as repeatable

__all__ = ["MLP", "MaskedAutoencoder", "OwnLoss"]
