"""Where training starts from, as a parameter.

scikit-learn estimators over PyTorch networks with honest warm starts, and a comparator that measures whether
starting warm was worth it.
"""

# Names are imported when they are first used (the list stands in __init__.pyi): reports are made without torch.
from contextlib import suppress

import lazy_loader

from ._version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

with suppress(ImportError):  # where reports alone are made, joblib may be missing
    from joblib.parallel import EXTERNAL_BACKENDS

    # joblib asks for a backend by its name; the room that registers it is imported then.
    EXTERNAL_BACKENDS.setdefault("packed", lambda: __getattr__("training").PackedBackend)
