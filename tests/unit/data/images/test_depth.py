"""Images of more than 8 bits per channel: every value is kept until a range of the data set makes it 8 bits."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from netyard.data.images.decode import CentreBox, deep_values, open_image, read_crop, read_small
from netyard.data.images.depth import extremes, scaled


def png16(path: Path, values: np.ndarray) -> Path:
    """Write 16 bits per channel: (H, W, 3) or with alpha (H, W, 4), which Pillow cannot."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width, channels = values.shape
    header = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    return path


def tiff16(path: Path, values: np.ndarray, order: str) -> Path:
    """Write an uncompressed TIFF of 16-bit colours in an order of bytes, ``<`` or ``>``."""
    height, width, _ = values.shape
    pixels, start = values.astype(f"{order}u2").tobytes(), 8 + 6  # after the header and the three numbers of bits
    tags = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, 8), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, start)]
    tags += [(277, 3, 1, 3), (278, 3, 1, height), (279, 4, 1, len(pixels))]
    entries = b"".join(
        struct.pack(f"{order}HHI", tag, kind, count)
        + (struct.pack(f"{order}I", value) if kind == 4 or count > 2 else struct.pack(f"{order}HH", value, 0))
        for tag, kind, count, value in tags
    )
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", start + len(pixels))
    directory = struct.pack(f"{order}H", len(tags)) + entries + bytes(4)
    path.write_bytes(head + struct.pack(f"{order}3H", 16, 16, 16) + pixels + directory)
    return path


def read(path: Path) -> tuple[str, np.ndarray]:
    with open_image(path) as (file, _, _, kind):
        return kind, deep_values(file)


COLOURS = np.arange(4 * 5 * 3).reshape(4, 5, 3) * 1009 + 7


@pytest.mark.parametrize(("dtype", "kind"), [(np.uint16, "16 bits"), (np.int32, "32 bits"), (np.float32, "floats")])
def test_grey_values_are_those_of_the_file(tmp_path: Path, dtype: Any, kind: str) -> None:
    values = (np.arange(20).reshape(4, 5) * 3001).astype(dtype)
    Image.fromarray(values).save(tmp_path / "x.tiff")
    found = read(tmp_path / "x.tiff")
    assert found[0] == kind and np.array_equal(found[1], values)


@pytest.mark.parametrize("form", ["png", "tiff <", "tiff >"])
def test_colours_keep_both_bytes(tmp_path: Path, form: str) -> None:
    path = tmp_path / "x"
    path = png16(path, COLOURS) if form == "png" else tiff16(path, COLOURS, form[-1])
    kind, values = read(path)
    assert kind == "16 bits" and np.array_equal(values, COLOURS)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK"])
def test_other_modes_have_8_bits(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (3, 3)).save(tmp_path / "x.tif" if mode == "CMYK" else tmp_path / "x.png")
    with open_image(next(tmp_path.iterdir())) as (*_, kind):
        assert kind == "8 bits"


def test_a_range_becomes_black_to_white() -> None:
    found = np.asarray(scaled(np.array([[0, 1000, 2047.5, 4095, 9000]], np.float32), (0, 4095)))
    assert found.tolist() == [[0, 62, 128, 255, 255]]  # 1000 / 4095 * 255 = 62.3, and 127.5 rounds to even
    found = np.asarray(scaled(np.array([[2**31 - 1, 2**31 - 2]], np.int64), (2**31 - 3, 2**31 - 1)))
    assert found.tolist() == [[255, 128]]  # float32 would not tell these numbers apart
    found = np.asarray(scaled(np.array([[np.nan, np.inf, -np.inf, 0.5]], np.float32), (0, 1)))
    assert found.tolist() == [[0, 255, 0, 128]]


def test_the_range_is_of_colours_and_not_of_alpha(tmp_path: Path) -> None:
    values = np.concatenate([np.full((2, 2, 3), 900), np.full((2, 2, 1), 65535)], axis=2)
    _, found = read(png16(tmp_path / "x.png", values))
    assert extremes(found) == (900, 900)
    assert np.asarray(scaled(found, (800, 1000)))[0, 0].tolist() == [128, 128, 128, 255]


def test_extremes_are_finite() -> None:
    assert extremes(np.array([[np.nan, 2.0, np.inf, -1.0]], np.float32)) == (-1.0, 2.0)
    assert extremes(np.full((2, 2), np.nan, np.float32)) is None


def test_all_ways_of_reading_use_the_range(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 1000, np.uint16)).save(tmp_path / "x.png")
    for side in (None, 4):
        assert np.unique(read_crop(tmp_path / "x.png", (4, 4), CentreBox(1.0), side, (0, 4000))).tolist() == [64]
    assert np.unique(np.asarray(read_small(tmp_path / "x.png", 4, (0, 2000)))).tolist() == [128]
    assert np.unique(read_crop(tmp_path / "x.png", (4, 4), CentreBox(1.0))).tolist() == [3], (
        "as before there were ranges"
    )
    Image.new("L", (8, 8), 100).save(tmp_path / "y.png")
    assert np.unique(read_crop(tmp_path / "y.png", (4, 4), CentreBox(1.0), None, (0, 4000))).tolist() == [100]


def test_deep_images_are_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    values = np.arange(6, dtype=np.uint16).reshape(2, 3) * 300
    Image.fromarray(values).save(tmp_path / "x.tiff", exif=exif, compression="tiff_lzw")
    assert np.array_equal(read(tmp_path / "x.tiff")[1], np.rot90(values, -1))
