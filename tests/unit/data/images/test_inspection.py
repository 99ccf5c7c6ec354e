"""Damage, sizes and depths are found before training, at a bounded cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netyard.data.images import inspection
from netyard.data.images.inspection import inspect, inspect_file

FORMATS = ("jpg", "png", "gif", "webp", "bmp", "tiff", "ppm")


@pytest.fixture
def noise() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8))


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_cut_file_is_damaged(tmp_path: Path, noise: Image.Image, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    noise.save(path)
    assert inspect_file(path, True).damage is None and inspect_file(path, False).damage is None
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert inspect_file(path, True).damage is not None
    if suffix not in ("tiff", "ppm"):  # they have no end that could be missing
        assert inspect_file(path, False).damage is not None


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\xff\xd8\xff\xd9", b"\x89PNG\r\n\x1a\nIEND"])
def test_what_is_no_image_is_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.jpg").write_bytes(content)
    assert inspect_file(tmp_path / "x.jpg", False).damage is not None


def test_bytes_behind_the_end_are_no_damage(tmp_path: Path, noise: Image.Image) -> None:
    noise.save(tmp_path / "x.jpg")
    (tmp_path / "x.jpg").write_bytes((tmp_path / "x.jpg").read_bytes() + bytes(10_000))  # a video of a phone
    assert inspect_file(tmp_path / "x.jpg", False).damage is None


@pytest.fixture
def files(tmp_path: Path, noise: Image.Image) -> list[Path]:
    """Ten deep images of growing values, then a large one of 8 bits and a damaged one."""
    for number in range(10):
        Image.fromarray(np.full((5, 4), 100 * number, np.uint16)).save(tmp_path / f"{number}.png")
    noise.save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:500])
    return sorted(tmp_path.iterdir())


def test_every_file_is_decoded_if_they_are_small(files: list[Path]) -> None:
    found = inspect(files, threads=2)
    assert [found.files[path].values for path in files] == [*((100 * n, 100 * n) for n in range(10)), None, None]
    assert list(found.damaged) == [files[-1]] and found.note == "every image was decoded"
    described = found.describe((0, 900), given=False)
    assert described["sizes"] == {"smallest": [4, 5], "median": [4, 5], "largest": [80, 60]}
    assert described["depth"] == {"images": {"16 bits": 10, "8 bits": 1}, "range": [0, 900]}
    assert described["remarks"] == [
        "images of 4 x 5 to 80 x 60 pixels",
        "10 of 16 bits, black is 0, white 900 (measured; data.range=[LOW,HIGH] changes it)",
    ]


def test_of_large_files_headers_and_ends_are_looked_at(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "MAX_DECODED", 1000)
    monkeypatch.setattr(inspection, "NUM_VALUES", 3)
    found = inspect(files)
    assert "headers and ends" in found.note and list(found.damaged) == [files[-1]]
    measured = [path.name for path in files if found.files[path].values is not None]
    assert measured == ["0.png", "4.png", "8.png"]  # every fourth of the ten deep ones


def test_of_many_files_some_are_looked_at(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "MAX_OPENED", 11)
    monkeypatch.setattr(inspection, "NUM_VALUES", 6)
    found = inspect(files)
    assert len(found.files) == 6 and found.note.startswith("6 of the images were decoded")


def test_files_with_several_images_are_counted(tmp_path: Path, noise: Image.Image) -> None:
    for suffix in ("gif", "tif"):
        noise.save(tmp_path / f"x.{suffix}", save_all=True, append_images=[noise.rotate(90), noise])
    noise.save(tmp_path / "one.gif")
    assert inspect(sorted(tmp_path.iterdir())).several == 2


def test_the_refusal_names_the_first_and_counts_the_others(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).touch()
    assert str(inspect(sorted(tmp_path.iterdir())).refusal()).startswith(f"{tmp_path / 'a.png'} cannot be read as")
    assert ", and 2 more images cannot be read; every image of every split must be readable;" in str(
        inspect(sorted(tmp_path.iterdir())).refusal()
    )
