"""Which folders are splits, which are classes, and which are no data."""

from __future__ import annotations

from pathlib import Path

import pytest

from netyard.data.images.layout import Layout, find_layout
from netyard.errors import DataError

WANTED: dict[str, str | None] = {"train": "train", "val": "val", "test": "test"}


def put(root: Path, *places: str, classes: tuple[str, ...] = ("red", "blue")) -> Path:
    """Write an empty image into each class of each place; only names are looked at here."""
    for place in places:
        for name in classes:
            (root / place / name).mkdir(parents=True, exist_ok=True)
            (root / place / name / "0.png").touch()
    return root


def found(root: Path, **changes: str | None) -> dict[str, str]:
    return {split: str(path.relative_to(root)) for split, path in layout(root, **changes).splits.items()}


def layout(root: Path, **changes: str | None) -> Layout:
    return find_layout(root, {**WANTED, **changes})


@pytest.mark.parametrize(
    "names",
    [
        ("Train", "Val", "Test"),
        ("TRAIN", "VALID", "TEST"),
        ("training", "validation", "testing"),
        ("train_set", "Dev", "test-set"),
        ("TrainData", "val images", "testset"),
    ],
)
def test_names_of_splits_in_any_case(tmp_path: Path, names: tuple[str, str, str]) -> None:
    assert found(put(tmp_path, *names)) == dict(zip(("train", "val", "test"), names, strict=True))


def test_a_root_without_splits_is_one_of_classes(tmp_path: Path) -> None:
    # Classes may be called like splits: a split has class folders.
    assert found(put(tmp_path, "", classes=("car", "plane", "train", "test"))) == {"train": "."}


def test_a_class_with_subfolders_is_no_split_if_that_is_said(tmp_path: Path) -> None:
    put(tmp_path, "test", "exam", classes=("a", "b"))
    with pytest.raises(DataError, match=r"has test, and no folder for training; .*data\.train_folder=null if every"):
        found(tmp_path)
    assert found(tmp_path, train=None) == {"train": "."}


def test_a_name_of_the_users_own_is_that_alone(tmp_path: Path) -> None:
    put(tmp_path, "Bilder", "train", "test")
    assert layout(tmp_path, train="Bilder").splits["train"] == tmp_path / "Bilder"
    assert layout(tmp_path, train="Bilder").left_out == [
        (f"images in {tmp_path / 'train'}", 2, "beside the folders of the splits")
    ]
    assert found(put(tmp_path / "photos", "learn", "val"), train="learn", val=None, test="val") == {
        "train": "learn",
        "test": "val",
    }


@pytest.mark.parametrize("place", ["", "train"])
def test_the_only_normal_class_is_no_wrapper(tmp_path: Path, place: str) -> None:
    put(tmp_path / place, "good", classes=("monday", "tuesday"))
    assert find_layout(tmp_path, WANTED, ["good"]).splits["train"] == tmp_path / place
    assert find_layout(tmp_path, WANTED).splits["train"] == tmp_path / place / "good"


def test_two_folders_for_one_split_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "train", "valid", "validation")
    with pytest.raises(DataError, match=r"valid and validation, which both mean the val split; .*data\.val_folder=val"):
        found(tmp_path)
    assert found(tmp_path, val="validation") == {"train": "train", "val": "validation"}
    put(tmp_path, "val")  # the name itself comes first, and the others are said to be left out
    assert found(tmp_path)["val"] == "val" and len(layout(tmp_path).left_out) == 2


@pytest.mark.parametrize("wrapper", ["dataset", "archive/archive"])
def test_folders_that_wrap_the_data_are_skipped(tmp_path: Path, wrapper: str) -> None:
    assert found(put(tmp_path, wrapper)) == {"train": wrapper}
    put(tmp_path / "other", f"{wrapper}/Train", f"{wrapper}/Test")
    assert found(tmp_path / "other") == {"train": f"{wrapper}/Train", "test": f"{wrapper}/Test"}


def test_a_split_may_be_wrapped_too(tmp_path: Path) -> None:
    put(tmp_path, "train/train", "test/test")
    assert found(tmp_path) == {"train": "train/train", "test": "test/test"}
    # The only class folder of a test split is no wrapper.
    (tmp_path / "test" / "test" / "blue" / "0.png").unlink()
    (tmp_path / "test" / "test" / "blue").rmdir()
    (tmp_path / "test" / "test" / "red" / "more").mkdir()
    assert found(tmp_path)["test"] == "test/test"


def test_what_servers_and_archives_leave_is_no_data(tmp_path: Path) -> None:
    put(tmp_path, "", "__MACOSX", "@eaDir", ".ipynb_checkpoints", "$RECYCLE.BIN", "System Volume Information")
    assert found(tmp_path) == {"train": "."} and layout(tmp_path).left_out == []
    put(tmp_path / "other", "dataset", "__MACOSX")
    assert found(tmp_path / "other") == {"train": "dataset"}


def test_images_outside_of_class_folders_are_counted(tmp_path: Path) -> None:
    put(tmp_path, "train", "extra")
    (tmp_path / "test").mkdir()
    for path in ("0.png", "train/1.png", "train/2.jfif", "test/3.jpg", "test/notes.txt"):
        (tmp_path / path).touch()
    assert layout(tmp_path).left_out == [
        (f"images in {tmp_path / 'test'}", 1, "not in a class folder, so without a class"),
        (f"images in {tmp_path / 'extra'}", 2, "beside the folders of the splits"),
        (f"images directly in {tmp_path}", 1, "not in a class folder"),
        (f"images directly in {tmp_path / 'train'}", 2, "not in a class folder"),
    ]


def test_splits_without_class_folders_are_refused(tmp_path: Path) -> None:
    for name in ("train", "test"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.png").touch()
    with pytest.raises(DataError, match=r"train has no class folders; .*data\.train_folder=null"):
        found(tmp_path)
    assert found(tmp_path, train=None) == {"train": "."}
