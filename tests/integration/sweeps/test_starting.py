"""Sweeps from the command line: real jobs, real deaths, real resumes."""

from __future__ import annotations

from pathlib import Path

from netyard.sweeps.ledger import Ledger
from support.sweep_command import QUICK, states


def test_a_launcher_of_hydras_keeps_the_same_books(train, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    ran = train("-m", *QUICK, "data.batch_size=16,0,32", "launcher=basic", f"hydra.sweep.dir={folder}")
    assert ran.code == 7
    assert states(folder) == ["completed", "failed", "completed"]
    assert "data.batch_size is 0" in Ledger.read(folder).job(1).reason
    assert "data.batch_size is 0" in (folder / "1" / "train.log").read_text()
