"""Which folders below ``data.root`` are splits, and which are classes. Does not import torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from netyard.data.images.files import images_directly_in, subfolders, walk_images
from netyard.errors import DataError

_NAMES = {
    "train": ("train", "training", "trn"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "tst"),
}
_ENDING = "(?:[ _-]?(?:set|data|split|images))?"  # train_set, TestData, ...


@dataclass
class Layout:
    """The folder of each split, with its class folders; ``train`` is the root itself if there are no splits."""

    splits: dict[str, Path]
    left_out: list[tuple[str, int, str]] = field(default_factory=list)
    """What, how many and why, of images that are in no class folder of a split."""


def find_layout(root: Path, wanted: dict[str, str | None], normal: Sequence[str] = ()) -> Layout:
    """Find the splits below a folder; a folder that only wraps another one is skipped.

    A folder is a split if it has subfolders and its name means one, in any case: ``train``, ``Training``, ``VAL``,
    ``valid``, ``validation``, ``test_set``, ... With another wanted name only that name is meant.

    Args:
        root: an existing folder.
        wanted: the name of each split's folder, ``{"train": "train", ...}``; None: the data have none. Without a
            training folder every folder is a class.
        normal: names of classes, of which the only one for training wraps no others.

    Raises:
        DataError: there is no folder, several mean the same split, or one but none for training.
    """
    require_folder(root)
    root = unwrapped(root, wanted, normal)
    if wanted["train"] is None:
        return _outside(Layout({"train": root}), root)
    named = {split: folders_of(root, split, name) for split, name in wanted.items() if name is not None}
    if not any(subfolders(root / each) for names in named.values() for each in names):
        _require_class_folders(root, [name for names in named.values() for name in names])
        return _outside(Layout({"train": root}), root)
    layout, used = Layout({}), set()
    for split, names in named.items():
        if not names:
            continue
        name = only_one(root, split, names, str(wanted[split]))
        used.add(name)
        if split != "train" and not subfolders(root / name) and (flat := images_directly_in(root / name)):
            # A test folder without labels, as competitions have it, cannot be tested on.
            layout.left_out.append((f"images in {root / name}", flat, "not in a class folder, so without a class"))
        else:
            known = subfolders(layout.splits["train"]) if "train" in layout.splits else [*normal]
            layout.splits[split] = without_wrappers(root / name, known)
    if "train" not in layout.splits:
        raise DataError(
            f"{root} has {', '.join(sorted(used))}, and no folder for training;",
            "beside a folder for validation or test there is one with the training images;",
            "try data.train_folder=FOLDER, or data.train_folder=null if every folder is a class.",
        )
    for name in subfolders(root):
        if name not in used and (count := sum(1 for _ in walk_images(root / name))):
            layout.left_out.append((f"images in {root / name}", count, "beside the folders of the splits"))
    return _outside(layout, root)


def find_parts(
    root: Path, wanted: dict[str, str | None], separate: Mapping[str, str], normal: Sequence[str] = ()
) -> Layout:
    """As ``find_layout``, with splits that have a folder of their own elsewhere.

    Args:
        separate: the folder of the validation or test split; what ``root`` has for it is not used.
        normal: see ``find_layout``.

    Raises:
        DataError: see ``find_layout`` and ``find_tested``; a folder for testing is within that for training.
    """
    layout = find_layout(root, wanted, normal)
    for split, folder in separate.items():
        found = find_tested(
            Path(folder).expanduser(), {**wanted, "test": wanted[split] or wanted["test"]}, f"{split}_root"
        )
        if len(found.splits) > 1:
            raise DataError(
                f"{folder} has folders for {' and '.join(found.splits)};",
                f"data.{split}_root is a folder with class folders;",
                f"try data.{split}_root={next(iter(found.splits.values()))}.",
            )
        use_separate(layout, split, folder, next(iter(found.splits.values())))
        layout.left_out += found.left_out
    return layout


def use_separate(layout: Layout, split: str, folder: str, place: Path) -> None:
    """Make the images of another folder a split, in place of those that the data have for it.

    Args:
        folder: as it was typed.
        place: the folder within it that has the images.

    Raises:
        DataError: it is within the folder for training.
    """
    if place.resolve().is_relative_to(layout.splits["train"].resolve()):
        raise DataError(
            f"{folder} is in {layout.splits['train']}, whose images are for training;",
            f"data.{split}_root is a folder beside it;",
            "move it out of that folder.",
        )
    if (own := layout.splits.get(split)) is not None:
        unused = sum(1 for _ in walk_images(own))
        layout.left_out.append((f"images in {own}", unused, f"data.{split}_root is used instead"))
    layout.splits[split] = place


def find_tested(root: Path, wanted: dict[str, str | None], key: str = "root") -> Layout:
    """Find the folders with class folders in which all images are tested, by a network that was trained on others.

    That is the test folder if there is one, else the folders of all splits, else the root itself.

    Args:
        root, wanted: see ``find_layout``.
        key: of the config, for messages.

    Raises:
        DataError: there is no folder, or several mean the same split; the test folder has no class folders.
    """
    require_folder(root, key)
    root = unwrapped(root, wanted)
    named = {split: folders_of(root, split, name) for split, name in wanted.items() if name is not None}
    if wanted["train"] is None or not any(subfolders(root / each) for names in named.values() for each in names):
        flat = images_directly_in(root)
        if flat and not subfolders(root):
            raise without_classes(root)
        return _outside(Layout({"test": root}), root)
    if named.get("test"):
        test = root / only_one(root, "test", named["test"], str(wanted["test"]))
        if not subfolders(test):
            raise without_classes(test)
        return _outside(Layout({"test": without_wrappers(test, [])}), test)
    folders = {
        split: root / only_one(root, split, names, str(wanted[split])) for split, names in named.items() if names
    }
    return _outside(Layout({split: each for split, each in folders.items() if subfolders(each)}), root)


def without_classes(folder: Path) -> DataError:
    return DataError(
        f"{folder} has images, and no class folders;",
        "images are tested by the class folders that they are in;",
        f"sort them into class folders, or predict them with input={folder}.",
    )


def require_folder(
    root: Path, key: str = "root", wanted: str = "a folder with a folder for each class, or with train/, val/ and test/"
) -> None:
    """Refuse a path that is no folder.

    Raises:
        DataError: it is none.
    """
    if not root.is_dir():
        raise DataError(
            f"{root} is {'a file' if root.is_file() else 'not there'};",
            f"data.{key} is {wanted};",
            f"try data.{key}=FOLDER.",
        )


def splits_of(below: Sequence[str], wanted: Mapping[str, str | None]) -> dict[str, list[int]]:
    """Which of the images are in each split, if the first folder of each means one and some are for training.

    Args:
        below: the path of each image below the root.
        wanted: see ``find_layout``.

    Returns:
        The numbers of the images; empty if folders are no splits.
    """
    kinds: dict[str, str | None] = {}
    for place in below:
        first, slash, _ = place.partition("/")
        meant = (split for split, name in wanted.items() if slash and name is not None and _means(split, name, first))
        kinds.setdefault(first, next(meant, None))
    found: dict[str, list[int]] = {}
    for number, place in enumerate(below):
        split = kinds[place.partition("/")[0]]
        if split is None:
            return {}
        found.setdefault(split, []).append(number)
    return found if "train" in found and len(found) > 1 else {}


def unwrapped(root: Path, wanted: dict[str, str | None], classes: Sequence[str] = ()) -> Path:
    """The folder below which classes or splits are: archives are often unpacked into a folder of their own."""
    # One split alone is no wrapper.
    splits = [name for name in subfolders(root) for split, wish in wanted.items() if wish and _means(split, wish, name)]
    inner = root if splits else without_wrappers(root, classes, 1)
    return inner if inner == root else unwrapped(inner, wanted, classes)


def without_wrappers(folder: Path, classes: Sequence[str], most: int = 8) -> Path:
    """The folder itself, or that in it, if it is alone there and has subfolders of its own, which are the classes."""
    names = subfolders(folder)
    alone = len(names) == 1 and names[0] not in classes and not images_directly_in(folder)
    if not most or not alone or not subfolders(folder / names[0]):
        return folder
    return without_wrappers(folder / names[0], classes, most - 1)


def _means(split: str, wanted: str, name: str) -> bool:
    """Whether the name of a folder means a split whose wanted name is given."""
    kind = next((kind for kind, names in _NAMES.items() if wanted.lower() in names), None)
    if kind is None or wanted != kind:  # a name of the user's own, or a spelling that the user has chosen
        return name == wanted
    return re.fullmatch(f"(?:{'|'.join(_NAMES[kind])}){_ENDING}", name.lower()) is not None


def folders_of(root: Path, split: str, wanted: str) -> list[str]:
    """The folders that mean a split; the wanted name itself comes alone if it is there."""
    names = subfolders(root)
    if wanted in names:
        return [wanted]
    return [name for name in names if _means(split, wanted, name)]


def only_one(root: Path, split: str, names: list[str], wanted: str) -> str:
    """The only folder that means a split.

    Raises:
        DataError: there are several.
    """
    if len(names) > 1:
        raise DataError(
            f"{root} has {' and '.join(names)}, which both mean the {split} split;",
            "each split is one folder;",
            f"try data.{split}_folder={names[0]}.",
        )
    return names[0]


def _require_class_folders(root: Path, named: list[str]) -> None:
    """Refuse a root in which only folders of splits are, none of which has class folders."""
    if named and set(subfolders(root)) == set(named):
        raise DataError(
            f"{root / named[0]} has no class folders;",
            "a folder of a split has a folder for each class, with its images;",
            "sort the images into class folders, or choose data.train_folder=null if these folders are the classes.",
        )


def _outside(layout: Layout, root: Path) -> Layout:
    """Add the images that are beside the class folders."""
    for folder in dict.fromkeys((root, *layout.splits.values())):
        if count := images_directly_in(folder):
            layout.left_out.append((f"images directly in {folder}", count, "not in a class folder"))
    return layout
