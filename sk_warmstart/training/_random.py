"""Seeds and generators of a fit: streams that are independent of each other and of other fits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state

from ..modules import GLOBAL_GENERATOR

_KINDS = {"fresh": 0, "policy": 1, "order": 2, "forward": 3, "growth": 4, "race": 5, "arm": 6, "augment": 7}


def draw_seed(random_state: Any) -> int | None:
    """Turn scikit-learn's ``random_state`` into a seed; None, as there, means torch's global generator."""
    if random_state is None:
        return None
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def peek_seed() -> int:
    """Return a seed that depends on torch's global generator and leaves it where it is."""
    copy = torch.Generator()
    copy.set_state(torch.get_rng_state())
    return int(torch.empty((), dtype=torch.int64).random_(generator=copy))


def child_seed(seed: int, kind: str, generation: int = 0) -> int:
    """Derive the seed, of 63 bits, of one stream; ``generation`` counts the warm starts that lie behind."""
    sequence = np.random.SeedSequence(seed, spawn_key=(_KINDS[kind], generation))
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


@contextlib.contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Run with torch's global generator seeded, if there is a seed, and put it back afterwards."""
    if seed is None:
        yield
        return
    with _borrowed_generators():
        _seed_generators(seed)
        yield


@contextlib.contextmanager
def _borrowed_generators() -> Iterator[None]:
    """Hold torch's global generators, and put them back afterwards."""
    with GLOBAL_GENERATOR:
        if torch.cuda.is_available():
            with torch.random.fork_rng():
                yield
            return
        before = torch.get_rng_state()
        try:
            yield
        finally:
            torch.set_rng_state(before)


def _seed_generators(seed: int) -> None:
    # torch.manual_seed also keeps the seed, with a stack trace, for a CUDA that may never come.
    if torch.cuda.is_available():
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


class RandomStreams:
    """Random numbers of training, which a later ``partial_fit`` continues; without a seed the global generator.

    ``order`` shuffles the rows. It is a generator of its own: fits in threads do not disturb each other. So is
    that of augmented batches, which is there from the first of them on.
    """

    def __init__(self, seed: int | None):
        self.order: torch.Generator | None = None
        self._augment: torch.Generator | None = None
        self._augment_seed: int | None = None
        self._forward: tuple[torch.Tensor, list[torch.Tensor]] | None = None
        self._forward_seed: int | None = None
        if seed is not None:
            self.order = torch.Generator().manual_seed(child_seed(seed, "order"))
            self._forward_seed = child_seed(seed, "forward")
            self._augment_seed = child_seed(seed, "augment")

    def augmentation_seed(self) -> int:
        """Return the seed of the next augmented batch."""
        if self._augment is None and self._augment_seed is not None:
            self._augment = torch.Generator().manual_seed(self._augment_seed)
        return int(torch.empty((), dtype=torch.int64).random_(generator=self._augment))

    @contextlib.contextmanager
    def forward(self, stochastic: bool) -> Iterator[None]:
        """Run a stochastic network's training on this stream and remember where it ended; any other as it is."""
        if self._forward_seed is None or not stochastic:
            yield
            return
        with _borrowed_generators():
            if self._forward is None:
                _seed_generators(self._forward_seed)
            else:
                torch.set_rng_state(self._forward[0])
                if self._forward[1]:
                    torch.cuda.set_rng_state_all(self._forward[1])
            try:
                yield
            finally:  # a fit may be stopped early
                self._forward = (
                    torch.get_rng_state(),
                    torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
                )

    def state(self) -> dict[str, torch.Tensor]:
        """Return where the streams stand, as tensors; empty where the global generator is used."""
        generators = {"order": self.order, "augment": self._augment}
        found = {name: each.get_state() for name, each in generators.items() if each is not None}
        if self._forward is not None:
            found["forward"] = self._forward[0]
            found.update({f"cuda{i}": state for i, state in enumerate(self._forward[1])})
        return found

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Continue from what :meth:`state` returned."""
        if self.order is not None and "order" in state:
            self.order.set_state(state["order"])
        if self._augment_seed is not None:
            self._augment = _continued(state["augment"]) if "augment" in state else None
        if self._forward_seed is not None and "forward" in state:
            devices = sorted((name for name in state if name.startswith("cuda")), key=lambda n: int(n[4:]))
            self._forward = (state["forward"], [state[name] for name in devices])

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        for name in ("order", "_augment"):
            state[name] = None if state[name] is None else state[name].get_state()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in ("order", "_augment"):
            setattr(self, name, None if state[name] is None else _continued(state[name]))


def _continued(state: torch.Tensor) -> torch.Generator:
    generator = torch.Generator()
    generator.set_state(state)
    return generator
