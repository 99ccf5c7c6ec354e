"""Runs sweeps from the command line and checks all files and messages of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from netyard.sweeps.ledger import Job, Ledger
from support.command_result import Ran
from support.sweep_command import QUICK, epochs, optuna_study, states

Train = Callable[..., Ran]


def check_grid(train: Train, folder: Path, *words: str) -> Ledger:
    """Two optimizers with two seeds run in order, are one row each, and are not run again or changed by a resume."""
    command = ("-m", *QUICK, *words, "optimizer=sgd,adam", "seed=1,2", f"hydra.sweep.dir={folder}")
    ran = train(*command)
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

    again = train(*command)
    assert again.code == 4
    assert f"try python train.py -m resume={folder}" in again.err
    done = train("-m", f"resume={folder}")
    assert done.code == 0
    assert "is finished already" in done.out
    other = train("-m", f"resume={folder}", "optimizer.lr=0.1,0.2")
    assert other.code == 2
    assert "another search space" in other.err and "optimizer.lr changed from not swept to 0.1,0.2" in other.err
    return ledger


def check_deaths(folder: Path, ran: Ran, dead: Sequence[Job], reasons: Mapping[str, str]) -> None:
    """Jobs that died in different ways are failed in the ledger, in their directories, and in the output."""
    for job, (kind, reason) in zip(dead, reasons.items(), strict=True):
        assert job.state == "failed", job
        assert reason in str(job.reason), kind
        assert json.loads((folder / str(job.number) / "status.json").read_text())["state"] == "failed"
        assert str(job.reason) in ran.out
    assert f"{len(reasons)} of the sweep's jobs failed, the first with: " in ran.err


def check_pruned_study(train: Train, folder: Path, *words: str, length: int, trials: int) -> None:
    """Bad jobs of ``length`` epochs are pruned, and a resume continues from four to so many trials."""
    pytest.importorskip("optuna")
    optuna = ("hydra/sweeper=optuna", "sweep.num_trials=4", "sweep.pruner=median")
    size = ("model=mlp_tiny", f"trainer.max_epochs={length}", "sweep.pruner_options={n_startup_trials:1}")
    ran = train("-m", *size, *optuna, *words, f"hydra.sweep.dir={folder}")
    assert ran.code == 0, ran.err
    first = Ledger.read(folder).jobs
    again = train("-m", f"resume={folder}", f"sweep.num_trials={trials}")
    assert again.code == 0, again.err
    jobs = Ledger.read(folder).jobs
    assert [job.number for job in jobs] == list(range(trials))
    assert jobs[:4] == first
    pruned = [job for job in jobs if job.state == "pruned"]
    assert pruned and {job.overrides[-1] for job in pruned} == {"optimizer.lr=1e-09"}
    for job in pruned:
        assert len(epochs(folder / str(job.number))) < length, "it stopped before its last epoch"
        assert "pruned after epoch" in str(job.reason)
        events = EventAccumulator(str(folder / str(job.number))).Reload()
        assert "_hparams_/session_start_info" in events.PluginTagToContent("hparams"), "a row of the HPARAMS tab"
    assert f"{trials - len(pruned)} completed, {len(pruned)} pruned" in again.out

    study = optuna_study(folder)
    assert [trial.user_attrs["job"] for trial in study.trials] == list(range(trials))
    assert [trial.state.name for trial in study.trials] == [
        {"completed": "COMPLETE", "pruned": "PRUNED"}[job.state] for job in jobs
    ]


def check_sweep_file(train: Train, folder: Path, *words: str) -> None:
    """A sweep file selects a sweeper; the number of trials is an override."""
    few = ("sweep=mlp_search", "data=iris", "sweep.num_trials=2")
    ran = train("-m", *QUICK, *few, *words, f"hydra.sweep.dir={folder}")
    assert ran.code == 0, ran.err
    assert states(folder) == ["completed"] * 2
    assert all(
        any("optimizer.lr=" in text and "," not in text for text in job.overrides) for job in Ledger.read(folder).jobs
    )
