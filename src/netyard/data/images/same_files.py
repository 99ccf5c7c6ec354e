"""Identical image files in two splits: compared by size first, so that few files are read."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

from netyard.data.core.duplicates import MAX_BYTES, MAX_SAMPLES, count

MAX_FILES = 20_000  # that are opened: a second or two, and more from a disk that has to seek
_HEAD = 4096


def between_splits(splits: Mapping[str, Sequence[Path]]) -> tuple[dict[str, int] | None, str]:
    """Count the files of each split that are, byte for byte, also in another one; see ``core.duplicates``."""
    if sum(map(len, splits.values())) > MAX_SAMPLES:
        return None, f"more than {MAX_SAMPLES:,} files, the most that are compared"
    sizes = {path: path.stat().st_size for paths in splits.values() for path in paths}
    same = _shared(splits, sizes.__getitem__)
    if len(same) > MAX_FILES:
        return None, f"more than {MAX_FILES:,} files have the size of another one"
    # Files of one size that differ do so near their beginning, unless they are uncompressed and have the same border.
    heads = {path: (sizes[path], _start(path)) for path in same}
    same = _shared({name: [path for path in paths if path in same] for name, paths in splits.items()}, heads.get)
    if sum(sizes[path] for path in same) > MAX_BYTES:
        return None, f"more than {MAX_BYTES // 1_000_000} MB would have to be compared"
    hashes = {
        name: [blake2b(path.read_bytes(), digest_size=16).digest() for path in paths if path in same]
        for name, paths in splits.items()
    }
    return count(hashes), ""


def _shared(splits: Mapping[str, Sequence[Path]], key: Callable[[Path], Hashable]) -> set[Path]:
    """The files whose key a file of another split has, too."""
    owners: dict[Hashable, set[str]] = {}
    for name, paths in splits.items():
        for path in paths:
            owners.setdefault(key(path), set()).add(name)
    return {path for paths in splits.values() for path in paths if len(owners[key(path)]) > 1}


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)
