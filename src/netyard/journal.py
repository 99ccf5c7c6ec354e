"""What a run says, and where: short lines on the console, everything in the run's ``train.log``. Knows no torch.

The console shows messages as they are; warnings of libraries and tracebacks go to the file only.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from netyard import masking
from netyard.rundir import is_main_process

_OURS = "netyard"
_SET_ASIDE: list[logging.Handler] = []

log = logging.getLogger("netyard")


class _Console(logging.Handler):
    """Writes to whatever ``sys.stdout`` is at that moment, so that a live progress bar can redirect it."""

    def emit(self, record: logging.LogRecord) -> None:
        print(
            masking.text(record.getMessage()),
            file=sys.stdout if record.levelno < logging.WARNING else sys.stderr,
            flush=True,
        )


def start(path: Path | None) -> None:
    """Send the messages of this process to the console and, where a run directory is given, to its ``train.log``."""
    stop()
    root = logging.getLogger()
    _SET_ASIDE[:] = root.handlers  # Hydra's, of a sweep
    root.handlers = []
    root.setLevel(logging.INFO)
    log.setLevel(logging.DEBUG)
    if is_main_process():
        console = _Console(logging.INFO)
        console.addFilter(lambda record: record.name.startswith("netyard"))
        _add(console)
        if path is not None:
            file = logging.FileHandler(path / "train.log", encoding="utf-8")
            file.setFormatter(masking.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
            _add(file)
    else:
        _add(logging.NullHandler())
    logging.captureWarnings(True)


def take_over(*libraries: str) -> None:
    """Let libraries that print for themselves speak through the journal."""
    for name in [each for each in logging.root.manager.loggerDict if each.split(".")[0] in libraries]:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True


def stop() -> None:
    """Undo ``start``: jobs of a sweep share a process, and each has its own file."""
    root = logging.getLogger()
    for handler in [each for each in root.handlers if each.name == _OURS]:
        root.removeHandler(handler)
        handler.close()
    root.handlers += [each for each in _SET_ASIDE if each not in root.handlers]
    _SET_ASIDE.clear()
    logging.captureWarnings(False)


def _add(handler: logging.Handler) -> None:
    handler.name = _OURS
    logging.getLogger().addHandler(handler)
