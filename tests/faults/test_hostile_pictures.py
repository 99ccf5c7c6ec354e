"""Pictures that would unpack to more than they should: refused by their headers, whichever way they come in."""

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
from campaign import enter
from PIL import Image

from netyard import cli
from netyard.data.pictures import FORMATS, MAX_PIXELS, CentreBox, read_square
from netyard.errors import DataError

SIZES = [(12_000, 12_000), (50_001, 1_000), (1_000, 50_001), (65_535, 65_535), (30_000, 30_000), (65_535, 800)]


def png(width: int, height: int, chunk: tuple[bytes, bytes] = (b"", b"")) -> bytes:
    def made(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = made(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    extra = made(*chunk) if chunk[0] else b""
    return b"\x89PNG\r\n\x1a\n" + header + extra + made(b"IDAT", zlib.compress(bytes(1000))) + made(b"IEND", b"")


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


def test_no_bomb_is_decoded(tmp_path: Path) -> None:
    files = [*other(), *(bomb for size in SIZES for bomb in bombs(*size))]
    assert {Path(name).suffix for name, _ in files} == {".png", ".gif", ".bmp", ".ppm", ".jpg", ".tif", ".webp"}
    withstood = 0
    for number, (name, content) in enumerate(files):
        (path := tmp_path / f"{number}{name}").write_bytes(content)
        withstood += refused(path)
    enter("given a picture that is a bomb", len(files), withstood)


def test_the_largest_that_is_decoded(tmp_path: Path) -> None:
    Image.new("L", (100, 100), 7).save(path := tmp_path / "x.png")
    assert np.unique(read_square(path, 8, CentreBox(1.0))).tolist() == [7]
    assert MAX_PIXELS < Image.MAX_IMAGE_PIXELS, "Pillow warns of none that we would open"
    assert set(FORMATS) <= set(Image.OPEN)


def test_folders_and_predictions_go_the_same_way(train, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label in ("cat", "dog"):
        (tmp_path / "pictures" / label).mkdir(parents=True)
        for number in range(10):
            Image.new("RGB", (16, 16), (25 * number, 0, 0)).save(tmp_path / "pictures" / label / f"{number}.png")
    words = ("data=image_folder", f"data.root={tmp_path / 'pictures'}", "data.num_workers=0", "data.image_size=16")
    quick = ("model=cnn_tiny", "trainer=cpu", "trainer.max_epochs=1", "logger=none", "data.batch_size=4")
    ran = train(*words, *quick)
    assert ran.code == 0, ran.err
    (tmp_path / "bomb.png").write_bytes(png(12_000, 12_000))
    asked = ["predict", f"run={ran.path}", f"input={tmp_path / 'bomb.png'}", f"output={tmp_path / 'out.csv'}"]
    assert cli.main(asked) == 3
    assert "12000 x 12000 pixels" in capsys.readouterr().err
    (tmp_path / "pictures" / "cat" / "bomb.png").write_bytes(png(12_000, 12_000))
    ran = train(*words, *quick, path=tmp_path / "again")
    assert ran.code == 3 and "12000 x 12000 pixels" in ran.err
