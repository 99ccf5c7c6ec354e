"""Find broken files in run directories: event files, checkpoints, and the small JSON and YAML files."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from netyard.config.overrides import argument
from netyard.io.process import train_command
from netyard.io.readable import short_path
from netyard.run_directories import manifest
from netyard.run_directories.records import Run

_LENGTH, _CRC = struct.Struct("<Q"), struct.Struct("<I")


@dataclass
class Report:
    """How many files were checked, and the faults found, one line for each."""

    runs: int
    events: int = 0
    checkpoints: int = 0
    broken: list[str] = field(default_factory=list)
    """Files with a fault."""
    stale: list[str] = field(default_factory=list)
    """Runs whose state is running although their process is dead."""


def check(runs: list[Run], notes: list[str], hashes: bool = True) -> Report:
    """Read every event file and checkpoint of the runs; runs that are still running or pending are skipped.

    Args:
        runs, notes: see ``records.gather``.
        hashes: whether to compare the SHA-256 of each checkpoint (reads every byte), or only its size.
    """
    report = Report(len(runs), broken=list(dict.fromkeys(notes)))
    for run in runs:
        # The last record of a file that is being written is incomplete, which is no fault.
        if run.state in ("running", "pending"):
            continue
        for path in sorted(run.path.rglob("events.out.tfevents.*")):
            report.events += 1
            if fault := event_fault(path):
                report.broken.append(f"{short_path(path)}: {fault}; the dashboard shows what is before it")
        again = f"{train_command()} {argument('resume', short_path(run.path))}"
        for path, fault in _checkpoints(run.path / "checkpoints", hashes):
            report.checkpoints += 1  # missing ones too: a manifest says that they were there
            if fault:
                report.broken.append(f"{short_path(path)}: {fault}; {again} continues from an intact checkpoint")
        if run.stale:
            report.stale.append(f"{short_path(run.path)}: {run.reason}; continue with {again}")
    return report


def event_fault(path: Path) -> str:
    """Return what is wrong with a TensorBoard event file; an empty text if every checksum is right.

    The format is TFRecord: length (8 bytes), CRC of the length (4), data, CRC of the data (4).
    """
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

    # Not TensorBoard's own reader: that one stops silently at the first fault.
    records, place = 0, 0
    with path.open("rb") as file:
        # Record by record: an event file with images may be larger than the memory.
        while head := file.read(12):
            cut = f"cut off at byte {path.stat().st_size:,}, in the record that begins at {place:,}"
            if len(head) < 12:
                return cut
            if masked_crc32c(head[:8]) != _CRC.unpack(head[8:])[0]:
                return f"the length of record {records} at byte {place:,} has a wrong checksum"
            # Only after its CRC was checked: a flipped bit in the length could ask for exabytes of memory.
            (length,) = _LENGTH.unpack(head[:8])
            body = file.read(length + 4)
            if len(body) < length + 4:
                return cut
            if masked_crc32c(body[:-4]) != _CRC.unpack(body[-4:])[0]:
                return f"record {records} at byte {place:,} has a wrong checksum"
            records, place = records + 1, place + 16 + length
    return ""


def _checkpoints(folder: Path, hashes: bool) -> Iterator[tuple[Path, str]]:
    """Yield each checkpoint with a manifest, and ``best.ckpt`` and ``last.ckpt``, with its fault (empty if intact)."""
    known = manifest.read_all(folder)
    files = [folder / f"{each.name}.ckpt" for each in known]
    for each, path in zip(known, files, strict=True):
        # A wrong size is a fault in any case, and ``fault`` finds it without reading the file.
        if hashes or not path.is_file() or path.stat().st_size != each.size:
            yield path, each.fault(path)
        else:
            yield path, ""
    hashes_of_saves = {each.sha256 for each in known}
    # Hard links to checked files need no second check; on file systems without hard links these are copies.
    for path in (folder / "best.ckpt", folder / "last.ckpt"):
        if known and path.is_file() and not any(each.is_file() and path.samefile(each) for each in files):
            yield (
                path,
                "" if manifest.sha256(path) in hashes_of_saves else "it equals none of the saved checkpoints beside it",
            )
