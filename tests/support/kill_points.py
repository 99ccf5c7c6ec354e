"""Kills processes at every instant of a write, one process for each instant.

Run as a program, a server of ``fork_server`` with the writers of a module. The forked process writes, and dies at the
point that the order names, or goes through unharmed and tells which points there are.
"""

from __future__ import annotations

import importlib
import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.fork_server import ForkServer, serve
from support.warm_processes import WarmServer

Point = tuple[int, int | None]
"""Before which call that changes the disk, counted from 0; or once the file it opens has so many bytes."""
KILLED = (-signal.SIGKILL, -signal.SIGXFSZ)


@dataclass(frozen=True)
class Writer:
    """The initial files, the write, and what a reader then gets; ``again`` is the write of the next process."""

    before: Callable[[Path], object]
    write: Callable[[Path], object]
    seen: Callable[[Path], object]
    again: Callable[[Path], object] | None = None
    cuts: int = 4
    """Number of positions at which a file is truncated, besides its first and its last byte."""


class Dying:
    """Counts the calls of this process that change files in a folder, and kills it at a point; see ``Point``."""

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
            sys.dont_write_bytecode = True  # Python would leave .pyc files that are cut off
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
    """Write next to the initial files, and return the points that were passed."""
    shutil.copytree(before, folder, copy_function=os.link)
    dying = Dying(folder, point, writer.cuts)
    writer.write(folder)
    dying.close()
    return dying.points


def deaths(
    server: ForkServer,
    kind: str,
    name: str,
    writer: Writer,
    place: Path,
    choose: Callable[[list[Point]], list[Point]] = list,
) -> Iterator[tuple[Point, str]]:
    """Yield points of a write, by default all, and what was wrong after a kill there."""
    writer.before(place / "before")
    before = writer.seen(place / "before")
    server.order(kind, name, place / "before", place / "whole", None)
    code, points = server.answer()
    assert code == 0 and isinstance(points, list), points
    states = before, writer.seen(place / "whole")
    assert states[0] != states[1], "or nothing was written"
    end = _again(writer, place / "whole")
    points = choose(points)
    for at in range(len(points) + 1):  # it dies of one while the one before is looked at
        if at < len(points):
            server.order(kind, name, place / "before", place / str(at), points[at])
        if at > 0:
            yield points[at - 1], _fault(writer, place / str(at - 1), server.answer(), states, end)


def _again(writer: Writer, folder: Path) -> tuple[object, set[str]]:
    """Return the files after another process has written."""
    (writer.again or writer.write)(folder)
    left = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return writer.seen(folder), left


def _fault(writer: Writer, folder: Path, ending: tuple[int, Any], states: tuple[object, object], end: object) -> str:
    """Describe what is wrong with the files of a killed process; empty if they are one of the two valid states."""
    code, said = ending
    if code not in KILLED:
        return f"it was not killed: {code} {said}"
    try:
        if (seen := writer.seen(folder)) not in states:
            return f"a reader sees {seen!r}"
        return "" if (found := _again(writer, folder)) == end else f"the next process leaves {found!r}"
    except Exception as error:
        return repr(error)


def server_of(module: str, server: WarmServer) -> ForkServer:
    """Start the program below with the writers of a module."""
    return ForkServer(server, "support.kill_points", module)


def main(module: str) -> None:
    writers = importlib.import_module(module).WRITERS
    os.fsync = lambda _: None  # a kill loses nothing of what was written

    def order(kind: str, name: str, before: str, folder: str, point: list[int | None] | None) -> list[Point]:
        return obey(writers[kind][name], Path(before), Path(folder), tuple(point) if point else None)

    serve(order)


if __name__ == "__main__":
    main(sys.argv[1])
