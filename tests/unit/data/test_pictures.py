"""Pictures read as sequences: each row, or each pixel, is a step; augmentation still sees the picture."""

from __future__ import annotations

import io
import resource
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from netyard.build import build
from netyard.cli import compose
from netyard.data.augment import ImageAugmentation
from netyard.data.fake import FakeImages
from netyard.data.pictures import FORMATS, MAX_PIXELS, CentreBox, read_square
from netyard.errors import ConfigError, DataError
from support.crafted_png import png

FACTS = {"num_classes": 3, "channels": 2, "image_size": 4, "size": 60, "mean": [0.5, 0.25], "std": [0.5, 0.25]}


def batch(**facts: object) -> tuple[FakeImages, torch.Tensor, torch.Tensor]:
    """The module, a stored batch of it, and what a network would see."""
    data = FakeImages(**{**FACTS, **facts})
    stored = data.split("train").x[:5]
    return data, stored, data.prepare(stored, torch.zeros(5).long())[0]


def test_rows_are_the_rows() -> None:
    picture = batch()[2]
    _, _, rows = batch(as_sequence="rows")
    assert rows.shape == (5, 4, 8)
    for step in range(4):
        assert torch.equal(rows[:, step], picture[:, :, step].flatten(1))


def test_pixels_come_in_reading_order() -> None:
    picture = batch()[2]
    _, _, pixels = batch(as_sequence="pixels")
    assert pixels.shape == (5, 16, 2)
    for step in range(16):
        assert torch.equal(pixels[:, step], picture[:, :, step // 4, step % 4])


@pytest.mark.parametrize("way", [None, "rows", "pixels"])
def test_denormalize_gives_the_picture_back(way: str | None) -> None:
    data, stored, x = batch(as_sequence=way)
    assert torch.allclose(data.denormalize(x), stored / 255, atol=1e-6)


def test_augmentation_comes_before_the_reading() -> None:
    keys = torch.arange(5)
    pictures, sequences = (
        FakeImages(**FACTS, as_sequence=way, augmentation=ImageAugmentation(shift=0.5)) for way in (None, "rows")
    )
    stored, labels = pictures.split("train").x[:5], torch.zeros(5).long()
    shifted = pictures.prepare(stored, labels, keys)[0]
    assert not torch.equal(shifted, pictures.prepare(stored, labels)[0])
    assert torch.equal(sequences.prepare(stored, labels, keys)[0], shifted.transpose(1, 2).flatten(2))


def test_another_reading_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"data.as_sequence is 'columns'; .*; try data.as_sequence=rows."):
        FakeImages(**FACTS, as_sequence="columns")


def test_the_facts_of_the_digits_are_true() -> None:
    cfg, _ = compose(["data=digits_rows"])
    data = build(cfg.data)
    x, y = data.prepare(*next(iter(data.train_dataloader()))[:2])
    assert list(x.shape) == [64, cfg.data.sequence_length, cfg.data.input_size] and y.max() < cfg.data.num_classes


SIZES = [(12_000, 12_000), (50_001, 1_000), (1_000, 50_001), (65_535, 65_535), (30_000, 30_000), (65_535, 800)]


def bombs(width: int, height: int) -> Iterator[tuple[str, bytes]]:
    """A small file of each format that says it is so large."""
    yield "x.png", png(width, height)
    yield (
        "x.gif",
        b"GIF89a"
        + struct.pack("<HH", width, height)
        + b"\x80\0\0"
        + bytes(6)
        + b","
        + struct.pack("<HHHHB", 0, 0, width, height, 0)
        + b"\x02\x02\x44\x01\0;",
    )
    yield (
        "x.bmp",
        b"BM"
        + struct.pack("<IHHI", 1000, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
        + bytes(900),
    )
    yield "x.ppm", f"P6 {width} {height} 255\n".encode() + bytes(900)
    jpeg = io.BytesIO()
    Image.new("RGB", (8, 8)).save(jpeg, "JPEG")
    content = bytearray(jpeg.getvalue())
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    yield "x.jpg", bytes(content)
    tiff = io.BytesIO()
    Image.new("RGB", (8, 8)).save(tiff, "TIFF")
    entries = bytearray(tiff.getvalue())
    (start,) = struct.unpack_from("<I", entries, 4)
    for at in range(start + 2, start + 2 + 12 * struct.unpack_from("<H", entries, start)[0], 12):
        (tag,) = struct.unpack_from("<H", entries, at)
        if tag in (256, 257):
            struct.pack_into("<HII", entries, at + 2, 4, 1, width if tag == 256 else height)
    yield "x.tif", bytes(entries)
    # VP8X: a canvas of any size, and no frame in it.
    canvas = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    riff = b"WEBPVP8X" + struct.pack("<I", 10) + canvas
    yield "x.webp", b"RIFF" + struct.pack("<I", len(riff)) + riff


def other() -> Iterator[tuple[str, bytes]]:
    """Text and profiles in a picture that unpack to much more, and formats that are not read."""
    yield "text.png", png(8, 8, (b"zTXt", b"k\0\0" + zlib.compress(bytes(100_000_000), 9)))
    yield "itxt.png", png(8, 8, (b"iTXt", b"k\0\1\0\0\0" + zlib.compress(bytes(100_000_000), 9)))
    yield from {
        "eps.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "svg.jpg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "psd.png": b"8BPS\0\1" + bytes(40),
        "fpx.tif": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        "ico.bmp": b"\0\0\1\0\1\0" + bytes(40),
        "pdf.gif": b"%PDF-1.7\n",
        "wmf.bmp": b"\xd7\xcd\xc6\x9a" + bytes(60),
    }.items()


def refused(path: Path) -> bool:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError) as error:
        read_square(path, 32, CentreBox(1.0))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * (1024 if sys.platform == "linux" else 1)
    return str(path) in str(error.value) and "\n" not in str(error.value) and grown < 64_000_000


@pytest.fixture(autouse=True)
def every_format_is_loaded() -> None:
    Image.init()


def test_no_bomb_is_decoded(tally, tmp_path: Path) -> None:
    files = [*other(), *(bomb for size in SIZES for bomb in bombs(*size))]
    assert {Path(name).suffix for name, _ in files} == {".png", ".gif", ".bmp", ".ppm", ".jpg", ".tif", ".webp"}
    withstood = 0
    for number, (name, content) in enumerate(files):
        (path := tmp_path / f"{number}{name}").write_bytes(content)
        withstood += refused(path)
    tally("given a picture that is a bomb", len(files), withstood)


def test_the_largest_that_is_decoded(tmp_path: Path) -> None:
    Image.new("L", (100, 100), 7).save(path := tmp_path / "x.png")
    assert np.unique(read_square(path, 8, CentreBox(1.0))).tolist() == [7]
    assert MAX_PIXELS < Image.MAX_IMAGE_PIXELS, "Pillow warns of none that we would open"
    assert set(FORMATS) <= set(Image.OPEN)
