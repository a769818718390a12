"""A net and its parameters, saved as a machine with CUDA would save them."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skorch.toy import MLPModule
from skorch_defaults import NeuralNetClassifier


def write_cuda_files(folder: Path) -> None:
    """Write ``net_cuda.pkl``, ``net_cuda.pt`` and ``optimizer_cuda.pt``.

    Parameters
    ----------
    folder : Path
        Where to; it is made.
    """
    folder.mkdir(parents=True)
    module = partial(
        MLPModule,
        output_nonlin=torch.nn.Softmax(dim=-1),
        input_units=20,
        hidden_units=10,
        num_hidden=2,
        dropout=0.5,
    )
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 20)).astype(np.float32), np.arange(100) % 2
    net = NeuralNetClassifier(module, max_epochs=1, verbose=0, optimizer__momentum=0.9).fit(X, y)
    net.device = "cuda"
    with _on_cuda(_tensors_of(net)):
        (folder / "net_cuda.pkl").write_bytes(pickle.dumps(net))
        torch.save(net.module_.state_dict(), folder / "net_cuda.pt")
        torch.save(net.optimizer_.state_dict(), folder / "optimizer_cuda.pt")


def _tensors_of(net: NeuralNetClassifier) -> list[torch.Tensor]:
    """What lives on the network's device; its random numbers do not."""
    moments = [value for state in net.optimizer_.state.values() for value in state.values()]
    learned = [*net.module_.state_dict().values(), *net.origin_.values(), *moments]
    return [value for value in learned if isinstance(value, torch.Tensor)]


@contextlib.contextmanager
def _on_cuda(tensors: list[torch.Tensor]) -> Iterator[None]:
    """Let these tensors be saved as those of a CUDA device are."""
    places = {tensor.untyped_storage().data_ptr() for tensor in tensors}
    registry = torch.serialization._package_registry
    before = list(registry)

    def tag(storage: Any) -> str | None:
        return "cuda:0" if storage.data_ptr() in places else None

    torch.serialization.register_package(0, tag, lambda storage, location: None)
    try:
        yield
    finally:
        registry[:] = before
