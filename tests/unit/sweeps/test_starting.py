"""Sweeps from the command line: real jobs, real deaths, real resumes."""

from __future__ import annotations

from pathlib import Path

from netyard.sweeps.ledger import Locks
from support.sweep_command import QUICK


def test_a_second_driver_is_refused(train, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    locks = Locks(folder)
    ran = train("-m", *QUICK, "seed=1,2", f"hydra.sweep.dir={folder}")
    locks.release()
    assert ran.code == 5
    assert "run by another process" in ran.err


def test_keys_of_a_sweep_want_a_sweep(train, tmp_path: Path) -> None:
    assert "try python train.py -m sweep.keep=3" in train("sweep.keep=3").err
    (tmp_path / "sweep.json").write_text("{}")
    ran = train(f"resume={tmp_path}")
    assert ran.code == 4
    assert f"try python train.py -m resume={tmp_path}" in ran.err
