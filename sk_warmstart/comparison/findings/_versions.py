"""What the results were made with."""

from __future__ import annotations

import platform
from importlib import metadata

from ..._version import __version__

_PACKAGES = ("scikit-learn", "torch", "skorch", "numpy", "pandas", "scipy")


def versions() -> dict[str, str]:
    """Return the version of Python and of the packages that matter, those that are installed."""
    found = {"python": platform.python_version(), "sk-warmstart": __version__}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
