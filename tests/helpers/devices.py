"""The device of tests that need one."""

import os

import pytest
import torch

# "cpu" rehearses them where there is no device: what they call runs, and is compared with itself.
DEVICE = os.environ.get("SK_WARMSTART_GPU_TESTS_ON", "cuda")
_ABSENT = DEVICE == "cuda" and not torch.cuda.is_available()
NEEDS_DEVICE = [
    pytest.mark.gpu,
    pytest.mark.skipif(_ABSENT, reason="needs a CUDA device, and torch finds none"),
]
NEEDS_CUDA = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and torch finds none"),
]


def needs_cuda(test):  # type: ignore[no-untyped-def]
    """Mark a test that only a CUDA device can pass, which the CPU cannot stand in for."""
    for mark in NEEDS_CUDA:
        test = mark(test)
    return test
