"""What a run says, and where: short lines on the console, everything in the run's ``train.log``. Imports no torch.

The console shows messages as they are; warnings of libraries and tracebacks go to the file only.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from netyard.io import redact
from netyard.io.buffered_writer import Unfailing
from netyard.io.process import is_main_process

_OURS = "netyard"
_SET_ASIDE: list[logging.Handler] = []

log = logging.getLogger("netyard")


class _Console(logging.Handler):
    """Writes to whatever ``sys.stdout`` is at that moment, so that a live progress bar can redirect it."""

    def emit(self, record: logging.LogRecord) -> None:
        stream = sys.stdout if record.levelno < logging.WARNING else sys.stderr
        try:
            print(redact.text(record.getMessage()), file=stream, flush=True)
        except OSError:  # whoever listened is gone, as head is after ten lines; or the disk of a redirection is full
            fall_silent(stream)


class _File(logging.StreamHandler):
    """Writes to a file that a full disk cannot fail."""

    def close(self) -> None:
        self.stream.close()
        super().close()


def speak_anywhere() -> None:
    """A character that the terminal's encoding does not have is shown as ?, and stops nothing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def fall_silent(stream: TextIO) -> None:
    """Say nothing more there: a run goes on without, and Python does not stumble over it at its end."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError, ValueError):  # of a stream that is no file
        os.dup2(nothing, stream.fileno())
    os.close(nothing)


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
            file = _File(Unfailing(path / "train.log"))
            file.setFormatter(redact.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
            _add(file)
    else:
        _add(logging.NullHandler())
    logging.captureWarnings(True)


@contextlib.contextmanager
def taken_over(*libraries: str) -> Iterator[None]:
    """Inside, libraries that print for themselves write to the run's log instead."""
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.split(".")[0] in libraries]
    before = [(each, list(each.handlers), each.propagate) for each in loggers]
    for each in loggers:
        each.handlers.clear()
        each.propagate = True
    try:
        yield
    finally:
        for each, handlers, propagate in before:
            each.handlers[:], each.propagate = handlers, propagate


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
