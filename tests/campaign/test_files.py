"""A process that dies at any instant of a write leaves what was there before or the new, whole; the next tidies up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support import file_writers as writers
from support import tensor_writers
from support.kill_points import KILLED, Point, Server, Writer


def left(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def again(writer: Writer, folder: Path) -> tuple[object, set[str]]:
    """What is there once another process has written."""
    (writer.again or writer.write)(folder)
    return writer.seen(folder), left(folder)


def deaths(server: Server, kind: str, name: str, writer: Writer, place: Path) -> Iterator[tuple[Point, str]]:
    """Every point of a write, and what was wrong after a death there."""
    writer.before(place / "before")
    before = writer.seen(place / "before")
    server.order(kind, name, place / "before", place / "whole")
    code, points = server.answer()
    assert code == 0 and isinstance(points, list), points
    states = before, writer.seen(place / "whole")
    assert states[0] != states[1], "or nothing was written"
    end = again(writer, place / "whole")
    for at in range(len(points) + 1):  # it dies of one while the one before is looked at
        if at < len(points):
            server.order(kind, name, place / "before", place / str(at), points[at])
        if at > 0:
            yield points[at - 1], fault(writer, place / str(at - 1), server.answer(), states, end)


def fault(writer: Writer, folder: Path, ending: tuple[int, Any], states: tuple[object, object], end: object) -> str:
    """What is wrong with what a process has left that was killed, in words; nothing if it is one of two states."""
    code, said = ending
    if code not in KILLED:
        return f"it was not killed: {code} {said}"
    try:
        if (seen := writer.seen(folder)) not in states:
            return f"a reader sees {seen!r}"
        return "" if (found := again(writer, folder)) == end else f"the next process leaves {found!r}"
    except Exception as error:
        return repr(error)


def test_a_kill_at_any_point_of_any_write(tally, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # as the server does
    faults = []
    for module in (writers, tensor_writers):
        with closing(Server(module.__name__)) as server:
            for kind, examples in module.WRITERS.items():
                before = len(faults)
                for number, (name, writer) in enumerate(examples.items()):
                    for point, wrong in deaths(server, kind, name, writer, tmp_path / f"{before}-{number}"):
                        faults.append(wrong)
                        print(*[f"{kind}, {name}, {point}: {wrong[:500]}"] * bool(wrong), sep="\n", end="")
                print(f"{kind}: {len(faults) - before}")
    tally("killed at any call that writes, and within any file", len(faults), faults.count(""))
