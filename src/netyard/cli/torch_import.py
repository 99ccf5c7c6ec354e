"""How torch is imported, and all that needs it, by a command that has work for it. Imports no torch."""

from __future__ import annotations

import atexit
import contextlib
import gc
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def torch() -> Iterator[None]:
    """Import what is imported in the block without looking for garbage meanwhile, or among it ever after.

    A seventh of the time goes into that otherwise: half a million objects, looked through again and again, and all
    of them stay until the process ends. Where torch is awake already, the block is an ordinary one.
    """
    if "torch" in sys.modules:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        atexit.register(gc.unfreeze)  # Triton's library writes a page about what is not cleared in the end
        gc.enable()
