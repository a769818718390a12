"""What hundreds of fits warn of is shown once."""

from __future__ import annotations

import warnings

import pytest

from sk_warmstart.comparison.runs.interruption._warn_once import warn_once


def test_one_of_a_kind_is_shown() -> None:
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        with warn_once():
            for share in range(5):
                warnings.warn(f"{share} percent", UserWarning, stacklevel=1)
                warnings.warn(f"{share} percent", RuntimeWarning, stacklevel=1)
                with warnings.catch_warnings():  # as fits do, which forgets what was shown
                    warnings.warn("another", UserWarning, stacklevel=1)
        warnings.warn("7 percent", UserWarning, stacklevel=1)
    assert [str(warning.message) for warning in shown] == ["0 percent", "0 percent", "another", "7 percent"]


def test_what_is_an_error_stays_one_and_what_is_ignored_is_not_shown() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="stop"), warn_once():
            warnings.warn("stop", UserWarning, stacklevel=1)
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("ignore")
        with warn_once():
            warnings.warn("nothing", UserWarning, stacklevel=1)
    assert not shown
