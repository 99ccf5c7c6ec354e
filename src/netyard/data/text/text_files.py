"""Text files of the user: one, several, a folder or a pattern, in any usual encoding. Imports no torch."""

from __future__ import annotations

import glob
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path

from netyard.data.core.file_keys import key_of_files
from netyard.data.images.files import walk
from netyard.data.tables.file_text import read_text
from netyard.errors import DataError

_SUFFIXES = (".txt", ".txt.gz")
_EXPECTED = "a text file, a list of them, a folder or a pattern"


@dataclass
class Documents:
    """The texts of files, in order."""

    paths: list[Path]
    texts: list[str]
    encodings: Counter[str] = field(default_factory=Counter)
    """The encodings other than UTF-8, with the number of files."""
    left_out: list[tuple[str, int, str]] = field(default_factory=list)
    """What is not used: (what, count, why)."""

    @property
    def note(self) -> str:
        """The guessed encodings as a sentence; empty if all files are UTF-8."""
        return ", ".join(f"{count:,} file{'s' * (count != 1)} read as {name}" for name, count in self.encodings.items())


def read_documents(
    path: str | Path | Sequence[str], key: str = "data.path", encoding: str | None = None, keep_all: bool = False
) -> Documents:
    """The texts of all files that a path names; of several files, empty ones and copies of others are left out.

    Of a folder the files that end with .txt are read, or if it has none all that are text; sorted by path, with numbers
    by their value. A list keeps its order.

    Args:
        key: the config key that names the files, for messages.
        keep_all: whether files without text, and texts that occur twice, are kept.

    Raises:
        DataError: there is no such file, a file that is named is not text, or no file has any text.
    """
    places = [str(each) for each in path] if isinstance(path, list | tuple) else [str(path)]
    if not places:
        raise DataError(f"{key} is an empty list;", f"{key} is {_EXPECTED};", f"try {key}=FILE.")
    found = Documents([], [])
    listed: list[tuple[Path, bool]] = [each for place in places for each in _files(place, key, found)]
    seen_paths: set[Path] = set()
    seen_texts: dict[str, Path] = {}
    reasons: Counter[str] = Counter()
    for file, named in listed:
        if file.resolve() in seen_paths:
            reasons["named twice"] += 1
            continue
        seen_paths.add(file.resolve())
        try:
            text, used = read_text(file, key, encoding, expected=_EXPECTED)
        except DataError:
            # A file that is typed, alone or in a list, is a mistake; a picture in a folder of texts is none.
            if named:
                raise
            reasons["not text"] += 1
            continue
        if len(listed) > 1 and not keep_all and not text.strip():
            reasons["without text"] += 1
            continue
        if len(listed) > 1 and not keep_all and text in seen_texts:
            reasons["the same text as another file"] += 1
            continue
        seen_texts.setdefault(text, file)
        found.encodings.update([used] if used != "utf-8" else [])
        found.paths.append(file)
        found.texts.append(text)
    found.left_out += [("files", count, why) for why, count in reasons.items()]
    if not found.texts or (len(found.texts) > 1 and not any(map(str.strip, found.texts))):
        why = ", ".join(f"{count} {why}" for why, count in reasons.items())
        raise DataError(
            f"no file of {', '.join(places)} has any text{f' ({why})' if why else ''};",
            f"{key} is {_EXPECTED};",
            f"try {key}=FILE.",
        )
    return found


@dataclass(frozen=True)
class Part:
    """A part of documents that follow each other."""

    text: str
    begin: int
    """The characters of all documents before it."""
    size: int
    """Its characters, without the line breaks between documents."""
    first: int
    last: int
    """The numbers of its first and last document."""
    whole: bool
    """Whether no document of it is in another part, too."""


def joined(texts: Sequence[str]) -> str:
    """Texts one after another, with a line break between two."""
    *before, last = texts
    return "".join([*(text if text.endswith("\n") else f"{text}\n" for text in before), last])


def cut_documents(texts: Sequence[str], sizes: Sequence[int]) -> list[Part]:
    """Cut documents in their order into parts of so many characters; a size of 0 gives an empty part.

    A cut is moved to the nearest border of two documents, unless a part next to it would then be smaller than half of
    what is wanted, or twice as large.
    """
    ends = [*accumulate(map(len, texts))]
    wanted = [0, *accumulate(sizes)]
    cuts = list(wanted)
    for place in range(1, len(sizes)):
        if not sizes[place] or not sizes[place - 1] or len(texts) == 1:
            continue
        border = min(ends[:-1], key=lambda end: abs(end - wanted[place]))
        before, after = border - cuts[place - 1], wanted[place + 1] - border
        if sizes[place - 1] / 2 <= before <= 2 * sizes[place - 1] and sizes[place] / 2 <= after <= 2 * sizes[place]:
            cuts[place] = border
    starts = [0, *ends]
    parts = []
    for begin, end in pairwise(cuts):
        inside = [n for n in range(len(texts)) if starts[n] < end and ends[n] > begin]
        pieces = [texts[n][max(begin - starts[n], 0) : end - starts[n]] for n in inside]
        whole = bool(inside) and starts[inside[0]] >= begin and ends[inside[-1]] <= end
        first, last = (inside[0], inside[-1]) if inside else (0, 0)
        parts.append(Part(joined(pieces) if pieces else "", begin, end - begin, first, last, whole))
    return parts


def key_of_texts(path: str | Path | Sequence[str]) -> str | None:
    """A hash of all files that a path names, wherever they are; None if one is not there."""
    if not isinstance(path, list | tuple) and not glob.has_magic(str(path)):
        return key_of_files(Path(str(path)).expanduser())
    try:
        paths = read_documents(path).paths
    except DataError:
        return None
    keys = [key_of_files(each) or "" for each in paths]
    return hashlib.sha256("\0".join(keys).encode()).hexdigest()[:32]


def shown(path: str | Path | Sequence[str]) -> str:
    """The files as a message names them."""
    return ", ".join(map(str, path)) if isinstance(path, list | tuple) else str(path)


def _files(place: str, key: str, found: Documents) -> Iterator[tuple[Path, bool]]:
    """The files of a place in order, and whether each was named itself.

    Raises:
        DataError: a pattern matches no file, or a folder has none.
    """
    path = Path(place).expanduser()
    if path.is_dir():
        files = sorted(walk(path), key=lambda file: _by_number(file.relative_to(path).as_posix()))
        texts = [file for file in files if file.name.lower().endswith(_SUFFIXES)]
        if not files:
            raise DataError(f"{path} has no files;", f"{key} is {_EXPECTED};", f"try {key}=FILE.")
        if texts and len(texts) < len(files):
            found.left_out.append(("files", len(files) - len(texts), f"of {path}, which do not end with .txt"))
        yield from ((file, False) for file in texts or files)
    elif not path.exists() and glob.has_magic(place):
        matches = [Path(each) for each in glob.glob(str(path), recursive=True)]  # noqa: PTH207
        files = sorted((each for each in matches if each.is_file()), key=lambda file: _by_number(file.as_posix()))
        if not files:
            raise DataError(
                f"the pattern {place} matches no file;",
                f"{key} is {_EXPECTED};",
                f"""try "{key}=FOLDER/*.txt" in quotes, or {key}=FOLDER.""",
            )
        yield from ((file, False) for file in files)
    else:
        yield path, True


def _by_number(name: str) -> list[tuple[int, str]]:
    """A key by which chapter 10 comes after chapter 9."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdecimal() else (0, part) for part in parts]
