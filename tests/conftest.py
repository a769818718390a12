"""Settings of all tests."""

import os
from importlib.metadata import version

# Before SciPy is imported: scikit-learn's array-API check of every estimator runs only then, and needs SciPy 1.14.
if version("scipy").startswith("1.13.") or os.environ.setdefault("SCIPY_ARRAY_API", "1") == "0":
    os.environ.pop("SCIPY_ARRAY_API", None)  # any value counts as being set

import torch
from hypothesis import HealthCheck, settings

torch.set_num_threads(1)  # tiny networks: a second thread costs more than it brings

settings.register_profile(
    "project", deadline=None, derandomize=True, max_examples=15, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("project")
