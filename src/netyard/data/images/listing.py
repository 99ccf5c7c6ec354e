"""The image files of each split and their classes, as they are found in folders. Does not import torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from netyard.data.images.decode import SUFFIXES
from netyard.data.images.files import subfolders, walk_images
from netyard.errors import DataError


@dataclass
class Listing:
    """The files of a split, class by class, and the number of each one's class."""

    paths: list[Path]
    labels: list[int]

    def without(self, damaged: Collection[Path]) -> Listing:
        kept = [pair for pair in zip(self.paths, self.labels, strict=True) if pair[0] not in damaged]
        return Listing([path for path, _ in kept], [label for _, label in kept])


def class_names(folders: Mapping[str, Path], normal: Sequence[str] = (), known: Sequence[str] = ()) -> list[str]:
    """The names of the class folders of the training split, and after them those of other splits alone.

    Args:
        folders: the folder of each split.
        normal: the classes that training needs; with these, other splits may have more classes than training.
        known: the classes of a run, which come first, then.

    Raises:
        DataError: there are fewer than two.
    """
    # Sorted, so that the number of a class is the same on every machine.
    trained = subfolders(folders["train"])
    others = sorted({name for folder in folders.values() for name in subfolders(folder)}) if normal else []
    names = [*dict.fromkeys([*(known if normal else ()), *trained, *others])]
    if len(names) > 1:
        return names
    given = f"{folders['train']} has {f'1 class folder: {names[0]}' if names else '0 class folders'};"
    if normal and names:
        raise DataError(
            given,
            "anomalies are images of other classes, in a folder for testing or in all;",
            f"add test/{names[0]}/ and a folder beside it for anomalies, or try data.test_root=FOLDER.",
        )
    other = f", or, if images of other classes are anomalies, try task=anomaly task.normal={names[0]}" if names else ""
    raise DataError(
        given,
        "a classification needs at least two, each with the images of one class;",
        f"sort the images into class folders, or choose another folder with data.root=FOLDER{other}.",
    )


def scan(folder: Path, names: list[str], others: Counter[str]) -> Listing:
    """The images of a split; the suffixes of files that are none are counted in ``others``.

    Raises:
        DataError: there is a class folder that the training split does not have.
    """
    # A misspelt class folder of the test split would otherwise be ignored in silence.
    unknown = sorted(set(subfolders(folder)) - set(names))
    if unknown:
        raise DataError(
            f"{folder} has a class folder {unknown[0]!r} that the training split does not have;",
            f"classes are {', '.join(names[:8])}{', ...' if len(names) > 8 else ''};",
            "rename or delete it.",
        )
    found = [(path, label) for label, name in enumerate(names) for path in walk_images(folder / name, others)]
    return Listing([path for path, _ in found], [label for _, label in found])


def require_images(
    found: Mapping[str, Listing], folders: Mapping[str, Path], names: list[str], normal: Sequence[str] = ()
) -> None:
    """Refuse a class without images in any split; with normal classes only a class folder without images.

    Raises:
        DataError: there is one.
    """
    for split, listing in found.items():
        present = set(listing.labels)
        own = set(subfolders(folders[split])) if normal else set(names)
        for label, name in enumerate(names):
            if label not in present and name in own:
                raise DataError(
                    f"class folder {folders[split] / name} contains no image;",
                    f"every class needs some, with a suffix of {' '.join(sorted(SUFFIXES))};",
                    "add images, or delete it in every split.",
                )
