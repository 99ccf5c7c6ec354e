"""What is broken in the directories of runs: event files, checkpoints, and the small files that say how one stands."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from netyard.io.readable import near
from netyard.run_directories import manifest
from netyard.run_directories.records import Run

_HEAD, _SUM = struct.Struct("<Q"), struct.Struct("<I")


@dataclass
class Looked:
    """What was looked at, and what is wrong with which file, a line each."""

    runs: int
    events: int = 0
    checkpoints: int = 0
    broken: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)


def look(runs: list[Run], notes: list[str], hashes: bool = True) -> Looked:
    """Read every event file and checkpoint of the runs; a run that goes on is left to itself.

    Args:
        runs, notes: see ``runs.gather``.
        hashes: whether every byte of a checkpoint is read, or its size is believed.
    """
    looked = Looked(len(runs), broken=list(dict.fromkeys(notes)))
    for run in runs:
        if run.state in ("running", "pending"):
            continue
        for path in sorted(run.path.rglob("events.out.tfevents.*")):
            looked.events += 1
            if fault := event_fault(path):
                looked.broken.append(f"{near(path)}: {fault}; the dashboard shows what is before it")
        for path, fault in _checkpoints(run.path / "checkpoints", hashes):
            looked.checkpoints += 1
            if fault:
                mend = f"python train.py resume={near(run.path)} goes on from a whole one"
                looked.broken.append(f"{near(path)}: {fault}; {mend}")
        if run.stale:
            again = f"python train.py resume={near(run.path)}"
            looked.stale.append(f"{near(run.path)}: {run.reason}; continue with {again}")
    return looked


def event_fault(path: Path) -> str:
    """What is wrong with a TensorBoard event file, in words; nothing if every record's sums are right.

    A record is its length, the length's sum, the bytes, and their sum (TFRecord).
    """
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

    records, place = 0, 0
    with path.open("rb") as file:
        while head := file.read(12):
            cut = f"cut off at byte {path.stat().st_size:,}, in the record that begins at {place:,}"
            if len(head) < 12:
                return cut
            if masked_crc32c(head[:8]) != _SUM.unpack(head[8:])[0]:
                return f"the length of record {records} at byte {place:,} has a wrong sum"
            (length,) = _HEAD.unpack(head[:8])
            body = file.read(length + 4)
            if len(body) < length + 4:
                return cut
            if masked_crc32c(body[:-4]) != _SUM.unpack(body[-4:])[0]:
                return f"record {records} at byte {place:,} has a wrong sum"
            records, place = records + 1, place + 16 + length
    return ""


def _checkpoints(folder: Path, hashes: bool) -> Iterator[tuple[Path, str]]:
    """Each checkpoint that a manifest speaks of, and each second name of one, with what is wrong with it."""
    known = manifest.known(folder)
    files = [folder / f"{each.name}.ckpt" for each in known]
    for each, path in zip(known, files, strict=True):
        if hashes or not path.is_file() or path.stat().st_size != each.size:
            yield path, each.fault(path)
        else:
            yield path, ""
    hashes_of_saves = {each.sha256 for each in known}
    for path in (folder / "best.ckpt", folder / "last.ckpt"):  # copies, where the file system has no links
        if known and path.is_file() and not any(each.is_file() and path.samefile(each) for each in files):
            yield path, "" if manifest.sha256(path) in hashes_of_saves else "it is none of the saves beside it"
