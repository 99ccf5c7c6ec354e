"""A folder's pictures, made small once: the same labels and nearly the same pixels, and never of other files."""

from __future__ import annotations

import errno
import logging
import os
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from netyard.data.images import decode, packed
from netyard.errors import DataError, PlatformError
from support.packed_folder import batches, equal, files, fitting, folder, write_photos
from support.waiting import wait_until


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos")


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every file that is decoded, in this process."""
    found: list[Path] = []
    whole = decode._decoded
    monkeypatch.setattr(decode, "_decoded", lambda file, *how: found.append(file.filename) or whole(file, *how))
    return found


def test_the_same_labels_and_nearly_the_same_pixels(photos: Path, tmp_path: Path) -> None:
    small, large = fitting(photos, tmp_path / "cache"), folder(photos, None)
    differences = []
    for (x, y, key), (x_large, y_large, key_large) in zip(batches(small), batches(large), strict=True):
        assert torch.equal(y, y_large) and torch.equal(key, key_large) and x.shape == x_large.shape
        differences.append((x.int() - x_large.int()).abs().flatten(1).float().mean(dim=1))
    assert 0 < torch.cat(differences).mean() < 2 and torch.cat(differences).max() < 6
    (path,) = (tmp_path / "cache").glob("*.pictures")
    kept = packed.Packed(path)
    assert len(kept) == 24 and {kept.read(number).size for number in range(24)} == {(37, 59), (49, 37)}


def test_a_small_picture_is_kept_as_it_is(picture_folder: Path, tmp_path: Path) -> None:
    plain = {"image_size": 32, "crop_ratio": 1.0}
    assert equal(fitting(picture_folder, tmp_path / "cache", **plain), folder(picture_folder, None, **plain))


@pytest.mark.parametrize("name", ["grey.png", "deep.png", "clear.png", "turned.jpg"])
def test_every_mode_is_as_without(tmp_path: Path, name: str) -> None:
    ramp = np.add.outer(np.arange(20), np.arange(30)) * 5
    picture = Image.fromarray(ramp.astype(np.uint8))
    exif = Image.Exif()
    if name == "deep.png":
        picture = Image.fromarray((ramp * 257).astype(np.uint16))
    elif name == "clear.png":
        picture.putalpha(Image.fromarray((255 - ramp).astype(np.uint8)))
    elif name == "turned.jpg":
        exif[0x0112] = 6
    for kind in "ab":
        (tmp_path / "all" / kind).mkdir(parents=True)
        for number in range(4):
            picture.save(tmp_path / "all" / kind / f"{number}{name}", exif=exif)
    assert equal(fitting(tmp_path / "all", tmp_path / "cache"), folder(tmp_path / "all", None, image_size=32))


def test_nothing_is_decoded_twice_by_any_run(photos: Path, tmp_path: Path, decoded: list[Path]) -> None:
    first = batches(fitting(photos, tmp_path / "cache"))
    assert len(decoded) == len({*decoded}) == 24
    again = batches(fitting(photos, tmp_path / "cache", split_seed=3, num_folds=4, fold=2))
    assert len(decoded) == 24 and len(first) > 0 < len(again)


def test_without_a_file_the_pixels_are_the_same(photos: Path, tmp_path: Path, decoded: list[Path]) -> None:
    made, absent = fitting(photos, tmp_path / "cache"), folder(photos, tmp_path / "nowhere")
    assert equal(made, absent) and len(decoded) > 24
    assert not (tmp_path / "nowhere").exists()
    x = torch.cat([batch.x for batch in absent.test_inputs().batches])
    assert torch.equal(x, torch.cat([x for x, *_ in made.test_dataloader()]))


def test_two_at_once_make_it_once(
    photos: Path, tmp_path: Path, decoded: list[Path], caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    whole = decode._decoded

    def once_the_other_waits(file: Any, *how: Any) -> Any:
        wait_until(lambda: "waiting for it" in caplog.text, "the one that does not write")
        return whole(file, *how)

    monkeypatch.setattr(decode, "_decoded", once_the_other_waits)
    with ThreadPoolExecutor(2) as both:
        one, other = both.map(lambda _: fitting(photos, tmp_path / "cache"), range(2))
    assert len(decoded) == 24 and equal(one, other) and len(files(tmp_path / "cache")) == 1
    assert caplog.text.count("writing a cache of 24 images") == caplog.text.count("waiting for it") == 1


def overwrite(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "time":
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    elif how == "content":
        path.write_bytes(content + b" ")
    elif how == "name":
        path.rename(path.with_name("9.jpg"))
    else:
        path.unlink()


@pytest.mark.parametrize("how", ["time", "content", "name", "fewer"])
def test_other_files_have_another_cache(photos: Path, tmp_path: Path, how: str, caplog: Any) -> None:
    caplog.set_level(logging.INFO)
    fitting(photos, tmp_path / "cache")
    overwrite(photos / "bee" / "3.jpg", how)
    data = fitting(photos, tmp_path / "cache")
    assert len(files(tmp_path / "cache")) == 2 and equal(data, folder(photos, tmp_path / "nowhere"))
    assert "; 1 other cache(s) in this folder, " in caplog.text
    assert data.split("train").content["side"] == 37


def test_another_size_or_place_has_another(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitting(photos, tmp_path / "cache")
    fitting(photos, tmp_path / "cache", image_size=16)
    shutil.copytree(photos, tmp_path / "copy", copy_function=shutil.copy2)
    fitting(tmp_path / "copy", tmp_path / "cache")
    assert len(files(tmp_path / "cache")) == 3
    monkeypatch.chdir(tmp_path)
    fitting(Path("photos"), tmp_path / "cache")
    assert len(files(tmp_path / "cache")) == 3


@pytest.mark.parametrize("at", ["table", "end", "cut", "longer", "name"])
def test_a_broken_file_is_made_anew(photos: Path, tmp_path: Path, at: str, caplog: Any) -> None:
    fitting(photos, tmp_path / "cache")
    (path,) = (tmp_path / "cache").glob("*.pictures")
    whole, broken = path.read_bytes(), bytearray(path.read_bytes())
    if at == "name":
        other = packed.cache_of([*photos.rglob("*.jpg")][:3], 37, tmp_path / "cache")
        packed.make(other, [*photos.rglob("*.jpg")][:3], 0)
        other.path.replace(path)
    elif at in ("table", "end"):
        broken[-60 if at == "table" else -3] ^= 1
        path.write_bytes(broken)
    else:
        path.write_bytes(whole[:-100] if at == "cut" else whole[:100] + whole)
    assert equal(folder(photos, tmp_path / "cache"), folder(photos, tmp_path / "nowhere"))
    assert "is not a valid cache of images" in caplog.text
    fitting(photos, tmp_path / "cache")
    assert path.read_bytes() == whole and files(tmp_path / "cache") == [path.name]


def test_a_damaged_picture_is_named_and_leaves_nothing(photos: Path, tmp_path: Path) -> None:
    victim = photos / "cat" / "7.jpg"
    Image.open(victim).save(victim, "PNG")
    content = victim.read_bytes()
    victim.write_bytes(content[:200] + bytes(50) + content[250:])  # begin and end are those of a PNG
    with pytest.raises(DataError, match=r"/cat/7\.jpg cannot be read as an image"):
        fitting(photos, tmp_path / "cache")
    assert not files(tmp_path / "cache")


def test_no_room_is_one_message(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(free=100_000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    refused = r"takes about 0\.14 MB, and 0\.10 MB are free in \S*/cache;.* try data\.cache=FOLDER on another disk"
    with pytest.raises(PlatformError, match=refused):
        fitting(photos, tmp_path / "cache")
    usage.free = 10**9
    fitting(photos, tmp_path / "cache")
    (made,) = (tmp_path / "cache").glob("*.pictures")
    assert made.stat().st_size == 144_184  # what was foretold


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EFBIG], ids=errno.errorcode.get)
def test_a_disk_that_fills_leaves_nothing(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def full(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PlatformError, match=rf"are free in \S*/cache \({os.strerror(code)}\);"):
        fitting(photos, tmp_path / "cache")
    assert not files(tmp_path / "cache")


def test_a_place_that_takes_no_folder_is_named(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(PlatformError, match=r"no cache of images can be written to \S*file.*data\.cache=null"):
            fitting(photos, place)


def test_a_worker_that_is_spawned_opens_it_for_itself(photos: Path, tmp_path: Path) -> None:
    fitting(photos, tmp_path / "cache")
    (path,) = (tmp_path / "cache").glob("*.pictures")
    kept = packed.Packed(path)
    copy = pickle.loads(pickle.dumps(kept))
    assert copy._file != kept._file and copy.read(5).tobytes() == kept.read(5).tobytes()
