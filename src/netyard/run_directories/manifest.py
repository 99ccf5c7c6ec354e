"""Which checkpoints of a run are whole: beside each lies a manifest that says what it must be. Knows no torch.

``save-00005-step-230.ckpt`` counts when ``save-00005-step-230.json`` lies there too and names its size and hash. It is
written last: a kill before leaves the checkpoints of before, which are deleted only after it. ``last.ckpt`` and
``best.ckpt`` are second names of two of them, for people and other programs; which ones, the manifests decide.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from netyard.errors import CheckpointError
from netyard.io.atomic import draft_of, sync_folder, whole

SCHEMA = 1
CHUNK = 1 << 20

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Manifest:
    """What a checkpoint must be: its place in the run, its size in bytes, its SHA-256, and the best one by then."""

    step: int
    number: int  # of the save: two of them may be of one step
    epoch: int
    size: int
    sha256: str
    best: str | None  # a name, as ``name``; None before the first validation

    @property
    def name(self) -> str:
        return name_of(self.step, self.number)

    def fault(self, path: Path) -> str:
        """What is wrong with the file at ``path``, in words; nothing if it is what this says."""
        if not path.is_file():
            return "it is not there"
        if (size := path.stat().st_size) != self.size:
            return f"it has {size:,} bytes, and {self.size:,} were written"
        found = sha256(path)
        return "" if found == self.sha256 else f"its SHA-256 is {found}, and {self.sha256} was written"


class Hashing:
    """A file that is written, and the size and the hash of what the system then has of it.

    A thread reads behind the writer, from memory as long as the disk is busy; copies for it would cost as much again.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._digest, self.size = file, hashlib.sha256(), 0
        self._read, self._asked = 0, 0
        self._buffer = bytearray(CHUNK)
        self._behind = os.open(file.name, os.O_RDONLY | os.O_CLOEXEC)
        self._thread = ThreadPoolExecutor(1)

    def write(self, data: Any) -> int:
        self.size += len(data)
        written = self._file.write(data)
        if self.size - self._asked >= CHUNK:
            self._asked = self.size
            self._thread.submit(self._catch_up)
        return written

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> str:
        """Wait for the disk, and meanwhile hash the rest; returns the SHA-256. The file stays open."""
        self._file.flush()
        rest = self._thread.submit(self._catch_up)
        try:
            os.fsync(self._file.fileno())
            rest.result()
        finally:
            self._thread.shutdown()
            os.close(self._behind)
        return self._digest.hexdigest()

    def _catch_up(self) -> None:
        while count := os.preadv(self._behind, [self._buffer], self._read):
            self._digest.update(memoryview(self._buffer)[:count])
            self._read += count


def sha256(path: Path) -> str:
    """The SHA-256 of a file, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def name_of(step: int, number: int) -> str:
    """The name of a save, without its ending."""
    return f"save-{number:05d}-step-{step}"


def known(folder: Path) -> list[Manifest]:
    """The manifests of a folder, newest first, by step and not by any clock; what is none is left out."""
    found = []
    for path in folder.glob("save-*.json"):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content.pop("schema") == SCHEMA:
                found.append(Manifest(**content))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            log.warning("%s is no manifest of a checkpoint any more; it is left aside", path)
    return sorted(found, key=lambda each: (each.step, each.number), reverse=True)


def record(folder: Path, manifest: Manifest, keep: int) -> None:
    """Let a checkpoint count that lies in the folder, name it last and perhaps best, and delete older ones.

    Args:
        folder: of the checkpoints.
        manifest: of the new one.
        keep: how many of the newest stay, besides those that they call best.
    """
    with whole(folder / f"{manifest.name}.json") as file:
        json.dump({"schema": SCHEMA, **asdict(manifest)}, file, indent=1)
    sync_folder(folder)
    link(folder / f"{manifest.name}.ckpt", folder / "last.ckpt")
    if manifest.best == manifest.name:
        link(folder / f"{manifest.name}.ckpt", folder / "best.ckpt")
    newest = known(folder)[:keep]
    stay = {each.name for each in newest} | {each.best for each in newest}
    for path in [*folder.glob("save-*.json"), *folder.glob("save-*.ckpt")]:  # the manifests first
        if path.stem not in stay:
            path.unlink(missing_ok=True)


def vouched(path: Path) -> Path | None:
    """The file that a name stands for, after a look at every byte of it: the newest whole one for ``last.ckpt``.

    A broken one is skipped for it, with a warning. Any other name means one file, and is read or refused. None where
    no manifest tells, as of a checkpoint that was copied elsewhere.

    Raises:
        CheckpointError: the file is not what was written, or none is.
    """
    manifests = known(path.parent)
    if not manifests:
        return None
    if path.name == "last.ckpt":
        return _newest_whole(path, manifests)
    names = {each.name: each for each in manifests}
    meant = names.get((manifests[0].best if path.name == "best.ckpt" else path.stem) or "")
    if meant is None:
        return None
    found = path.with_name(f"{meant.name}.ckpt")
    if path.name == "best.ckpt" and path.exists() and not (found.exists() and path.samefile(found)):
        # A kill may have left best.ckpt as a name of the one that was best before; anything else there is not ours.
        before = {each.sha256 for each in manifests} - {meant.sha256}
        found = found if sha256(path) in before else path
    if fault := meant.fault(found):
        raise _broken(path, fault)
    return found


def tidy(folder: Path) -> None:
    """Delete the drafts that a killed run has left."""
    for draft in folder.glob(".*.tmp"):
        draft.unlink(missing_ok=True)


def link(source: Path, target: Path) -> None:
    """Make target the same file as source, whole at every moment; a copy where the file system has no hard links."""
    draft = draft_of(target)
    draft.unlink(missing_ok=True)
    try:
        os.link(source, draft)
    except OSError:
        shutil.copyfile(source, draft)
    draft.replace(target)


def _newest_whole(path: Path, manifests: Iterable[Manifest]) -> Path:
    faults = []
    for each in manifests:
        candidate = path.with_name(f"{each.name}.ckpt")
        fault = each.fault(candidate)
        if not fault:
            return candidate
        log.warning("%s is broken, %s; the one before it is taken", candidate, fault)
        faults.append(f"{candidate.name}: {fault}")
    raise _broken(path, "; ".join(faults))


def _broken(path: Path, fault: str) -> CheckpointError:
    return CheckpointError(
        f"{path} is broken: {fault};",
        "a checkpoint is read only if every byte is as it was saved;",
        "put back a copy of it, or continue its run from an older one with python train.py resume=RUN_DIR.",
    )
