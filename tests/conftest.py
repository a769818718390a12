"""Settings of all tests."""

import os
from importlib.metadata import version

# Before SciPy is imported: scikit-learn's array-API check of every estimator runs only then, and needs SciPy 1.14.
if version("scipy").startswith("1.13.") or os.environ.setdefault("SCIPY_ARRAY_API", "1") == "0":
    os.environ.pop("SCIPY_ARRAY_API", None)  # any value counts as being set

import helpers.profiles  # noqa: F401 - registers the profiles of Hypothesis
import pytest
import torch


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes minutes, unless it is asked for by its marker."""
    if "long" in (config.option.markexpr or ""):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="takes minutes: -m long runs it"))


torch.set_num_threads(1)  # tiny networks: a second thread costs more than it brings
