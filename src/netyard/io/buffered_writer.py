"""Append to log files without errors: what a full disk refuses is written later. Imports no torch.

Checkpoints and results are not of this kind: see ``atomic.open_atomically``.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path

MOST = 1 << 26  # bytes buffered per file while it cannot be written
PAUSE = 60.0  # seconds between two warnings

log = logging.getLogger(__name__)
_warned_at = -PAUSE


def warn(path: Path, error: OSError) -> None:
    """Warn that a file could not be written, at most once a minute, whichever file it is."""
    global _warned_at
    if time.monotonic() - _warned_at >= PAUSE:
        _warned_at = time.monotonic()
        log.warning("%s cannot be written now: %s; the run goes on and writes it later", path, error.strerror or error)


class BufferedWriter:
    """Appends text or bytes to a file. Writes never raise; the next one continues at the byte where one failed."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.closed = False
        self._descriptor: int | None = None
        self._pending = bytearray()
        self._lock = threading.RLock()  # TensorBoard writes from a thread of its own

    def write(self, data: str | bytes) -> int:
        """Buffer the data, or drop it whole if more than ``MOST`` bytes would wait."""
        content = data.encode("utf-8", errors="replace") if isinstance(data, str) else data
        with self._lock:
            if len(self._pending) + len(content) <= MOST:
                self._pending += content
        return len(data)

    def flush(self) -> None:
        with self._lock:
            try:
                if self._descriptor is None:
                    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
                    self._descriptor = os.open(self.path, flags, 0o666)
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
