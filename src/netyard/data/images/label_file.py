"""A CSV file that names image files and what each shows: a class, labels, or numbers. Does not import torch."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from netyard.data.images.decode import SUFFIXES
from netyard.data.images.files import walk_images
from netyard.data.tables.csv_reader import Table, read_table, typed
from netyard.data.tables.kinds import guess
from netyard.data.tables.numeric_cells import Reading, parse
from netyard.data.tables.prepared import why_left_out
from netyard.data.tables.several_targets import EmptyTarget, TargetSettings, read_targets
from netyard.data.tables.targets import Target, TargetKind
from netyard.errors import DataError

_FILE_NAME = re.compile(r"(?i)(image|img|file|photo|picture)?[ _-]?(file)?[ _-]?(name|path|id)?")
_NO_TARGETS = ("row index left out", "empty")


@dataclass(frozen=True)
class LabelSettings:
    """How the file is read: the keys of ``data=image_folder`` with these names."""

    root: str
    labels: str
    file_column: str | None = None
    target: str | Sequence[str] | None = None
    target_kind: TargetKind = "auto"
    label_separator: str | None = None
    empty_target: EmptyTarget = "drop"
    group: str | None = None
    key: str = "labels"
    """The key that names the file, for messages."""
    more_classes: bool = False
    """Whether classes may be in one of the files alone: see ``read_target``."""


@dataclass
class LabelledFiles:
    """The images that are used, in the order of the file, with their targets."""

    source: Path
    paths: list[Path]
    below: list[str]
    """The path of each image below ``data.root``, or below the folder of the file."""
    target: Target
    group: list[str] | None = None
    """The cells of the column that ``data.group`` names; None if it names no column."""
    left_out: list[tuple[str, int, str]] = field(default_factory=list)
    """What, how many and why."""


def read_labelled_files(
    settings: LabelSettings, kind: TargetKind | None = None, known: Sequence[str] | None = None
) -> LabelledFiles:
    """Read the file and find its images.

    Args:
        kind: of the target of a run, which other data must have; None for a new run.
        known: the classes or labels of that run.

    Raises:
        DataError: no folder, no file, no such column; a file name that is outside of both folders; no image is found;
            see also ``read_table`` and ``read_targets``.
    """
    root = _folder(settings.root)
    source = find_file(root, settings.labels)
    table = read_table(source, f"data.{settings.key}")
    column = _file_column(table, settings.file_column)
    images = _images_in(root)
    rows, paths, left_out = _found(table, column, root, images)
    used = table.take(rows)
    group = settings.group and used.name_of(settings.group)
    reading = Reading()
    parse(used, used.columns, reading)
    names = _targets(used, settings.target, [column, *([group] if group else [])], reading)
    chosen_kind = kind or settings.target_kind
    how = TargetSettings(chosen_kind, settings.label_separator, settings.empty_target, settings.more_classes)
    target = read_targets(used, names, how, reading, known)
    if without := len(rows) - len(target.rows):
        left_out.append(("rows", without, why_left_out(used, names, target)))
    chosen = [paths[row] for row in target.rows]
    kept = _once(chosen, target, left_out)
    unlisted = len(set(images.values()) - set(paths))
    if unlisted:
        left_out.append((f"images in {root}", unlisted, f"not listed in {source.name}"))
    target.values = target.values[kept]
    target.rows = [target.rows[number] for number in kept]
    found = [chosen[number] for number in kept]
    below = [_below(path, root, source.parent) for path in found]
    groups = [used.columns[group][row] for row in target.rows] if group else None
    return LabelledFiles(source, found, below, target, groups, left_out)


def files_in(where: Path, file_column: str | None, root: Path) -> tuple[list[Path], list[str]]:
    """The images that a CSV file names, for a prediction, and the names that are no image there.

    Raises:
        DataError: it has no column of file names; a file name that is outside of its folder and ``root``.
    """
    table = read_table(where, "input")
    column = _file_column(table, file_column)
    images = _images_in(root)
    rows, paths, _ = _found(table, column, root, images, complete=False)
    found = set(rows)
    return paths, [cell for row, cell in enumerate(table.columns[column]) if row not in found]


def _images_in(root: Path) -> dict[str, Path]:
    """The images below a folder, by their absolute paths; none if it is not there."""
    return {_absolute(path): path for path in walk_images(root)}


def _absolute(path: Path | str) -> str:
    # Not ``resolve``, which follows links: a file is where the user sees it.
    return os.path.normpath(Path(path).absolute())


def _folder(root: str) -> Path:
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise DataError(
            f"{folder} is {'a file' if folder.is_file() else 'not there'};",
            "data.root is the folder of the images that data.labels names;",
            "try data.root=FOLDER.",
        )
    return folder


def find_file(root: Path, labels: str) -> Path:
    """The file as it is typed, or in the folder of the images."""
    path = Path(labels).expanduser()
    return root / path if not path.exists() and (root / path).is_file() else path


def _file_column(table: Table, wanted: str | None) -> str:
    """The column of file names: the first in which most cells have the suffix of an image, or that is named so.

    Raises:
        DataError: there is none.
    """
    if wanted is not None:
        table.column(wanted, "file_column")
        return table.name_of(wanted) or wanted
    for name, cells in table.columns.items():
        if sum(map(_is_image, cells)) > 0.5 * len(cells):
            return name
    named = [name for name in table.columns if name and _FILE_NAME.fullmatch(name)]
    if named:
        return named[0]
    raise DataError(
        f"{table.path} has no column of image files, with a suffix of {' '.join(sorted(SUFFIXES))};",
        f"it has {', '.join([*table.columns][:20])};",
        f"try {typed('file_column', next(iter(table.columns)))}.",
    )


def _found(
    table: Table, column: str, root: Path, images: Mapping[str, Path], complete: bool = True
) -> tuple[list[int], list[Path], list[tuple[str, int, str]]]:
    """The rows whose image is there, its path, and what is left out."""
    stems: dict[str, Path | None] = {}
    for place, path in images.items():
        stem = place.removesuffix(path.suffix)
        stems[stem] = None if stem in stems else path  # of two formats neither is meant
    folders = [_absolute(root), _absolute(table.path.parent)]
    rows, paths, reasons = [], [], Counter[str]()
    for row, cell in enumerate(table.columns[column]):
        found = _image(cell, folders, images, stems)
        if found is None:
            if cell and _is_outside(cell, folders):
                raise DataError(
                    f"line {table.lines[row]} of {table.path} names {cell!r}, which is outside of {root};",
                    "files are in data.root, or in the folder of the file that names them;",
                    "repair or drop that line.",
                )
            reasons[_why_not(cell)] += 1
        else:
            rows.append(row)
            paths.append(found)
    if not rows and complete:
        raise DataError(
            f"none of the {len(table.lines):,} files that {table.path} names is in {root};",
            f"the first is {table.columns[column][0]!r}, in the column {column!r};",
            "try another data.root, or data.file_column.",
        )
    return rows, paths, [("rows", count, why) for why, count in reasons.items()]


def _why_not(name: str) -> str:
    if not name:
        return "no file name"
    return "the file is not there" if _is_image(name) or not Path(name).suffix else "no image file"


def _image(
    name: str, folders: Sequence[str], images: Mapping[str, Path], stems: Mapping[str, Path | None]
) -> Path | None:
    """The image that is meant by a name; None if it is not there."""
    if (found := images.get(f"{folders[0]}{os.sep}{name}")) is not None:  # most of them, at once
        return found
    for text in dict.fromkeys((name, name.replace("\\", "/"))):  # as Windows writes paths
        has_suffix = _is_image(text)
        for place in _places(text, folders):
            if place in images:
                return images[place]
            if not has_suffix and (found := stems.get(place)) is not None:
                return found
            # In the folder of the CSV file, which may be another than that of the images.
            elsewhere = has_suffix and folders[1] != folders[0] and _is_inside(place, folders[1:])
            if elsewhere and _is_file(place):
                return Path(place)
    return None


def _places(name: str, folders: Sequence[str]) -> list[str]:
    """Where a name may mean a file: in the folders, and where it is as it stands if that is in one of them."""
    if not name:
        return []
    # With the name of the folder before it, and as from the working directory.
    starts = dict.fromkeys((*folders, folders[0].rpartition(os.sep)[0], str(Path.cwd())))
    return [place for start in starts if _is_inside(place := _joined(start, name), folders)]


def _joined(folder: str, name: str) -> str:
    return os.path.normpath(name if name.startswith(os.sep) else f"{folder}{os.sep}{name}")


def _is_inside(place: str, folders: Sequence[str]) -> bool:
    # By the text: links that the user has put into the folder are followed, as in folders of classes.
    return any(place.startswith(folder.rstrip(os.sep) + os.sep) for folder in folders)


def _is_outside(name: str, folders: Sequence[str]) -> bool:
    return not any(_is_inside(_joined(folder, name), folders) for folder in folders)


def _is_image(name: str) -> bool:
    return f".{name.rpartition('.')[2].lower()}" in SUFFIXES  # many times as fast as the suffix of a Path


def _is_file(place: str) -> bool:
    try:
        return Path(place).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _targets(table: Table, wanted: str | Sequence[str] | None, taken: Sequence[str], reading: Reading) -> list[str]:
    """The columns of the target: those that are named, or all that are neither the file nor a number of the row.

    Raises:
        DataError: no such column; none, or several that are not all labels or all numbers.
    """
    if wanted is not None:
        listed = [str(name) for name in wanted] if isinstance(wanted, list | tuple) else [str(wanted)]
        for name in listed:
            table.column(name, listed=len(listed) > 1)
        names = list(dict.fromkeys(table.name_of(name) or name for name in listed))
        if len(names) == len(listed) > 0 and not set(names) & set(taken):
            return names
        others = [name for name in table.columns if name not in taken]
        raise DataError(
            f"data.target is {', '.join(listed) or 'empty'};",
            "it is a column, or a list of different columns, and not that of the files or groups;",
            f"try {typed('target', others[-1] if others else 'COLUMN')}.",
        )
    guesses = guess(table, [name for name in table.columns if name not in taken], reading, {})
    names = [name for name, each in guesses.items() if each.kind not in _NO_TARGETS] or [*guesses]
    if not names:
        raise DataError(
            f"{table.path} has no column besides {', '.join(map(repr, taken))};",
            "another has the class, the labels or the number of each file;",
            "add it.",
        )
    if len(names) > 1 and not all(table.parsed[name].is_number or _is_yes_or_no(table.columns[name]) for name in names):
        raise DataError(
            f"{table.path} has {len(names)} columns besides {', '.join(map(repr, taken))}: {', '.join(names[:10])};",
            "several targets are all numbers, or all labels of 0 and 1;",
            f"try {typed('target', names[0])}.",
        )
    return names


def _is_yes_or_no(cells: Sequence[str]) -> bool:
    return {cell.lower() for cell in cells} <= {"true", "false", "yes", "no", "y", "n", "t", "f", "0", "1", ""}


def _once(paths: Sequence[Path], target: Target, left_out: list[tuple[str, int, str]]) -> list[int]:
    """The numbers of the rows that are kept: one for each file, and none of a file with different targets."""
    rows: dict[Path, list[int]] = {}
    for number, path in enumerate(paths):
        rows.setdefault(path, []).append(number)
    kept, again, different = [], 0, 0
    for numbers in rows.values():
        first = target.values[numbers[0]]
        if any((target.values[number] != first).any() for number in numbers[1:]):
            different += len(numbers)
        else:
            kept.append(numbers[0])
            again += len(numbers) - 1
    if again:
        left_out.append(("rows", again, "the file is listed before, with the same target"))
    if different:
        left_out.append(("rows", different, "the file is listed several times, with different targets"))
    if not kept:
        raise DataError(
            "every file is listed several times, with different targets;",
            "a file has one row; several labels of a file are one cell, a|b;",
            "write one row for each file.",
        )
    return sorted(kept)


def _below(path: Path, *folders: Path) -> str:
    place = _absolute(path)
    for folder in map(_absolute, folders):
        if _is_inside(place, [folder]):
            return Path(os.path.relpath(place, folder)).as_posix()
    return path.name
