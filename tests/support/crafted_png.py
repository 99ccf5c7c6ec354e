"""A PNG file whose header says what it likes."""

from __future__ import annotations

import struct
import zlib


def png(width: int, height: int, chunk: tuple[bytes, bytes] = (b"", b"")) -> bytes:
    def made(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = made(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    extra = made(*chunk) if chunk[0] else b""
    return b"\x89PNG\r\n\x1a\n" + header + extra + made(b"IDAT", zlib.compress(bytes(1000))) + made(b"IEND", b"")
