"""Disks that are full, read-only, broken or gone: one message, nothing saved is lost, and no run ends for a log."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from netyard.io import buffered_writer
from netyard.run_directories import directory
from netyard.run_directories.directory import RunDir


def test_unwritten_data_is_buffered_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffered_writer, "MAX_BYTES", 10)
    file = buffered_writer.BufferedWriter(tmp_path / "away" / "log")
    for word in ("one, ", "two, ", "three"):
        file.write(word)
        file.flush()
    (tmp_path / "away").mkdir()
    file.write("")
    file.close()
    assert file.closed and (tmp_path / "away" / "log").read_text() == "one, two, "


def test_rows_that_cannot_be_written_are_written_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunDir(tmp_path)
    run.append_metrics({"epoch": 0, "loss": "a"})

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(directory, "write_atomically", full)
        run.append_metrics({"epoch": 1, "loss": "b"})
        run.append_metrics({"epoch": 2, "loss": "c"})
    assert (tmp_path / "metrics.csv").read_text() == "epoch,loss\n0,a\n"
    run.append_metrics({"epoch": 3, "loss": "d"})
    assert (tmp_path / "metrics.csv").read_text() == "epoch,loss\n0,a\n1,b\n2,c\n3,d\n"
