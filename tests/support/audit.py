"""Records audit events of the interpreter: imports, opened files, started processes, executed code."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

EVENTS = ("exec", "import", "open", "os.", "subprocess.", "socket.", "shutil.", "ctypes.", "code.", "compile", "pty.")
HARMLESS = ("os.listdir", "os.scandir")  # a folder is looked through for manifests
_seen: list[tuple[str, Any]] | None = None


@contextlib.contextmanager
def watched() -> Iterator[list[tuple[str, Any]]]:
    """Record the audit events inside the context that show that code was run."""
    global _seen
    _listen()
    _seen = seen = []
    try:
        yield seen
    finally:
        _seen = None


def refused(attempt: Any, *kinds: type[BaseException], reads: Path | None = None) -> bool:
    """Return whether a call raises one of these errors and does nothing but read a file."""
    with watched() as seen:
        try:
            attempt()
        except kinds:
            pass
        else:
            return False
    strange = [each for each in seen if reads is None or each != ("open", (str(reads),))]
    assert not strange, strange
    return True


@cache
def _listen() -> None:
    import encodings.cp437  # noqa: F401  (by which zipfile reads old names)

    from netyard.config import allowlist

    allowlist.netyard_targets()  # reads conf/ once
    sys.addaudithook(_audit)  # stays for the life of the process, and is idle but for ``watched``


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is not None and event.startswith(EVENTS) and event not in HARMLESS:
        _seen.append((event, arguments[:1]))
