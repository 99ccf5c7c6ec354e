"""The group of each image, by its name or folder. Does not import torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

from netyard.data.images.listing import Listing
from netyard.errors import ConfigError, DataError

FOLDER = "folder"


def compiled(pattern: str) -> re.Pattern[str]:
    """The regular expression of ``data.group``.

    Raises:
        ConfigError: it is none, or has several groups in parentheses.
    """
    try:
        found = re.compile(pattern)
        reason = f"it has {found.groups} groups in parentheses" if found.groups > 1 else ""
    except re.error as error:
        reason = str(error)
    if reason:
        raise ConfigError(
            f"data.group is {pattern!r}: {reason};",
            "it is a regular expression with at most one group in parentheses, or the word folder;",
            "try \"data.group='(p[0-9]+)_'\", with both kinds of quotes.",
        )
    return found


def groups_of(listing: Listing, folder: Path, names: Sequence[str] | None, pattern: str) -> list[str]:
    """The group of each image of a split.

    Args:
        folder: the folder of the split, with the class folders ``names``; None: without any.
        pattern: searched in the path below the class folder, ``p01_3.png`` or ``p01/3.png``; or FOLDER.

    Raises:
        DataError: an image has no group.
    """
    places = [folder if names is None else folder / names[number] for number in listing.labels]
    below = [path.relative_to(place).as_posix() for path, place in zip(listing.paths, places, strict=True)]
    return named_groups(listing.paths, below, pattern)


def named_groups(paths: Sequence[Path], places: Sequence[str], pattern: str) -> list[str]:
    """As ``groups_of``, of images whose paths below their folder are given."""
    expression = compiled(r"(.+)/[^/]*$" if pattern == FOLDER else pattern)
    found = []
    for path, below in zip(paths, places, strict=True):
        match = expression.search(below)
        name = match[match.re.groups] if match else None  # of the parentheses, or the whole match without any
        if not name:
            raise DataError(
                f"{path} has no group by data.group={pattern};",
                "folder is the folder of an image in its class folder; an expression is searched in the path below the"
                f" class folder, which is {below!r} here;",
                "try \"data.group='^([^_]+)_'\" for names like p01_3.png.",
            )
        found.append(name)
    return found


def require_whole_groups(groups: Mapping[str, Sequence[str]]) -> None:
    """Refuse a group that the folders have in two splits.

    Raises:
        DataError: there is one.
    """
    for one, other in combinations(groups, 2):
        if shared := sorted(set(groups[one]).intersection(groups[other])):
            raise DataError(
                f"group {shared[0]!r} of data.group is in the folders of {one} and {other} ({len(shared)} such);",
                "a group is in one split;",
                "move its images to one of the folders, or leave data.group out.",
            )
