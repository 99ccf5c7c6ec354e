"""Where sub-folders are classes, and where images have none."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from netyard.data.images.class_folders import Found, find_trained, find_untrained, scanned
from netyard.errors import DataError

WANTED = {"train": "train", "val": "val", "test": "test"}


def made(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def found(root: Path, normal: tuple[str, ...] = (), separate: dict[str, str] | None = None) -> Found:
    return find_trained(root, WANTED, separate or {}, normal, None)


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (["1.png", "2.png"], None),
        (["only/1.png", "only/2.png"], None),
        (["one/a/1.png", "one/b/2.png"], ["a", "b"]),
        (["2019/1.png", "2020/2.png", "3.png"], None),
        (["disc/1.png", "square/x/2.png", "notes.txt"], ["disc", "square"]),
        (["disc/1.png", "empty/notes.txt"], None),
        (["train/a/1.png", "train/b/2.png", "test/a/3.png", "test/b/3.png"], ["a", "b"]),
        (["train/1.png", "test/3.png"], None),
        (["train/1.png", "test/a/3.png", "test/b/4.png"], None),
        (["test/1.png"], None),
    ],
)
def test_folders_are_classes_if_they_are_several_without_images_beside_them(
    tmp_path: Path, names: list[str], classes: list[str] | None
) -> None:
    root = made(tmp_path, *names)
    each = found(root)
    assert each.names == classes
    listings = scanned(each, {}, (), Counter())
    images = [name for name in names if name.endswith(".png")]
    assert sum(len(listing.paths) for listing in listings.values()) == len(images)
    assert ("test" in listings) == (any(name.startswith("test/") for name in names) and len(names) > 1)


def test_of_a_flat_folder_all_images_are_normal_and_a_folder_for_testing_has_classes(tmp_path: Path) -> None:
    made(tmp_path, "good/1.png", "good/2.png", "tested/good/1.png", "tested/broken/1.png", "tested/melted/1.png")
    separate = {"test": str(tmp_path / "tested")}
    each = found(tmp_path / "good", ("good",), separate)
    assert each.names == ["good", "broken", "melted"] and each.remarks[-1].endswith("are taken as good")
    listings = scanned(each, separate, ("good",), Counter())
    assert listings["train"].labels == [0, 0] and listings["test"].labels == [0, 1, 2]
    by_number = found(tmp_path / "good", ("1",), separate)
    assert by_number.names is not None and by_number.names[0] == "good", "of the names in their order"
    with pytest.raises(DataError, match=r"task\.normal is goood, .* try task\.normal=good\.$"):
        found(tmp_path / "good", ("goood",), separate)
    with pytest.raises(DataError, match=r"try data\.test_root=FOLDER, or leave task\.normal out\.$"):
        found(tmp_path / "good", ("good",))


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere is not there; data\.root is a folder of images"):
        found(tmp_path / "nowhere")
    with pytest.raises(DataError, match="contains no image"):
        scanned(found(tmp_path), {}, (), Counter())
    made(tmp_path, "1.png", "test/2.png")
    with pytest.raises(DataError, match=r"has test, and no folder for training; .* data\.train_folder=null"):
        found(tmp_path)
    with pytest.raises(DataError, match="whose images are for training"):
        found(made(tmp_path / "flat", "1.png", "in/2.png"), (), {"test": str(tmp_path / "flat" / "in")})


def test_all_images_of_other_folders_are_tested_or_those_of_a_test_folder(tmp_path: Path) -> None:
    made(tmp_path, "a/1.png", "b/2.png", "3.png")
    assert len(find_untrained(tmp_path, WANTED).scan("test", Counter()).paths) == 3
    made(tmp_path, "test/4.png")
    assert len(find_untrained(tmp_path, WANTED).scan("test", Counter()).paths) == 1
