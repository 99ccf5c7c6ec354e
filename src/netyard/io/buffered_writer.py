"""Append to log files without ever raising: what a full disk refuses is written later. Imports no torch.

For logs and curves, which are no reason to stop a run; checkpoints and results use ``atomic.open_atomically``.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path

MAX_BYTES = 1 << 26  # buffered for each file while it cannot be written
PAUSE = 60.0  # seconds between two warnings: a full disk fails several files many times a second

log = logging.getLogger(__name__)
_warned_at = -PAUSE


def warn(path: Path, error: OSError) -> None:
    """Warn that a file could not be written, at most once a minute, whichever file it is."""
    global _warned_at
    if time.monotonic() - _warned_at >= PAUSE:
        _warned_at = time.monotonic()
        log.warning("%s cannot be written now: %s; the run goes on and writes it later", path, error.strerror or error)


class BufferedWriter:
    """Appends text or bytes to a file. Writes never raise; after a failure the next one continues at the same byte."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.closed = False
        self._descriptor: int | None = None
        self._pending = bytearray()
        self._lock = threading.RLock()  # TensorBoard writes from another thread; reentrant, for close calls flush

    def write(self, data: str | bytes) -> int:
        """Buffer the data; drop it as a whole if more than ``MAX_BYTES`` would wait: half a record breaks a file."""
        content = data.encode("utf-8", errors="replace") if isinstance(data, str) else data
        with self._lock:
            if len(self._pending) + len(content) <= MAX_BYTES:
                self._pending += content
        return len(data)  # all of it, in the units of the caller: a stream may raise at a short write

    def flush(self) -> None:
        with self._lock:
            try:
                if self._descriptor is None:
                    # Opened late, so that the run starts even if the disk is full now. O_APPEND: a resumed run appends.
                    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
                    self._descriptor = os.open(self.path, flags, 0o666)
                # os.write may write a part only. What was written is deleted from the buffer at once: nothing is
                # written twice if the next write fails.
                while self._pending:
                    del self._pending[: os.write(self._descriptor, self._pending)]
            except OSError as error:
                warn(self.path, error)

    def close(self) -> None:
        self.flush()
        with self._lock:
            self.closed = True
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None
