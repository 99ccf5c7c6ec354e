"""What a run says, and where: short lines on the console, everything in the run's ``train.log``. Knows no torch.

The console shows messages as they are; warnings of libraries and tracebacks go to the file only.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from netyard.rundir import is_main_process

# Libraries whose information is for their own developers.
_QUIET = ("lightning", "lightning.pytorch", "lightning.fabric", "pytorch_lightning", "torch", "PIL", "timm", "httpx", "matplotlib")

log = logging.getLogger("netyard")


class _Console(logging.Handler):
    """Writes to whatever ``sys.stdout`` is at that moment, so that a live progress bar can redirect it."""

    def emit(self, record: logging.LogRecord) -> None:
        print(record.getMessage(), file=sys.stdout if record.levelno < logging.WARNING else sys.stderr, flush=True)


def start(path: Path | None) -> None:
    """Send the messages of this process to the console and, where a run directory is given, to its ``train.log``."""
    stop()
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    log.setLevel(logging.DEBUG)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    if is_main_process():
        console = _Console(logging.INFO)
        console.addFilter(lambda record: record.name.startswith("netyard"))
        root.addHandler(console)
        if path is not None:
            file = logging.FileHandler(path / "train.log", encoding="utf-8")
            file.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
            root.addHandler(file)
    else:
        root.addHandler(logging.NullHandler())
    logging.captureWarnings(True)


def stop() -> None:
    """Close what ``start`` opened; jobs of a sweep share a process, and each has its own file."""
    root = logging.getLogger()
    for handler in [h for h in root.handlers if isinstance(h, _Console | logging.FileHandler | logging.NullHandler)]:
        root.removeHandler(handler)
        handler.close()
    logging.captureWarnings(False)
