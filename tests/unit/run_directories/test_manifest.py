"""Of the checkpoints of a run only whole ones count, the newest first; a broken one is never taken for a good one."""

from __future__ import annotations

import hashlib
import logging
import os
import random
import shutil
from pathlib import Path

import pytest

from netyard.errors import CheckpointError
from netyard.run_directories import manifest as manifests
from netyard.run_directories.manifest import Manifest, find_verified, link


def save(folder: Path, number: int, best: int | None, keep: int = 2, step: int | None = None) -> Path:
    """Save ``number``, one of a hundred bytes, as the run does; ``best``: the save that was best by then."""
    folder.mkdir(exist_ok=True)
    step = 10 * number if step is None else step
    path = folder / f"{manifests.name_of(step, number)}.ckpt"
    path.write_bytes(content(number))
    name = None if best is None else manifests.name_of(10 * best, best)
    manifests.record(folder, Manifest(step, number, number, 100, manifests.sha256(path), name), keep)
    return path


def content(number: int) -> bytes:
    return random.Random(number).randbytes(100)


def refused(path: Path) -> str:
    with pytest.raises(CheckpointError) as error:
        find_verified(path)
    assert error.value.exit_code == 4
    return str(error.value)


def test_last_is_the_newest_by_step_not_by_time(tmp_path: Path):
    paths = [save(tmp_path, number, best=1) for number in (1, 2, 3)]
    os.utime(paths[1], (2e9, 2e9))
    os.utime(paths[2], (0, 0))
    assert find_verified(tmp_path / "last.ckpt") == paths[2]
    assert find_verified(tmp_path / "best.ckpt") == paths[0]
    (tmp_path / "last.ckpt").unlink()
    assert find_verified(tmp_path / "last.ckpt") == paths[2]


def test_two_saves_of_one_step_have_different_names(tmp_path: Path):
    save(tmp_path, 1, best=1)
    second = save(tmp_path, 2, best=1, step=10)
    assert find_verified(tmp_path / "last.ckpt") == second


def test_a_broken_newest_one_is_skipped_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    first, second = save(tmp_path, 1, best=1), save(tmp_path, 2, best=1)
    damaged = bytearray(second.read_bytes())
    damaged[50] ^= 1
    second.write_bytes(damaged)
    with caplog.at_level(logging.WARNING):
        assert find_verified(tmp_path / "last.ckpt") == first
    assert f"{second} is broken: its SHA-256 is {manifests.sha256(second)}" in caplog.text
    first.write_bytes(first.read_bytes()[:70])
    told = refused(tmp_path / "last.ckpt")
    assert "it has 70 bytes, and 100 were written" in told and second.name in told


def test_checkpoint_named_explicitly_is_read_or_refused(tmp_path: Path):
    best, last = save(tmp_path, 1, best=1), save(tmp_path, 2, best=1)
    expected = manifests.sha256(best)
    best.write_bytes(content(7))
    told = refused(tmp_path / "best.ckpt")
    assert f"best.ckpt is broken: its SHA-256 is {manifests.sha256(best)}, and {expected} was written" in told
    assert find_verified(last) == last
    best.unlink()
    (tmp_path / "best.ckpt").unlink()
    assert "it is missing" in refused(tmp_path / "best.ckpt")


def test_foreign_file_as_best_is_refused(tmp_path: Path):
    save(tmp_path, 1, best=1)
    (tmp_path / "best.ckpt").unlink()
    (tmp_path / "best.ckpt").write_bytes(content(7))
    assert "best.ckpt is broken" in refused(tmp_path / "best.ckpt")


def test_copy_of_the_best_is_accepted(tmp_path: Path):
    first = save(tmp_path, 1, best=1)
    (tmp_path / "best.ckpt").unlink()
    shutil.copy(first, tmp_path / "best.ckpt")
    assert find_verified(tmp_path / "best.ckpt") == tmp_path / "best.ckpt"
    first.unlink()
    assert find_verified(tmp_path / "best.ckpt") == tmp_path / "best.ckpt"


def test_best_link_left_on_the_previous_save_is_corrected(tmp_path: Path):
    save(tmp_path, 1, best=1)
    link(tmp_path / "best.ckpt", tmp_path / "kept")
    second = save(tmp_path, 2, best=2)
    link(tmp_path / "kept", tmp_path / "best.ckpt")
    assert find_verified(tmp_path / "best.ckpt") == second


def test_copied_checkpoint_without_manifest_is_accepted(tmp_path: Path):
    first = save(tmp_path / "run", 1, best=1)
    shutil.copy(first, tmp_path / "best.ckpt")
    assert find_verified(tmp_path / "best.ckpt") is None


def test_checkpoint_without_manifest_is_ignored(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    first, second = save(tmp_path, 1, best=1), save(tmp_path, 2, best=1)
    second.with_suffix(".json").write_text(second.with_suffix(".json").read_text()[:20])
    assert find_verified(tmp_path / "last.ckpt") == first
    assert "is not a valid checkpoint manifest" in caplog.text
    second.with_suffix(".json").unlink()
    assert find_verified(tmp_path / "last.ckpt") == first


def test_best_save_is_kept_while_a_manifest_refers_to_it(tmp_path: Path):
    for number, best in [(1, 1), (2, 1), (3, 3), (4, 3), (5, 3)]:
        save(tmp_path, number, best)
        kept = sorted(int(path.stem.split("-")[1]) for path in tmp_path.glob("save-*.ckpt"))
        wanted = {1: [1], 2: [1, 2], 3: [1, 2, 3], 4: [3, 4], 5: [3, 4, 5]}
        assert kept == wanted[number]  # should save 3 break, the run goes on from 2, whose best is 1
        assert kept == sorted(int(path.stem.split("-")[1]) for path in tmp_path.glob("save-*.json"))


def test_temporary_files_of_a_killed_run_are_deleted(tmp_path: Path):
    first = save(tmp_path, 1, best=1)
    (tmp_path / ".save-00002-step-20.ckpt.77.tmp").write_bytes(b"half")
    manifests.delete_temporaries(tmp_path)
    assert not list(tmp_path.glob(".*")) and first.exists()


def test_link_falls_back_to_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    last, best = tmp_path / "last.ckpt", tmp_path / "best.ckpt"
    best.write_text("old")
    last.write_text("new")
    link(last, best)
    assert best.samefile(last)
    last.unlink()
    last.write_text("newer")

    def refuse(*_: object) -> None:
        raise OSError("no hard links here")

    monkeypatch.setattr("os.link", refuse)
    link(last, best)
    assert best.read_text() == "newer" and not best.samefile(last)
    assert len(list(tmp_path.iterdir())) == 2


def test_hash_of_a_file_written_in_pieces(tmp_path: Path):
    """Behind the writer, a thread takes up what has become a chunk; the rest is taken at the end."""
    pieces = [
        random.Random(number).randbytes(size) for number, size in enumerate((manifests.CHUNK, 7, 900_000, 200_000))
    ]
    with (tmp_path / "file").open("wb") as file:
        hashing = manifests.Hashing(file)
        assert hashing.size == 0
        assert [hashing.write(piece) for piece in pieces] == [len(piece) for piece in pieces]
        hashing.flush()
        assert hashing.close() == hashlib.sha256(b"".join(pieces)).hexdigest()
        assert hashing.size == sum(map(len, pieces)) and not file.closed
    assert manifests.sha256(tmp_path / "file") == hashlib.sha256(b"".join(pieces)).hexdigest()


def test_hashing_thread_reads_after_each_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(manifests, "CHUNK", 10)
    with (tmp_path / "file").open("wb") as file:
        hashing = manifests.Hashing(file)
        asked: list[int] = []
        monkeypatch.setattr(hashing._thread, "submit", lambda work: asked.append(hashing.size) or work())
        for size in (4, 5, 1, 9, 1, 30):
            hashing.write(bytes(size))
        assert asked == [10, 20, 50]


def test_a_folder_without_manifests_and_one_without_a_best(tmp_path: Path):
    assert manifests.read_all(tmp_path) == [] and find_verified(tmp_path / "last.ckpt") is None
    save(tmp_path, 1, best=None)
    (tmp_path / "best.ckpt").write_bytes(content(7))
    assert find_verified(tmp_path / "best.ckpt") is None
    assert find_verified(tmp_path / "save-00009-step-90.ckpt") is None


def test_a_manifest_is_readable_json_in_lines(tmp_path: Path):
    path = save(tmp_path, 12, best=12)
    assert path.name == "save-00012-step-120.ckpt"
    written = path.with_suffix(".json").read_text(encoding="utf-8")
    assert written.startswith('{\n "schema": 1,\n "step": 120,\n "number": 12,')
    (manifest,) = manifests.read_all(tmp_path)
    assert manifest == Manifest(120, 12, 12, 100, manifests.sha256(path), "save-00012-step-120")
    assert manifest.fault(path) == "" and manifest.fault(tmp_path / "none") == "it is missing"


def test_skipped_checkpoint_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    save(tmp_path, 1, best=1)
    (tmp_path / "save-00002-step-20.json").write_text("[]")
    later = (tmp_path / "save-00001-step-10.json").read_text().replace('"schema": 1', '"schema": 2')
    (tmp_path / "save-00003-step-30.json").write_text(later)
    with caplog.at_level(logging.WARNING):
        assert [each.number for each in manifests.read_all(tmp_path)] == [1]
    assert [record.getMessage().split(" is not a valid")[0] for record in caplog.records] == [
        str(tmp_path / "save-00002-step-20.json")
    ]


def test_every_fault_is_listed_if_no_checkpoint_is_intact(tmp_path: Path):
    paths = [save(tmp_path, number, best=1) for number in (1, 2)]
    for path in paths:
        path.write_bytes(b"short")
    fault = "it has 5 bytes, and 100 were written"
    assert f"{tmp_path / 'last.ckpt'} is broken: {paths[1].name}: {fault}; {paths[0].name}: {fault};" in refused(
        tmp_path / "last.ckpt"
    )


def test_file_deleted_by_another_process_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / ".save-00002-step-20.ckpt.77.tmp").touch()
    found = [tmp_path / ".save-00002-step-20.ckpt.77.tmp", tmp_path / ".save-00003-step-30.ckpt.77.tmp"]
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter(found))
    manifests.delete_temporaries(tmp_path)
    assert not found[0].exists()
