"""Which files and folders are data: without those that cameras, servers and archives leave. Does not import torch."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from netyard.data.images.decode import SUFFIXES

# In lower case. Names that begin with a dot are never data: .DS_Store, ._x.jpg, .picasa.ini, .ipynb_checkpoints, ...
_JUNK = frozenset(
    (
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "picasa.ini", "zbthumbnail.info", "icon\r"),
        *("__macosx", "@eadir", "@tmp", "@__thumb", "@sharebin", "@recycle", "@recently-snapshot", "#recycle"),
        *("#snapshot", "$recycle.bin", "recycler", "system volume information", "lost+found", "found.000"),
        *("__pycache__", "_vti_cnf", "network trash folder", "temporary items"),
    )
)
UNREAD = frozenset(
    (
        *(".heic", ".heif", ".hif", ".jxl", ".avif", ".avifs", ".jp2", ".j2k", ".jpf", ".jpx", ".jxr", ".wdp", ".hdr"),
        *(".exr", ".tga", ".ico", ".icns", ".psd", ".psb", ".xcf", ".svg", ".eps", ".ai", ".pcx", ".dds", ".qoi"),
        *(".dcm", ".nii", ".fits", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".dng", ".raf", ".orf"),
        *(".rw2", ".pef", ".srw", ".raw", ".mp4", ".mov", ".avi"),
    )
)
"""Suffixes of pictures and videos that are not read; AVIF is, if Pillow has its decoder."""


def is_data(name: str) -> bool:
    """Whether a file or folder of this name may be data."""
    # Editors and browsers leave "x.jpg~" and "~$x.jpg".
    return not name.startswith((".", "~$")) and not name.endswith("~") and name.lower() not in _JUNK


def subfolders(folder: Path) -> list[str]:
    """The names of the folders in a folder that may be data, sorted."""
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and is_data(entry.name))


def walk(folder: Path) -> Iterator[Path]:
    """The files in a folder and its subfolders that may be data, sorted within each folder."""
    for place, folders, files in os.walk(folder):
        # os.walk lists in the order of the file system, which differs between machines. Assigning to the slice makes
        # it visit the subfolders in this order, too.
        folders[:] = sorted(filter(is_data, folders))
        for name in sorted(filter(is_data, files)):
            yield Path(place, name)


def is_image(path: Path) -> bool:
    """Whether a file has the suffix of a format that is read."""
    return path.suffix.lower() in SUFFIXES


def walk_images(folder: Path, others: Counter[str] | None = None) -> Iterator[Path]:
    """The image files in a folder and its subfolders, sorted within each folder.

    Args:
        others: the suffixes of the other files are counted in it, in lower case.
    """
    for path in walk(folder):
        if is_image(path):
            yield path
        elif others is not None:
            others[path.suffix.lower()] += 1


def images_directly_in(folder: Path) -> int:
    """The number of image files in a folder, without its subfolders."""
    entries = os.scandir(folder)
    return sum(entry.is_file() and is_data(entry.name) and is_image(Path(entry.name)) for entry in entries)


def reason(suffix: str) -> str:
    """Why files with a suffix are left out."""
    if suffix in UNREAD:
        return "a format that is not read: convert them to PNG or JPEG"
    return "not a suffix of images" if suffix else "without a suffix, their format is not known"
