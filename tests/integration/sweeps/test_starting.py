"""Sweeps whose jobs run in the process of their driver, and what is refused before any runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from netyard.sweeps.ledger import Ledger
from support.sweep_command import QUICK, epochs, optuna_study, states


def test_a_launcher_of_hydras_keeps_the_same_books(train, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    ran = train("-m", *QUICK, "data.batch_size=16,0,32", "launcher=basic", f"hydra.sweep.dir={folder}")
    assert ran.code == 7
    assert states(folder) == ["completed", "failed", "completed"]
    assert "data.batch_size is 0" in Ledger.read(folder).job(1).reason
    assert "data.batch_size is 0" in (folder / "1" / "train.log").read_text()


def test_a_grid_is_run_in_order_and_its_seeds_are_folded(train, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    words = ("-m", *QUICK, "data=iris", "launcher=basic", "optimizer=sgd,adam", "seed=1,2", f"hydra.sweep.dir={folder}")
    ran = train(*words)
    assert ran.code == 0, ran.err
    ledger = Ledger.read(folder)
    assert ledger.state == "completed"
    assert [job.overrides[-2:] for job in ledger.jobs] == [
        ["optimizer=sgd", "seed=1"],
        ["optimizer=sgd", "seed=2"],
        ["optimizer=adam", "seed=1"],
        ["optimizer=adam", "seed=2"],
    ]
    assert "#3   optimizer=adam seed=2   val/accuracy" in ran.out
    table = (folder / "leaderboard.md").read_text()
    assert "adam" in table and "sgd" in table
    assert len((folder / "leaderboard.csv").read_text().splitlines()) == 3, "two optimizers, their seeds folded"

    again = train(*words)
    assert again.code == 4
    assert f"try python train.py -m resume={folder}" in again.err
    done = train("-m", f"resume={folder}")
    assert done.code == 0
    assert "is finished already" in done.out
    other = train("-m", f"resume={folder}", "optimizer.lr=0.1,0.2")
    assert other.code == 2
    assert "another search space" in other.err and "optimizer.lr was not swept and is 0.1,0.2" in other.err


def test_optuna_prunes_what_is_hopeless_and_goes_on_after_a_resume(train, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    folder = tmp_path / "sweep"
    ran = train(
        "-m",
        "model=mlp_tiny",
        "data=iris",
        "data.batch_size=20",
        "trainer=cpu",
        "trainer.max_epochs=4",
        "hydra/sweeper=optuna",
        "launcher=basic",
        "optimizer.lr=choice(0.03,1e-9)",
        "sweep.num_trials=4",
        "sweep.pruner=median",
        "sweep.pruner_options={n_startup_trials:1}",
        f"hydra.sweep.dir={folder}",
    )
    assert ran.code == 0, ran.err
    first = Ledger.read(folder).jobs
    again = train("-m", f"resume={folder}", "sweep.num_trials=7")
    assert again.code == 0, again.err
    jobs = Ledger.read(folder).jobs
    assert [job.number for job in jobs] == list(range(7))
    assert jobs[:4] == first
    pruned = [job for job in jobs if job.state == "pruned"]
    assert pruned and {job.overrides[-1] for job in pruned} == {"optimizer.lr=1e-09"}
    for job in pruned:
        assert len(epochs(folder / str(job.number))) < 4, "it stopped before its last epoch"
        assert "pruned after epoch" in str(job.reason)
        events = EventAccumulator(str(folder / str(job.number))).Reload()
        assert "_hparams_/session_start_info" in events.PluginTagToContent("hparams"), "a row of the HPARAMS tab"
    assert f"{7 - len(pruned)} completed, {len(pruned)} pruned" in again.out
    study = optuna_study(folder)
    assert [trial.user_attrs["job"] for trial in study.trials] == list(range(7))
    assert [trial.state.name for trial in study.trials] == [
        {"completed": "COMPLETE", "pruned": "PRUNED"}[job.state] for job in jobs
    ]


def test_a_sweep_file_chooses_a_sweeper_and_is_told_how_many_trials(train, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    words = ("sweep=mlp_search", "launcher=basic", "data=iris", "sweep.num_trials=2")
    ran = train("-m", *QUICK, *words, f"hydra.sweep.dir={folder}")
    assert ran.code == 0, ran.err
    assert states(folder) == ["completed"] * 2
    assert all(
        any("optimizer.lr=" in text and "," not in text for text in job.overrides) for job in Ledger.read(folder).jobs
    )
