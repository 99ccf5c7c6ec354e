"""A process that dies at any instant of a write leaves what was there before or the new, whole; the next tidies up."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import tensor_writers
import writers
from campaign import enter
from dying import KILLED, Point, Server, Writer


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


def test_a_kill_at_any_point_of_a_row(tmp_path: Path) -> None:
    kind, name = "a run's small files", "the next row"
    with closing(Server("writers")) as server:
        found = [*deaths(server, kind, name, writers.WRITERS[kind][name], tmp_path)]
    assert len(found) > 10 and not [each for each in found if each[1]]


@pytest.mark.slow
def test_a_kill_at_any_point_of_any_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    enter("killed at any call that writes, and within any file", len(faults), faults.count(""))


def test_what_a_save_replaces_goes_once_the_new_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut keeps what was synced, files and names, and may lose anything else."""
    saver = tensor_writers.Saver(tmp_path, keep=1)
    saver.save(1, best=True)
    sizes: dict[int, int] = {}
    renamed: list[str] = []
    gone: list[str] = []
    calls = {name: getattr(os, name) for name in ("fsync", "replace", "unlink")}

    def fsync(descriptor: int) -> None:
        calls["fsync"](descriptor)
        about = os.fstat(descriptor)
        sizes[about.st_ino] = about.st_size
        if stat.S_ISDIR(about.st_mode):
            renamed.clear()

    def replace(source: Path, target: Path) -> None:
        if target.name.startswith("save-"):
            assert sizes.get(source.stat().st_ino) == source.stat().st_size, f"{target.name} is not on the disk"
            renamed.append(target.name)
        calls["replace"](source, target)

    def unlink(path: Path) -> None:
        if path.name.startswith("save-"):
            assert not renamed, f"the name of {renamed} may be lost"
            gone.append(path.name)
        calls["unlink"](path)

    for each in (fsync, replace, unlink):
        monkeypatch.setattr(os, each.__name__, each)
    saver.save(2, best=True)
    assert gone == ["save-00001-step-10.json", "save-00001-step-10.ckpt"]
