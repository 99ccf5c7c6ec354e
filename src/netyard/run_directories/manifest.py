"""Which checkpoints of a run are complete: each has a manifest with its size and hash. Imports no torch.

``save-00005-step-230.ckpt`` is valid if ``save-00005-step-230.json`` exists and contains its size and SHA-256. The
manifest is written last, and older checkpoints are deleted only after it: a kill at any time leaves a valid checkpoint.
``last.ckpt`` and ``best.ckpt`` are hard links to two of them, for people and other programs; the manifests decide
which two.
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
from netyard.io.atomic import open_atomically, sync_folder, temporary_path
from netyard.io.process import train_command

SCHEMA = 1  # of the manifest files
CHUNK = 1 << 20  # bytes hashed at a time

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Manifest:
    """One checkpoint: step and epoch, size in bytes, SHA-256, and which checkpoint was the best at that time."""

    step: int
    number: int  # counts saves; two saves may have the same step
    epoch: int
    size: int
    sha256: str
    best: str | None  # a name, as ``name``; None before the first validation
    former: str | None = None  # the best that a resumed run goes on with, if it is another

    @property
    def name(self) -> str:
        return name_of(self.step, self.number)

    def fault(self, path: Path) -> str:
        """Return what is wrong with the file at ``path``; an empty text if it matches this manifest."""
        if not path.is_file():
            return "it is missing"
        # The size first: it costs nothing, and finds every file that was cut short.
        if (size := path.stat().st_size) != self.size:
            return f"it has {size:,} bytes, and {self.size:,} were written"
        found = sha256(path)
        return "" if found == self.sha256 else f"its SHA-256 is {found}, and {self.sha256} was written"


class Hashing:
    """Wraps a file that is being written, and computes its size and SHA-256.

    A thread reads the file back from the page cache while writing continues; hashing in ``write`` would make the save
    as long as writing and hashing together, and copying each buffer for a thread would double the memory traffic.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._digest, self.size = file, hashlib.sha256(), 0
        self._read, self._requested = 0, 0  # bytes hashed, and bytes written at the last request to hash
        self._buffer = bytearray(CHUNK)
        # A second descriptor: its reads do not move the position that is written at.
        self._reader = os.open(file.name, os.O_RDONLY | os.O_CLOEXEC)
        self._thread = ThreadPoolExecutor(1)  # one: the hash must take the chunks in order

    def write(self, data: Any) -> int:
        self.size += len(data)
        written = self._file.write(data)
        # torch.save writes many small pieces; a task for each would cost more than the hashing.
        if self.size - self._requested >= CHUNK:
            self._requested = self.size
            self._thread.submit(self._hash_new_bytes)
        return written

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> str:
        """Sync the file to disk while the rest is hashed; returns the SHA-256. The file itself stays open."""
        self._file.flush()
        rest = self._thread.submit(self._hash_new_bytes)
        try:
            os.fsync(self._file.fileno())
            rest.result()
        finally:
            self._thread.shutdown()
            os.close(self._reader)
        return self._digest.hexdigest()

    def _hash_new_bytes(self) -> None:
        # preadv into one buffer: nothing is allocated, and both it and sha256.update release the GIL.
        while count := os.preadv(self._reader, [self._buffer], self._read):
            self._digest.update(memoryview(self._buffer)[:count])
            self._read += count


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def name_of(step: int, number: int) -> str:
    """Return the file name of a save, without suffix."""
    # Zeros in front, so that ``ls`` lists the saves in order.
    return f"save-{number:05d}-step-{step}"


def read_all(folder: Path) -> list[Manifest]:
    """Return the manifests of a folder, newest first (by step, not by time); skip unreadable ones with a warning."""
    found = []
    for path in folder.glob("save-*.json"):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content.pop("schema") == SCHEMA:
                found.append(Manifest(**content))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            log.warning("%s is not a valid checkpoint manifest; ignoring it", path)
    return sorted(found, key=lambda each: (each.step, each.number), reverse=True)


def record(folder: Path, manifest: Manifest, keep: int) -> None:
    """Make a checkpoint in the folder valid, link it as last and perhaps best, and delete older ones.

    Args:
        folder: the run's ``checkpoints/``.
        manifest: describes the new checkpoint.
        keep: how many of the newest stay, besides those that their manifests call best.
    """
    # From here on the checkpoint counts; its own file was synced before.
    with open_atomically(folder / f"{manifest.name}.json") as file:
        json.dump({"schema": SCHEMA, **asdict(manifest)}, file, indent=1)
    sync_folder(folder)  # or after a power cut the deletions below could be on the disk and the new names not
    link(folder / f"{manifest.name}.ckpt", folder / "last.ckpt")
    if manifest.best == manifest.name:
        link(folder / f"{manifest.name}.ckpt", folder / "best.ckpt")
    newest = read_all(folder)[:keep]
    # If the newest save is found broken later, the one before must still have its best checkpoint, too.
    stay = {name for each in newest for name in (each.name, each.best, each.former)}
    # Manifests first: a checkpoint must never be missing while its manifest exists.
    for path in [*folder.glob("save-*.json"), *folder.glob("save-*.ckpt")]:
        if path.stem not in stay:
            path.unlink(missing_ok=True)


def link_best(folder: Path, name: str | None) -> None:
    """Link best.ckpt to another save than before, or remove it if there is none yet."""
    if name is None:
        (folder / "best.ckpt").unlink(missing_ok=True)
    elif (folder / f"{name}.ckpt").is_file():
        link(folder / f"{name}.ckpt", folder / "best.ckpt")


def find_verified(path: Path) -> Path | None:
    """Return the checkpoint file that ``path`` means, after comparing its hash with its manifest.

    ``last.ckpt`` means the newest intact one; broken ones are skipped with a warning. Any other name means one file,
    which is returned or refused. Returns None if no manifest exists, as for a checkpoint that was copied elsewhere.

    Raises:
        CheckpointError: the file differs from what was written, or no intact one is left.
    """
    manifests = read_all(path.parent)
    if not manifests:
        return None
    if path.name == "last.ckpt":
        return _newest_intact(path, manifests)
    names = {each.name: each for each in manifests}
    # The newest manifest decides which save is the best.
    meant = names.get((manifests[0].best if path.name == "best.ckpt" else path.stem) or "")
    if meant is None:
        return None
    found = path.with_name(f"{meant.name}.ckpt")
    if path.name == "best.ckpt" and path.exists() and not (found.exists() and path.samefile(found)):
        # A kill may have left best.ckpt linked to the previous best. Any other content was put there by the user.
        others = {each.sha256 for each in manifests} - {meant.sha256}
        found = found if sha256(path) in others else path
    if fault := meant.fault(found):
        raise _broken(path, fault)
    return found


def delete_temporaries(folder: Path) -> None:
    """Delete temporary files of a killed run; only called while the run directory is locked."""
    for path in folder.glob(".*.tmp"):
        path.unlink(missing_ok=True)


def link(source: Path, target: Path) -> None:
    """Atomically make target a hard link to source; a copy where the file system has no hard links."""
    # os.link cannot replace a file: link under a temporary name, then rename over the target.
    temporary = temporary_path(target)
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:
        shutil.copyfile(source, temporary)
    temporary.replace(target)


def _newest_intact(path: Path, manifests: Iterable[Manifest]) -> Path:
    faults = []
    for each in manifests:
        candidate = path.with_name(f"{each.name}.ckpt")
        fault = each.fault(candidate)
        if not fault:
            return candidate
        log.warning("%s is broken: %s; using the one before it", candidate, fault)
        faults.append(f"{candidate.name}: {fault}")
    raise _broken(path, "; ".join(faults))


def _broken(path: Path, fault: str) -> CheckpointError:
    return CheckpointError(
        f"{path} is broken: {fault};",
        "a checkpoint is loaded only if its SHA-256 is the one that was saved;",
        f"restore a backup of it, or continue its run from an older one with {train_command()} resume=RUN_DIR.",
    )
