"""What the machine does to the processes of a run: one message, its code, and a run that can go on."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from netyard.cli import main
from netyard.io.claim import create_unused


def test_evaluate_refuses_a_directory_without_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["evaluate", f"run={tmp_path}"]) == 4
    assert "is not a run directory" in capsys.readouterr().err


def test_simultaneous_runs_get_different_directories(tmp_path: Path) -> None:
    wanted, got = str(tmp_path / "2026-01-01" / "12-00-00-mlp-digits"), []
    starts = [threading.Thread(target=lambda: got.append(create_unused.__wrapped__(wanted))) for _ in range(16)]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    assert len(set(got)) == 16
    assert all(Path(path).is_dir() for path in got)
