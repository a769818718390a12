"""CUDA graphs: record what a step launches on a device, and launch it again at once."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable
from typing import Any, Protocol

import torch

log = logging.getLogger(__name__)

# Recording costs about as much as these steps do; a fit that has taken so many is likely to take as many more.
WORTH_IT = 32
_RECORDING = threading.Lock()  # a device must not be synchronised while another thread records


class Recorder(Protocol):
    """What records; tests have one for the CPU."""

    def warm(self, function: Callable[[], None]) -> str | None:
        """Run a function once as it will be recorded; say why it cannot be, None if it can."""

    def capture(self, function: Callable[[], None]) -> Callable[[], None]:
        """Record a function without running it; return what runs it on the same memory."""


def recorder_for(device: torch.device) -> Recorder | None:
    """Return what records steps on a device; None where there is nothing to gain."""
    return CudaRecorder(device) if device.type == "cuda" else None


class CudaRecorder:
    """Recorder of CUDA graphs."""

    def __init__(self, device: torch.device):
        self._device, self._stream = device, torch.cuda.Stream(device)

    def warm(self, function: Callable[[], None]) -> str | None:
        """Run a function on the stream that will record it, and look whether it waits for the device."""
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with _RECORDING, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            before = torch.cuda.get_sync_debug_mode()
            torch.cuda.set_sync_debug_mode("warn")
            try:
                with torch.cuda.device(self._device), torch.cuda.stream(self._stream):
                    function()
            finally:
                torch.cuda.set_sync_debug_mode(before)
        current.wait_stream(self._stream)
        messages = [str(each.message) for each in caught]
        return next((text.splitlines()[0] for text in messages if "synchronizing CUDA operation" in text), None)

    def capture(self, function: Callable[[], None]) -> Callable[[], None]:
        """Record a function as a graph."""
        graph = torch.cuda.CUDAGraph()
        try:
            with (
                _RECORDING,
                torch.cuda.device(self._device),
                torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"),
            ):
                function()
        except Exception:
            # A recording that broke off leaves the device's generator waiting for its end.
            generator = torch.cuda.default_generators[self._stream.device.index]
            generator.graphsafe_set_state(generator.clone_state())
            raise
        return graph.replay


class Repeated:
    """A function called over and over on the same memory: as it is at first, as a graph once that pays.

    The calls before recording are the training's own, so nothing has to be put back after them; and recording runs
    nothing, so where it fails the same call is done the ordinary way. The function works on tensors that stay in
    their place; a call of it takes ``n_steps`` steps. ``watch`` returns what it must leave unchanged.
    """

    def __init__(
        self,
        recorder: Recorder,
        function: Callable[[], None],
        n_steps: int = 1,
        watch: Callable[[], Any] = lambda: None,
    ):
        self._recorder, self._n_steps, self._watch = recorder, n_steps, watch
        self.function = function
        self.replay: Callable[[], None] | None = None
        self.hopeless = False
        self._taken, self._warm = 0, False

    def begin(self, function: Callable[[], None], same: bool) -> None:
        """Begin an epoch with its function; forget the graph unless what it was recorded with is the ``same``."""
        # Another function has not run yet, and the first call of it may do more than the following ones.
        self._warm = self._warm and same and function is self.function
        self.function = function
        if not same:
            self.replay, self._taken = None, 0

    def __call__(self) -> bool:
        """Call it; True if it was the graph that ran."""
        if self.replay is None and self._warm and not self.hopeless:
            self._record()
        if self.replay is not None:
            self.replay()
            return True
        if self.hopeless or self._taken < WORTH_IT:
            self.function()
        else:
            before = self._watch()
            reason = self._recorder.warm(self.function)
            if reason is None and self._watch() != before:
                reason = "a step does more than launch work on its device"
            if reason is None:
                self._warm = True
            else:
                self._give_up(reason)
        self._taken += self._n_steps
        return False

    def _record(self) -> None:
        try:
            self.replay = self._recorder.capture(self.function)
        except Exception as error:  # whatever it is, the function can still be called
            self._give_up((str(error) or type(error).__name__).splitlines()[0])

    def _give_up(self, reason: str) -> None:
        self.hopeless = True
        log.info("steps are launched one by one: %s", reason)
