"""The text of a file in the encodings that spreadsheets write."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import zlib
from pathlib import Path

from netyard.errors import DataError

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_WESTERN = "cp1252"  # of Windows programs in western Europe; every text in ISO 8859-1 reads the same in it
# The first bytes of files that are often taken for a table.
_OTHER_FILES = {
    b"PK\x03\x04": "a workbook or archive",
    b"\x1f\x8b": "compressed",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF document",
    b"{\\rtf": "an RTF document",
}
_GZIP = b"\x1f\x8b"
_TABLE = "a CSV file whose first line names the columns"
_CONTROL = frozenset(range(32)) - {*b"\t\n\v\f\r\x1a\x1b"}


def read_text(path: Path, key: str, encoding: str | None = None, expected: str = _TABLE) -> tuple[str, str]:
    """The text of a file with \\n at the end of each line, and its encoding; ``key`` names the file in messages.

    A file that gzip has compressed is decompressed.

    Args:
        encoding: None: UTF-8, or what a byte order mark says, or else Windows-1252.
        expected: what a message says the file should be.

    Raises:
        DataError: it cannot be read, or is not text in that encoding.
    """
    try:
        content = path.read_bytes()
        if content.startswith(_GZIP):
            with contextlib.suppress(EOFError, zlib.error, gzip.BadGzipFile):  # refused below as compressed
                content = gzip.decompress(content)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror};",
            f"{key} is {expected};",
            f"try {key}=FILE.",
        ) from error
    found = encoding or _marked(content)
    kind = next((name for start, name in _OTHER_FILES.items() if content.startswith(start)), "")
    for each in () if kind else (found, _WESTERN):
        try:
            text = content.decode(each)
        except (UnicodeDecodeError, LookupError):
            # A file with control characters is not text in any encoding of single bytes.
            if encoding or _CONTROL & {*content[:4096]}:
                break
            continue
        # The mark of UTF-8 is no guess, and not part of the text.
        return text.replace("\r\n", "\n").replace("\r", "\n"), each.removesuffix("-sig")
    saved = "CSV" if expected == _TABLE else "text"
    raise DataError(
        f"{path} cannot be read: it is {kind or f'not {found.upper()} text'};",
        f"{key} is {expected};",
        f"save it as {saved} in UTF-8, or try {key}=FILE." if kind or not encoding else "try data.encoding=utf-8.",
    )


def _marked(content: bytes) -> str:
    """The encoding that the first bytes of a file show; UTF-8 if they show none."""
    for mark, name in _MARKS:
        if content.startswith(mark):
            return name
    # UTF-16 without a mark: every other byte of a text in Latin letters is zero.
    for first, name in ((0, "utf-16-be"), (1, "utf-16-le")):
        half = content[first:200:2]
        if half and not any(half):
            return name
    return "utf-8"
