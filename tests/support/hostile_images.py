"""Small files that say they are large pictures, or that unpack to much more than they should."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

SIZES = [(12_000, 12_000), (50_001, 1_000), (1_000, 50_001), (65_535, 65_535), (30_000, 30_000), (65_535, 800)]


def png(width: int, height: int, chunk: tuple[bytes, bytes] = (b"", b"")) -> bytes:
    def made(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = made(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    extra = made(*chunk) if chunk[0] else b""
    return b"\x89PNG\r\n\x1a\n" + header + extra + made(b"IDAT", zlib.compress(bytes(1000))) + made(b"IEND", b"")


def bombs(width: int, height: int) -> Iterator[tuple[str, bytes]]:
    """Yield a small file of each format whose header claims this size."""
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
    """Yield images with text and profiles that decompress to a huge size, and formats that are not supported."""
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
