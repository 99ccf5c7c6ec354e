"""Logging of a run: short lines on the console, everything in the run's ``train.log``. Imports no torch.

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
from netyard.io.buffered_writer import BufferedWriter
from netyard.io.process import is_main_process

_OURS = "netyard"  # name of the handlers that ``start`` adds, by which ``stop`` finds them
_REPLACED: list[logging.Handler] = []  # handlers of other packages, restored by ``stop``

log = logging.getLogger("netyard")


class _Console(logging.Handler):
    """Writes to the current ``sys.stdout``, not the one of its creation: a progress bar or notebook replaces it."""

    def emit(self, record: logging.LogRecord) -> None:
        stream = sys.stdout if record.levelno < logging.WARNING else sys.stderr
        try:
            # flush: into a pipe, Python would keep lines back for kilobytes.
            print(redact.text(record.getMessage()), file=stream, flush=True)
        except OSError:  # the reader of a pipe has ended (``| head``), or the disk of a redirection is full
            silence(stream)


class _File(logging.StreamHandler):
    """Writes through ``buffered_writer``, so that a full disk raises no error."""

    def close(self) -> None:
        self.stream.close()  # StreamHandler only flushes it
        super().close()


def replace_unencodable() -> None:
    """Print characters that the terminal's encoding lacks as ``?`` instead of raising an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def silence(stream: TextIO) -> None:
    """Redirect a broken stream to ``/dev/null``: the run continues, and Python's flush at exit does not fail."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError, ValueError):  # the stream has no file descriptor, as in a notebook
        os.dup2(nothing, stream.fileno())
    os.close(nothing)


def start(path: Path | None) -> None:
    """Send the log messages of this process to the console and, if a run directory is given, to its ``train.log``."""
    stop()
    root = logging.getLogger()
    # In a sweep Hydra has added its own handlers, which would print every line twice.
    _REPLACED[:] = root.handlers
    root.handlers = []
    root.setLevel(logging.INFO)
    log.setLevel(logging.DEBUG)
    if is_main_process():
        console = _Console(logging.INFO)
        # Messages of libraries go to the file only.
        console.addFilter(lambda record: record.name.startswith("netyard"))
        _add(console)
        if path is not None:
            file = _File(BufferedWriter(path / "train.log"))
            file.setFormatter(redact.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
            _add(file)
    else:
        # Ranks other than 0. Without any handler, logging prints warnings to stderr by itself.
        _add(logging.NullHandler())
    logging.captureWarnings(True)


@contextlib.contextmanager
def redirect_loggers(*libraries: str) -> Iterator[None]:
    """Inside the block, send the messages of libraries with their own handlers to the run's log instead."""
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.split(".")[0] in libraries]
    before = [(each, list(each.handlers), each.propagate) for each in loggers]
    for each in loggers:
        # With propagate, records reach the root logger, which has the run's handlers.
        each.handlers.clear()
        each.propagate = True
    try:
        yield
    finally:
        for each, handlers, propagate in before:
            each.handlers[:], each.propagate = handlers, propagate


@contextlib.contextmanager
def restore_handlers() -> Iterator[None]:
    """Restore the root logger's handlers and level when the block ends."""
    root = logging.getLogger()
    handlers, level = [*root.handlers], root.level
    try:
        yield
    finally:
        for each in root.handlers:
            if each not in handlers:
                each.close()
        root.handlers[:] = handlers
        root.setLevel(level)


def stop() -> None:
    """Undo ``start``. Jobs of a sweep may share a process, and each has its own file."""
    root = logging.getLogger()
    for handler in [each for each in root.handlers if each.name == _OURS]:
        root.removeHandler(handler)
        handler.close()
    root.handlers += [each for each in _REPLACED if each not in root.handlers]
    _REPLACED.clear()
    logging.captureWarnings(False)


def _add(handler: logging.Handler) -> None:
    handler.name = _OURS
    logging.getLogger().addHandler(handler)
