"""Waits for another process, with a deadline that holds on a busy machine and a message if it is missed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Process(Protocol):
    """Of a process that is waited for."""

    def poll(self) -> int | None: ...
    def communicate(self) -> tuple[Any, Any]: ...


PATIENCE = 120.0  # seconds; what is waited for takes a few of them where nothing else runs


def wait_until(condition: Callable[[], T], what: str, seconds: float = PATIENCE, process: Process | None = None) -> T:
    """Return the first true answer of ``condition``; fail after ``seconds``, or once ``process`` has ended without."""
    end = time.monotonic() + seconds
    while not (answer := condition()):
        if process is not None and process.poll() is not None:
            answer = condition()
            assert answer, f"ended before {what}: {process.communicate()}"
            return answer
        assert time.monotonic() < end, f"waited {seconds:.0f} s in vain for {what}"
        time.sleep(0.02)
    return answer


def wait_for(path: Path, process: Process | None = None) -> None:
    """Wait until a file is there."""
    wait_until(path.exists, f"the file {path}", process=process)


def wait_until_gone(*pids: int | str) -> None:
    """Wait until processes have ended; zombies count as ended."""
    wait_until(lambda: not any(runs(pid) for pid in pids), f"the end of the processes {pids}")


def runs(pid: int | str) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
