"""Sweeps whose jobs are processes: they die in every way, are stopped by Ctrl-C, and lose their driver."""

from __future__ import annotations

import json
import random
import signal
from pathlib import Path

import pytest
import yaml

from netyard.sweeps.ledger import Ledger
from support.failing_jobs import ALLOW, REASONS
from support.finished_sweeps import check_deaths
from support.simulated_sweep import killed_again_and_again
from support.sweep_command import QUICK, ROOT, epochs, start, states, validations
from support.waiting import PATIENCE, wait_for

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("forked_server")]


def test_every_kind_of_death_is_one_row_and_the_others_finish(train, user: Path) -> None:
    """Jobs, ledger, leaderboard and the user's own configuration, of a sweep of which most jobs die."""
    (user / "conf" / "optimizer").mkdir(parents=True)
    (user / "conf" / "optimizer" / "mine.yaml").write_text((ROOT / "conf" / "optimizer" / "sgd.yaml").read_text())
    folder = user / "sweep"
    ran = train(
        "-m",
        f"--config-dir={user / 'conf'}",
        *QUICK,
        ALLOW,
        "optimizer=mine",
        "+callbacks.happening._target_=happening.Happening",
        f"+callbacks.happening.what=nothing,{','.join(REASONS)},nothing_either",
        "launcher.jobs_per_device=2",
        f"hydra.sweep.dir={folder}",
    )
    assert ran.code == 7, ran.err
    ledger = Ledger.read(folder)
    assert [job.overrides[-1].rpartition("=")[2] for job in ledger.jobs] == ["nothing", *REASONS, "nothing_either"]
    first, *dead, last = ledger.jobs
    for job in (first, last):
        results = json.loads((folder / str(job.number) / "results.json").read_text())
        assert (job.state, job.values) == ("completed", [results["objective"]["value"]])
        assert job.epoch == results["objective"]["epoch"]
        assert results["optimizer"] == "mine"
    check_deaths(folder, ran, dead, REASONS)
    assert "#0" in ran.out and "val/accuracy" in ran.out
    assert "nothing_either" in (folder / "leaderboard.md").read_text()
    assert len((folder / "leaderboard.csv").read_text().splitlines()) > 2
    assert yaml.safe_load((folder / "multirun.yaml").read_text())["hydra"]["mode"] == "MULTIRUN"


def test_ctrl_c_stops_in_order_and_resume_finishes(processes, train, user: Path) -> None:
    folder = user / "sweep"
    words = ("model=mlp_tiny", "data=iris", "data.batch_size=4", "trainer.max_epochs=8", "logger=none", ALLOW)
    driver = start(
        processes, *words, "+callbacks.happening._target_=happening.Happening",
        "+callbacks.happening.what=nothing,slow,nothing_either", "launcher.jobs_per_device=1",
        f"hydra.sweep.dir={folder}",
    )  # fmt: skip
    wait_for(folder / "1" / "checkpoints" / "last.ckpt", driver)
    driver.send_signal(signal.SIGINT)
    said, _ = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 130, said
    assert f"continue with: python train.py -m resume={folder}" in said
    assert states(folder) == ["completed", "interrupted", "pending"]
    assert json.loads((folder / "1" / "status.json").read_text())["state"] == "interrupted"
    untouched = {path: path.stat().st_mtime_ns for path in (folder / "0").rglob("*")}

    (user / "hurry").touch()
    ran = train("-m", f"resume={folder}", ALLOW)
    assert ran.code == 0, ran.err
    assert states(folder) == ["completed"] * 3
    assert {path: path.stat().st_mtime_ns for path in (folder / "0").rglob("*")} == untouched
    assert "resume" not in (folder / "2" / "train.log").read_text()
    assert epochs(folder / "1") == list(range(8))
    # The training means of the interrupted epoch cover what came after; everything else is as if nothing had happened.
    assert validations(folder / "1") == validations(folder / "0")


def test_a_driver_killed_again_and_again_loses_no_job_and_doubles_none(
    processes, rng: random.Random, tmp_path: Path, tally
) -> None:
    """Five SIGKILLs at instants of its bookkeeping; the jobs are simulated, so that a restart takes a moment."""
    kills = killed_again_and_again(processes, tmp_path / "sweep", jobs=24, kills=5, rng=rng)
    tally("a driver of a sweep is killed, and another goes on with its jobs", kills, kills)
