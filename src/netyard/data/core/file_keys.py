"""A hash of the user's files, by which data are recognised wherever they lie. Does not import torch."""

from __future__ import annotations

import hashlib
from pathlib import Path

from netyard.data.images.files import walk

_NUM_READ = 64  # files of a folder whose bytes are hashed; of the others the names are
_PORTION = 1 << 20  # bytes in memory


def key_of_files(place: Path) -> str | None:
    """A hash of a file, or of the names in a folder with the bytes of some of its files; None if it is not there.

    Files that are no data, such as ``Thumbs.db``, do not count.
    """
    digest = hashlib.sha256()
    if place.is_file():
        _add(digest, place)
    elif place.is_dir():
        paths = list(walk(place))
        for path in paths:
            digest.update(f"{path.relative_to(place).as_posix()}\0".encode(errors="surrogateescape"))
        for path in paths[:: -(-len(paths) // _NUM_READ) or 1]:
            _add(digest, path)
    else:
        return None
    return digest.hexdigest()[:32]


def _add(digest: hashlib._Hash, path: Path) -> None:
    own = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_PORTION):
            own.update(part)
    digest.update(own.digest())
