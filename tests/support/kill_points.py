"""Processes that are killed at any instant of a write, one for each instant.

Run as a program, a server: it imports the writers of a module once and forks for each order, a line of JSON in and one
out. The forked process writes, and dies at the point that the order names, or goes through unharmed and tells which
points there are. So no process of the tests' own is ever forked, or has its calls counted.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Point = tuple[int, int | None]
"""Before which call that changes the disk, counted from 0; or once the file it opens has so many bytes."""
KILLED = (-signal.SIGKILL, -signal.SIGXFSZ)


@dataclass(frozen=True)
class Writer:
    """What is there before, the writing, and what a reader then sees; ``again`` is what the next process writes."""

    before: Callable[[Path], object]
    write: Callable[[Path], object]
    seen: Callable[[Path], object]
    again: Callable[[Path], object] | None = None
    cuts: int = 4
    """In so many places a file is cut short, besides its first and its last byte."""


class Dying:
    """Counts the calls of this process that change what is below a folder, and ends it at a point; see ``Point``."""

    def __init__(self, folder: Path, point: Point | None, cuts: int) -> None:
        self.points: list[Point] = []
        self._folder, self._point, self._cuts = str(folder), point, cuts
        self._count, self._open = 0, ""
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # which Python has made an OSError of
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        sys.addaudithook(self._hear)

    def close(self) -> None:
        self._cut()
        self._count = -1

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        changes = event in ("os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate")
        if self._count < 0 or not (writes or changes) or self._folder not in str(arguments[0]):
            return
        self._cut()
        if self._point == (self._count, None):
            os.kill(os.getpid(), signal.SIGKILL)
        if writes and self._point and self._point[0] == self._count and self._point[1] is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self._point[1], self._point[1]))
        self.points.append((self._count, None))
        self._open = str(arguments[0]) if writes else ""
        self._count += 1

    def _cut(self) -> None:
        """The file that was opened last is closed by now: where it may be cut short."""
        if self._open and Path(self._open).is_file():
            size = Path(self._open).stat().st_size
            places = {1, size - 1, *(size * at // self._cuts for at in range(self._cuts))} & {*range(size)}
            self.points += [(self._count - 1, place) for place in sorted(places)]
        self._open = ""


def obey(writer: Writer, before: Path, folder: Path, point: Point | None) -> list[Point]:
    """Write beside what was there before, and tell the points on the way."""
    shutil.copytree(before, folder, copy_function=os.link)
    dying = Dying(folder, point, writer.cuts)
    writer.write(folder)
    dying.close()
    return dying.points


class Server:
    """The program below as a process, with the writers of a module."""

    def __init__(self, module: str) -> None:
        words = [sys.executable, "-m", "support.kill_points", module]
        self._process = subprocess.Popen(
            words, cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def order(self, kind: str, name: str, before: Path, folder: Path, point: Point | None = None) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([kind, name, str(before), str(folder), point]) + "\n")
        self._process.stdin.flush()

    def answer(self) -> tuple[int, Any]:
        """How the process of the next order ended, and what it said."""
        assert self._process.stdout is not None
        code, said = json.loads(self._process.stdout.readline())
        return code, said

    def close(self) -> None:
        self._process.communicate(timeout=60)


def main(module: str) -> None:
    writers = importlib.import_module(f"support.{module}").WRITERS
    os.fsync = lambda _: None  # a kill loses nothing of what was written
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        kind, name, *folders, point = json.loads(line)
        reader, writer = os.pipe()
        process = os.fork()
        if process == 0:
            try:
                answer: object = obey(writers[kind][name], *map(Path, folders), point and tuple(point))
            except BaseException:
                answer = traceback.format_exc()
            with os.fdopen(writer, "w") as file:
                json.dump(answer, file)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as file:
            said = file.read()
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        print(json.dumps([code, json.loads(said or "null")]), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
