"""torch's global generator, which threads share."""

from __future__ import annotations

import threading

# torch's constructors and dropout draw from one global generator; whoever sets it must hold this lock meanwhile.
GLOBAL_GENERATOR = threading.RLock()
