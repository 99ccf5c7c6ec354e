"""Import torch, and modules that need it, only in commands that use it. Imports no torch."""

from __future__ import annotations

import atexit
import contextlib
import gc
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def torch() -> Iterator[None]:
    """Inside, imports run without garbage collection, and their objects are never scanned afterwards.

    Collection would take a seventh of the import time: half a million objects are scanned again and again, and all
    of them live until the process ends. If torch is imported already, this does nothing.
    """
    if "torch" in sys.modules:  # in a notebook, freezing would keep the user's own objects alive
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # to a generation that is never collected
        atexit.register(gc.unfreeze)  # otherwise Triton's library prints a long leak report at exit
        gc.enable()
