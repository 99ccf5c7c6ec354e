"""Whether the sub-folders of a folder of images are classes, and the splits of images without any. No torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from netyard.data.core.normal_classes import named
from netyard.data.images.decode import SUFFIXES
from netyard.data.images.files import images_directly_in, subfolders, walk_images
from netyard.data.images.layout import (
    Layout,
    find_parts,
    find_tested,
    folders_of,
    only_one,
    require_folder,
    unwrapped,
    use_separate,
    without_wrappers,
)
from netyard.data.images.listing import Listing, class_names, require_images, scan
from netyard.errors import DataError
from netyard.io.readable import listed

Wanted = Mapping[str, str | None]
"""The name of the folder of each split: see ``find_layout``."""


@dataclass
class Found:
    """The folder of each split, the names of the classes, and what to say of the folders."""

    layout: Layout
    names: list[str] | None
    """None: the images have no classes."""
    unlabelled: frozenset[str] = frozenset()
    """The splits whose folder has no class folders, though the data have classes: all their images are normal."""
    remarks: list[str] = field(default_factory=list)

    def scan(self, part: str, others: Counter[str], normal: Sequence[str] = ()) -> Listing:
        """The images of a split, see ``listing.scan``; without classes all of them, with the label 0.

        Raises:
            DataError: see ``listing.scan``; there are none.
        """
        place = self.layout.splits[part]
        if self.names is not None and part not in self.unlabelled:
            return scan(place, self.names, others)
        paths = [*walk_images(place, others)]
        if not paths:
            raise _no_image(place)
        label = self.names.index(named(normal, self.names)[0]) if self.names else 0
        return Listing(paths, [label] * len(paths))

    def require_images(
        self, listings: Mapping[str, Listing], separate: Mapping[str, str], normal: Sequence[str]
    ) -> None:
        """Refuse a class without images: see ``listing.require_images``."""
        if self.names is not None and not self.unlabelled:
            # A folder for testing alone need not have every class.
            needed = {part: each for part, each in listings.items() if part == "train" or part not in separate}
            require_images(needed, self.layout.splits, self.names, normal)


def find_trained(
    root: Path,
    wanted: Wanted,
    separate: Mapping[str, str],
    normal: Sequence[str] = (),
    class_folders: bool | None = True,
    known: Sequence[str] = (),
) -> Found:
    """The folders of the splits, and the classes.

    Args:
        root, wanted, separate, normal: see ``find_parts``.
        class_folders: whether sub-folders are classes; None: if there are at least two with images, and no images
            beside them.
        known: the classes of a run, which come first.

    Raises:
        DataError: see ``find_parts`` and ``class_names``; there is no image.
    """
    wanted, undecided = dict(wanted), class_folders is None
    if class_folders is None:
        class_folders = _are_classes(root, wanted, separate, normal)
    if class_folders:
        layout = find_parts(root, wanted, separate, normal)
        return Found(layout, class_names(layout.splits, normal, known))
    layout = _find_pictures(root, wanted, separate)
    found = Found(layout, None)
    place = layout.splits["train"]
    if undecided and len(beside := [name for name in subfolders(place) if _has_images(place / name)]) > 1:
        shown = listed(beside, 4)
        found.remarks.append(
            f"the folders {shown} are not taken as classes, because images are beside them (data.class_folders=true)"
        )
    labelled = {part: names for part in ("val", "test") if (names := _classes_in(layout.splits.get(part)))}
    if normal:
        names = sorted({name for each in labelled.values() for name in each} | {*known})
        if not {*named(normal, names)} & {*names}:
            nearest = [*get_close_matches(normal[0], names, n=1), *names][:1]
            tested = f"; those for testing are {', '.join(names)}" * bool(names)
            raise DataError(
                f"task.normal is {','.join(normal)}, and {layout.splits['train']} has no class folders{tested};",
                "all images of a folder without class folders are normal, and a folder for testing names the classes;",
                f"try task.normal={nearest[0]}." if nearest else "try data.test_root=FOLDER, or leave task.normal out.",
            )
        found.names = [*dict.fromkeys([*known, *named(normal, names), *names])]
        found.unlabelled = frozenset({*layout.splits} - {*labelled})
        found.remarks.append(f"all images in {layout.splits['train']} are taken as {named(normal, names)[0]}")
    elif "test" in labelled:
        shown = listed(labelled["test"], 6)
        found.remarks.append(
            f"the folders {shown} of the test part are no classes (task=anomaly task.normal=NAME tests by them)"
        )
    return found


def find_untrained(root: Path, wanted: Wanted) -> Found:
    """The folder whose images are all tested, by a network that was trained without classes.

    Raises:
        DataError: there is no folder.
    """
    return Found(Layout({"test": _tested_place(root, dict(wanted))}), None)


def scanned(
    found: Found, separate: Mapping[str, str], normal: Sequence[str], others: Counter[str]
) -> dict[str, Listing]:
    """The images of each split of new training data.

    Raises:
        DataError: a split has none; see ``listing.scan`` and ``require_images``.
    """
    listings = {part: found.scan(part, others, normal) for part in found.layout.splits}
    found.require_images(listings, separate, normal)
    return listings


def _are_classes(root: Path, wanted: dict[str, str | None], separate: Mapping[str, str], normal: Sequence[str]) -> bool:
    """Whether the sub-folders of the training split are classes, for a task that needs none."""
    if not root.is_dir():
        return False
    place = _training_place(root, wanted)
    own = _classes_in(place)
    if not normal:
        return len(own) > 1
    if not own or any(name in own for name in normal):
        return bool(own)
    # Without a folder of a normal class in training, a folder for testing may have one.
    places = [Path(folder).expanduser() for folder in separate.values()]
    if not places:
        layout = _find_pictures(root, wanted, {})
        places = [each for part, each in layout.splits.items() if part != "train"]
    return not any(name in _classes_in(each) for each in places for name in normal)


def _classes_in(place: Path | None) -> list[str]:
    """The sub-folders with images, if no images are beside them."""
    if place is None or images_directly_in(place):
        return []
    return [name for name in subfolders(place) if _has_images(place / name)]


def _training_place(root: Path, wanted: dict[str, str | None]) -> Path:
    root = unwrapped(root, wanted)
    names = folders_of(root, "train", wanted["train"]) if wanted["train"] is not None else []
    return without_wrappers(root / names[0], []) if names else without_wrappers(root, [])


def _find_pictures(root: Path, wanted: dict[str, str | None], separate: Mapping[str, str]) -> Layout:
    """The folder of each split, of images without classes: folders named as splits are, else the root.

    Raises:
        DataError: there is no folder, or several mean the same split; one for testing but none for training; a folder
            for testing is within that for training.
    """
    require_folder(root, "root", "a folder of images, which may have train/, val/ and test/")
    root = unwrapped(root, wanted)
    splits = {split: folders_of(root, split, name) for split, name in wanted.items() if name is not None}
    splits = {split: [each for each in names if _has_images(root / each)] for split, names in splits.items()}
    beside = images_directly_in(root) + sum(_has_images(root / name) for name in subfolders(root))
    layout = Layout({"train": root})
    if wanted["train"] is not None and splits.get("train"):
        for split, names in splits.items():
            if names:
                layout.splits[split] = root / only_one(root, split, names, str(wanted[split]))
        used = {place.name for place in layout.splits.values()}
        left = [root / name for name in subfolders(root) if name not in used]
        counts = [(f"images in {each}", sum(1 for _ in walk_images(each))) for each in left]
        counts.append((f"images directly in {root}", images_directly_in(root)))
        layout.left_out += [(what, count, "beside the folders of the splits") for what, count in counts if count]
    # A single folder of images is for training, whatever its name is.
    elif wanted["train"] is not None and beside > 1 and any(splits.values()):
        raise DataError(
            f"{root} has {', '.join(each for names in splits.values() for each in names)}, and no folder for training;",
            "beside a folder for validation or test there is one with the training images;",
            "try data.train_folder=FOLDER, or data.train_folder=null if all images are for training.",
        )
    for split, folder in separate.items():
        place = _tested_place(Path(folder).expanduser(), wanted, f"{split}_root")
        use_separate(layout, split, folder, place)
    return layout


def _tested_place(root: Path, wanted: dict[str, str | None], key: str = "root") -> Path:
    """The folder for testing in a folder, or the folder itself."""
    require_folder(root, key, "a folder of images")
    root = unwrapped(root, wanted)
    names = folders_of(root, "test", wanted["test"]) if wanted["test"] is not None else []
    names = [each for each in names if _has_images(root / each)]
    place = root / only_one(root, "test", names, str(wanted["test"])) if names else root
    return next(iter(find_tested(place, wanted, key).splits.values())) if len(_classes_in(place)) > 1 else place


def _has_images(folder: Path) -> bool:
    return next(walk_images(folder), None) is not None


def _no_image(place: Path) -> DataError:
    return DataError(
        f"{place} contains no image;",
        f"images have a suffix of {' '.join(sorted(SUFFIXES))};",
        "add images, or choose another folder.",
    )
