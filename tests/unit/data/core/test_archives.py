"""Archives are unpacked whole, or not at all and nowhere; crafted ones never."""

from __future__ import annotations

import gzip
import io
import stat
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netyard.data.core import archives
from netyard.errors import DataError, PlatformError

HONEST = {"photos/cat/1.png": b"one", "photos/cat/2.png": b"two", "photos/dog/1.png": b"three" * 1000, "README": b""}
HOSTILE_NAMES = [
    "../canary", "photos/../../canary", "/tmp/canary", "//canary", "photos/..", "..", "../", "C:/canary", "C:canary",
    "photos\\..\\..\\canary", "\\\\host\\canary", "photos/canary\x01", "photos/\ncanary", "photos/\x7f", "canary.",
    "photos/canary ", " canary", "photos/. ./x", "con:stream", "a" * 256, "b/" * 600 + "c", "photos/ca?nary", "x|y", "",
    "./", "photos/../photos/../../canary", "./../canary",
]  # fmt: skip
TWINS = [
    ("a", "a"), ("a", "A"), ("a/b", "A/b"), ("a/b", "a//b"), ("a", "./a"), ("\u00e9", "e\u0301"), ("a", "a/b"),
    ("a/b", "a"), ("a/b/c", "a/B"), ("stra\u00dfe", "STRASSE"), ("\ufb01le", "file"),
]  # fmt: skip


def tarred(*members: tarfile.TarInfo | tuple[str, bytes], packed: bool = False) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz" if packed else "w") as archive:
        for each in members:
            info = each if isinstance(each, tarfile.TarInfo) else tarfile.TarInfo(each[0])
            content = b"" if isinstance(each, tarfile.TarInfo) else each[1]
            info.size = info.size or len(content)
            archive.addfile(info, io.BytesIO(content or bytes(info.size)))
    return made.getvalue()


def zipped(*members: tuple[zipfile.ZipInfo | str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", how) as archive:
        for name, content in members:
            info = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo("x")
            if isinstance(name, str):
                info.filename, info.compress_type = name, how
            with warnings.catch_warnings(action="ignore"):  # of duplicates
                archive.writestr(info, content)
    return made.getvalue()


def special(kind: bytes, name: str = "canary", link: str = "/etc/passwd", **more: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    for key, value in more.items():
        setattr(info, key, value)
    return info


def with_mode(kind: int, name: str = "canary") -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | 0o777) << 16
    return info


def long_header() -> bytes:
    """A tar whose extended header says that it is a gigabyte long, and is, of zeros."""
    info = special(tarfile.XHDTYPE, "h", "")
    info.size = 1 << 30
    return gzip.compress(info.tobuf() + bytes(1 << 22), 1)


def sparse() -> bytes:
    """GNU's old sparse file: a terabyte in a header."""
    block = bytearray(special(tarfile.GNUTYPE_SPARSE, "hole", "").tobuf(tarfile.GNU_FORMAT))
    block[386:410] = b"%011o\0" % 0 + b"%011o\0" % 0
    block[483:495] = b"\x80" + struct.pack(">xxxQ", 1 << 40)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + bytes(1024)


def crafted() -> Iterator[tuple[str, bytes]]:
    for name in HOSTILE_NAMES:
        yield f"tar {name[:20]!r}", tarred(("photos/1", b"1"), (name, b"2"))
        yield f"zip {name[:20]!r}", zipped(("photos/1", b"1"), (name or "/", b"2"))
    for one, other in TWINS:
        yield f"tgz {one} {other}", tarred((one, b"1"), (other, b"2"), packed=True)
        yield f"zip {one} {other}", zipped((one, b"1"), (other, b"2"))
    kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"Z")
    for kind in kinds:
        yield f"tar of kind {kind!r}", tarred(("photos/1", b"1"), special(kind))
    yield "a link to a folder, and a file in it", tarred(special(tarfile.SYMTYPE, "out", ".."), ("out/canary", b"2"))
    yield "a hard link to what lies outside", tarred(special(tarfile.LNKTYPE, "photos/1", "../../canary"))
    for kind in (stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK):
        yield f"zip of kind {kind:o}", zipped(("photos/1", b"1"), (with_mode(kind), b"/etc/passwd"))
    yield "a zip bomb", zipped(("zeros", bytes(40_000_000)))
    yield "a tar bomb", tarred(("zeros", bytes(40_000_000)), packed=True)
    yield "a long header", long_header()
    yield "a sparse file", sparse()
    yield "an unusual packing", zipped(("photos/1", b"1" * 99), how=zipfile.ZIP_LZMA)
    encrypted = bytearray(zipped(("photos/1", b"1")))
    encrypted[6] |= 1
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    yield "an encrypted member", bytes(encrypted)
    yield "a NUL in a name", zipped(("photosX1", b"1")).replace(b"photosX1", b"photos\x001")
    yield "two names of one member", zipped(("photos/1", b"1")).replace(b"photos/1", b"photos/2", 1)
    wrong = bytearray(zipped(("photos/1", b"1"), how=zipfile.ZIP_STORED))
    wrong[wrong.index(b"photos/1") + 8] ^= 1
    yield "a wrong sum", bytes(wrong)
    for size in (0, 10, 600):
        yield f"a tar cut at {size}", tarred(("photos/1", b"1" * 900))[:size]
    yield "a gzip file cut off", tarred(("photos/1", bytes(range(256)) * 90), packed=True)[:300]
    yield "a zip cut off", zipped(("photos/1", b"1"))[:-8]
    for start in (
        b"7z\xbc\xaf\x27\x1c",
        b"Rar!\x1a\x07",
        b"BZh91AY",
        b"\xfd7zXZ\x00",
        b"\x89PNG",
        b"MZ",
        b"#!/bin/sh",
    ):
        yield f"another kind of file {start!r}", start + bytes(600)
    yield "an empty tar", tarred()
    yield "an empty zip", zipped()


CRAFTED = dict(crafted())


@pytest.mark.parametrize("pack", [lambda *m: tarred(*m), lambda *m: tarred(*m, packed=True), lambda *m: zipped(*m)])
def test_an_honest_archive_is_unpacked(tmp_path: Path, pack: Callable[..., bytes]) -> None:
    path = tmp_path / "archive"
    path.write_bytes(pack(*HONEST.items()))
    archives.extract(path, tmp_path / "in" / "here")
    files = [each for each in (tmp_path / "in").rglob("*") if each.is_file()]
    found = {str(each.relative_to(tmp_path / "in" / "here")): each for each in files}
    assert {name: each.read_bytes() for name, each in found.items()} == HONEST
    assert {stat.S_IMODE(each.stat().st_mode) & 0o133 for each in found.values()} == {0}
    assert [each.name for each in (tmp_path / "in").iterdir()] == ["here"]


def test_modes_and_owners_of_an_archive_are_not_taken(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(tarred(special(tarfile.REGTYPE, "x", "", mode=0o6777, uid=1, size=3)))
    archives.extract(tmp_path / "archive", tmp_path / "here")
    assert stat.S_IMODE((tmp_path / "here" / "x").stat().st_mode) & 0o7133 == 0


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(tarred(("x", b"new")))
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "x").write_bytes(b"old")
    with pytest.raises(OSError):
        archives.extract(tmp_path / "archive", tmp_path / "here")
    assert (tmp_path / "here" / "x").read_bytes() == b"old"
    assert {each.name for each in tmp_path.iterdir()} == {"archive", "here"}


def test_too_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBERS", 3)
    (tmp_path / "archive").write_bytes(tarred(*HONEST.items()))
    with pytest.raises(DataError, match="more than 3 members"):
        archives.extract(tmp_path / "archive", tmp_path / "here")


def test_no_crafted_archive_leaves_anything(tally, tmp_path: Path) -> None:
    withstood = sum(
        refused(content, tmp_path / str(number) / "a" / "b") for number, content in enumerate(CRAFTED.values())
    )
    tally("given a crafted archive of data", len(CRAFTED), withstood)


def refused(content: bytes, folder: Path) -> bool:
    """Whether an archive was, and nothing is anywhere near but itself."""
    folder.mkdir(parents=True)
    (folder / "archive").write_bytes(content)
    with pytest.raises(DataError, match="is not unpacked: ") as error:
        archives.extract(folder / "archive", folder / "here")
    assert "\n" not in str(error.value)
    return [each.name for each in folder.parents[1].rglob("*") if each.is_file()] == ["archive"] and not Path(
        "/tmp/canary"
    ).exists()


@pytest.mark.parametrize("packed", [False, True])
def test_a_python_without_the_filter_unpacks_no_tar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    """Before 3.10.12 and 3.11.4 there is none. A zip file needs it not."""
    monkeypatch.delattr(tarfile, "data_filter")
    (tmp_path / "archive").write_bytes(tarred(*HONEST.items(), packed=packed))
    with pytest.raises(PlatformError, match=r"3\.10\.12, 3\.11\.4"):
        archives.extract(tmp_path / "archive", tmp_path / "here")
    assert {each.name for each in tmp_path.iterdir()} == {"archive"}
    (tmp_path / "archive").write_bytes(zipped(*HONEST.items()))
    archives.extract(tmp_path / "archive", tmp_path / "here")


def test_a_zip_member_that_is_longer_than_it_says_is_refused(tmp_path: Path) -> None:
    made = bytearray(zipped(("photos/1", bytes(range(256)) * 40)))
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = made.index(mark) + place
        made[at : at + 4] = struct.pack("<I", 5)
    assert refused(bytes(made), tmp_path / "a" / "b" / "c")
