"""Files that are images, files that are left out, and files that are no data."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from netyard.data.images.decode import SUFFIXES
from netyard.data.images.files import is_data, reason, walk_images


@pytest.mark.parametrize(
    "name",
    [
        ".DS_Store", "Thumbs.db", "thumbs.DB", "__MACOSX", "._x.jpg", "@eaDir", ".ipynb_checkpoints", "desktop.ini",
        "Desktop.ini", ".picasa.ini", "Picasa.ini", ".git", ".thumbnails", "~$x.png", "x.png~", "$RECYCLE.BIN",
    ],
)  # fmt: skip
def test_what_programs_leave_is_no_data(name: str) -> None:
    assert not is_data(name)


@pytest.mark.parametrize("name", ["x.jpg", "Thumbs", "MACOSX", "eaDir", "désert 名 #1.png", "_x.png", "$5.png"])
def test_other_names_are_data(name: str) -> None:
    assert is_data(name)


def test_every_other_file_is_counted(tmp_path: Path) -> None:
    (tmp_path / "deep" / "@eaDir").mkdir(parents=True)
    images = ["a.jfif", "b.JPE", "c.PNG", "deep/d.avif", "deep/e.pbm"]
    others = ["f.heic", "g.HEIC", "h.jxl", "notes.txt", "deep/noext"]
    for name in (*images, *others, "Thumbs.db", "._a.jfif", "deep/@eaDir/a.png"):
        (tmp_path / name).touch()
    counted: Counter[str] = Counter()
    found = {str(path.relative_to(tmp_path)) for path in walk_images(tmp_path, counted)}
    expected = {name for name in images if Path(name).suffix.lower() in SUFFIXES}  # Pillow may be without AVIF
    assert {*images} - expected <= {"deep/d.avif"} and found == expected
    counted.pop(".avif", None)
    assert counted == {".heic": 2, ".jxl": 1, ".txt": 1, "": 1}


def test_the_reason_tells_pictures_from_other_files() -> None:
    assert "convert them" in reason(".heic") and "not a suffix of images" in reason(".txt") and reason("")
