"""A CSV file of images and what they show: which files it means, what is left out, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from netyard.data.images.label_file import LabelledFiles, LabelSettings, files_in, read_labelled_files
from netyard.errors import DataError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for name in ("a.png", "b.jpg", "c.png", "more/d.png"):
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(folder / name)
    return folder


def read(root: Path, text: str, **settings: Any) -> LabelledFiles:
    place = root.parent / "labels.csv"
    place.write_text(text, encoding="utf-8")
    return read_labelled_files(LabelSettings(str(root), str(place), **settings))


def why(found: LabelledFiles) -> dict[str, int]:
    return {reason: count for _, count, reason in found.left_out}


def test_a_class_labels_or_numbers_of_each_file(root: Path) -> None:
    found = read(root, "file,kind\na.png,cat\nb.jpg,dog\nmore/d.png,cat\nc.png,dog\n")
    assert [path.name for path in found.paths] == ["a.png", "b.jpg", "d.png", "c.png"]
    assert found.target.class_names == ["cat", "dog"] and found.target.values.tolist() == [0, 1, 0, 1]
    assert found.left_out == [] and found.below[2] == "more/d.png"
    found = read(root, "file,kind\na.png,cat|wet\nb.jpg,wet\n")
    assert found.target.kind == "labels" and found.target.values.tolist() == [[1, 1], [0, 1]]
    found = read(root, "file,cat,wet\na.png,1,1\nb.jpg,0,1\nc.png,0,0\n")
    assert found.target.class_names == ["cat", "wet"]
    found = read(root, "file,angle\na.png,1.5\nb.jpg,-20\n")
    assert found.target.kind == "number" and found.target.values.tolist() == [1.5, -20]
    found = read(root, "file,x,y,z\na.png,1.5,2,3\nb.jpg,-20,4,5\n", target=["x", "y"])
    assert found.target.values.tolist() == [[1.5, 2], [-20, 4]]


@pytest.mark.parametrize(
    "name", ["a.png", "./a.png", "photos/a.png", "a", "{root}/a.png", "more/../a.png"], ids=lambda name: name
)
def test_a_file_may_be_named_in_several_ways(root: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(root, f"image_id,angle\n{name.format(root=root)},1.5\nmore\\d.png,3\n".replace("\\\\", "\\"))
    assert [path.name for path in found.paths] == ["a.png", "d.png"]


def test_files_may_be_beside_the_list_and_the_list_in_the_folder(root: Path, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "beside.png")
    assert read(root, "file,angle\nbeside.png,1.5\na.png,2\n").paths == [tmp_path / "beside.png", root / "a.png"]
    (root / "own.csv").write_text("file,angle\na.png,1.5\nb.jpg,2.5\n", encoding="utf-8")
    assert len(read_labelled_files(LabelSettings(str(root), "own.csv")).paths) == 2


def test_what_is_not_used_is_counted(root: Path) -> None:
    lines = ["a.png,1.5", "a.png,1.5", "gone.png,2", "more/d.png,3", "more/d.png,4", "notes.txt,5", ",6", "b.jpg,"]
    found = read(root, "\n".join(["file,angle", *lines]))
    assert [path.name for path in found.paths] == ["a.png"]
    assert why(found) == {
        "the file is not there": 1,
        "no image file": 1,
        "no file name": 1,
        "the target 'angle' is empty": 1,
        "the file is listed before, with the same target": 1,
        "the file is listed several times, with different targets": 2,
        "not listed in labels.csv": 1,
    }


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "../../secret.png", "more/../../../x.png"])
def test_a_file_outside_of_the_folders_is_refused(root: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"line 3 of .*labels\.csv names '.*', which is outside of .*; repair or drop"):
        read(root, f"file,angle\na.png,1.5\n{name},2\n")
    with pytest.raises(DataError, match="outside of"):
        files_in(root.parent / "labels.csv", None, root)


@pytest.mark.parametrize("name", ["a\0.png", "x" * 5000 + ".png", "-", "💥.png", "a.png/b.png"])
def test_a_name_that_no_file_has_is_left_out(root: Path, name: str) -> None:
    assert [path.name for path in read(root, f"file,angle\na.png,1.5\n{name},2\n").paths] == ["a.png"]


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("file,angle\n", {}, r"labels\.csv has no rows"),
        ("", {}, r"labels\.csv"),
        ("name of it,angle\nx,1\ny,2\n", {}, r"has no column of image files, .*; try .*data\.file_column="),
        ("file,angle\na.png,1\n", {"file_column": "image"}, r"has no column 'image'; .*data\.file_column="),
        ("file,angle\na.png,1\n", {"target": "angel"}, r"has no column 'angel'; .*data\.target=angle"),
        ("file,angle\na.png,1\n", {"target": "file"}, r"data\.target is file; .* not that of the files .*target=angle"),
        ("file\na.png\nb.jpg\n", {}, r"has no column besides 'file'; another has the class"),
        ("file,kind,by\na.png,cat,Ann\nb.jpg,dog,Bob\n", {}, r"has 2 columns besides 'file': kind, by; .*target=kind"),
        ("file,angle\nx.png,1\ny.png,2\n", {}, r"none of the 2 files that .* names is in .*; try another data\.root"),
        ("file,angle\na.png,nan\nb.jpg,nan\n", {}, r"column 'angle' of .*labels\.csv has no value in any row"),
        (
            "file,angle\na.png,inf\nb.jpg,1.5\nc.png,2\nmore/d.png,3\na.png,7\n",
            {},
            r"'angle', line 2 .* must be finite",
        ),
        ("file,kind\na.png,cat\na.png,dog\n", {}, r"every file is listed several times, with different targets"),
    ],
)
def test_what_cannot_be_read_is_refused(root: Path, text: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(root, text, **settings)


def test_a_missing_folder_or_list_is_named(root: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere is not there; data\.root is the folder of the images"):
        read_labelled_files(LabelSettings(str(root / "nowhere"), "labels.csv"))
    with pytest.raises(DataError, match=r"labels\.csv"):
        read_labelled_files(LabelSettings(str(root), "labels.csv"))


def test_a_column_of_groups_is_no_target(root: Path) -> None:
    found = read(root, "file,angle,patient\na.png,1.5,p1\nb.jpg,2.5,p2\nc.png,3,p1\n", group="patient")
    assert found.group == ["p1", "p2", "p1"] and found.target.target_names == ["angle"]


def test_many_lines_without_a_file_are_counted(root: Path) -> None:
    lines = [f"gone{number}.png,{number}.5" for number in range(20_000)]
    assert why(read(root, "\n".join(["file,angle", "a.png,0.5", *lines])))["the file is not there"] == 20_000
