"""Sweeps whose jobs run in the process of their driver."""

from __future__ import annotations

from pathlib import Path

from netyard.sweeps.ledger import Ledger
from support.finished_sweeps import check_grid, check_pruned_study, check_sweep_file
from support.sweep_command import QUICK, states


def test_a_launcher_of_hydras_keeps_the_same_books(train, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    ran = train("-m", *QUICK, "data=iris", "data.batch_size=16,0,32", "launcher=basic", f"hydra.sweep.dir={folder}")
    assert ran.code == 7
    assert states(folder) == ["completed", "failed", "completed"]
    assert "data.batch_size is 0" in Ledger.read(folder).job(1).reason
    assert "data.batch_size is 0" in (folder / "1" / "train.log").read_text()


def test_a_grid_is_run_in_order_and_its_seeds_are_folded(train, tmp_path: Path) -> None:
    check_grid(train, tmp_path / "sweep", "data=iris", "launcher=basic")


def test_optuna_prunes_what_is_hopeless_and_goes_on_after_a_resume(train, tmp_path: Path) -> None:
    words = ("data=iris", "data.batch_size=20", "trainer=cpu", "launcher=basic", "optimizer.lr=choice(0.03,1e-9)")
    words += ("callbacks.figures=null",)
    check_pruned_study(train, tmp_path / "sweep", *words, length=4, trials=7)


def test_a_sweep_file_chooses_a_sweeper_and_is_told_how_many_trials(train, tmp_path: Path) -> None:
    check_sweep_file(train, tmp_path / "sweep", "launcher=basic")
