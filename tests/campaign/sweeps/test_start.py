"""Sweeps from the command line in full: real jobs on a pool, and every driver that is killed."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import yaml

from netyard.sweeps.ledger import Ledger
from support.failing_jobs import ALLOW, REASONS
from support.finished_sweeps import check_deaths, check_grid, check_pruned_study, check_sweep_file
from support.simulated_sweep import killed_again_and_again
from support.sweep_command import QUICK, ROOT, epochs, optuna_study, start, states
from support.waiting import wait_for, wait_until


def test_a_sweep_leaves_jobs_a_ledger_and_a_leaderboard(train, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    ledger = check_grid(train, folder)
    for job in ledger.jobs:
        results = json.loads((folder / str(job.number) / "results.json").read_text())
        assert job.values == [results["objective"]["value"]]
        assert job.epoch == results["objective"]["epoch"]
        assert (results["optimizer"], results["seed"]) == (
            job.overrides[-2].partition("=")[2],
            int(job.overrides[-1].partition("=")[2]),
        )
    assert yaml.safe_load((folder / "multirun.yaml").read_text())["hydra"]["mode"] == "MULTIRUN"


def test_every_kind_of_death_is_one_row_and_the_others_finish(train, user: Path) -> None:
    folder = user / "sweep"
    reasons = {**REASONS, "hang": "ran past launcher.timeout"}
    ran = train(
        "-m",
        *QUICK,
        ALLOW,
        "+callbacks.happening._target_=happening.Happening",
        f"+callbacks.happening.what=nothing,{','.join(reasons)},nothing_either",
        "launcher.timeout=60",
        "launcher.jobs_per_device=2",
        f"hydra.sweep.dir={folder}",
    )
    assert ran.code == 7, ran.err
    first, *dead, last = Ledger.read(folder).jobs
    assert (first.state, last.state) == ("completed", "completed")
    check_deaths(folder, ran, dead, reasons)


def test_jobs_of_two_processes_each_leave_two_directories(train, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    ran = train("-m", *QUICK, "trainer=ddp_cpu", "seed=1,2", "launcher.jobs_per_device=1", f"hydra.sweep.dir={folder}")
    assert ran.code == 0, ran.err
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["0", "1"]
    assert not (tmp_path / "outputs").exists()
    assert "2 x cpu" in (folder / "1" / "train.log").read_text()


def test_a_driver_killed_again_and_again_loses_no_job_and_doubles_none(
    processes, rng: random.Random, tmp_path: Path, tally
) -> None:
    kills = killed_again_and_again(processes, tmp_path / "sweep", jobs=240, kills=20, rng=rng)
    tally("a driver of a sweep is killed, and another goes on with its jobs", kills, kills)


def test_a_killed_driver_of_real_jobs_loses_nothing(processes, rng: random.Random, user: Path, command, tally) -> None:
    """Each dies once a job has written down an epoch more than when the driver began, drawn anew."""
    folder = user / "sweep"
    slow = ("+callbacks.happening={_target_:happening.Happening,what:slow}", ALLOW)
    words = ("model=mlp_tiny", "trainer.max_epochs=40", "logger=none", "seed=0,1,2,3", f"hydra.sweep.dir={folder}")

    def done() -> int:
        return sum(len(epochs(job.parent)) for job in folder.glob("*/metrics.csv"))

    for kill in range(3):
        enough = done() + rng.randrange(1, 3)
        driver = start(processes, *([*words, *slow] if kill == 0 else [f"resume={folder}", ALLOW]))
        wait_until(lambda enough=enough: done() >= enough, f"{enough} epochs", process=driver)
        assert driver.poll() is None, "it has ended before it was killed"
        driver.kill()
        driver.communicate()
    (user / "hurry").touch()
    ran = command("train.py", "-m", f"resume={folder}", ALLOW)
    assert ran.code == 0, ran.err
    assert states(folder) == ["completed"] * 4
    assert [epochs(folder / str(number)) for number in range(4)] == [list(range(40))] * 4
    tally("a driver of a sweep is killed, and another goes on with its jobs", 3, 3)


def test_optuna_prunes_what_is_hopeless_and_goes_on_after_a_resume(train, tmp_path: Path) -> None:
    words = ("optimizer.lr=choice(0.02,1e-9)", "launcher.jobs_per_device=1")
    check_pruned_study(train, tmp_path / "sweep", *words, length=6, trials=8)


def test_a_killed_sweep_of_optunas_continues_its_sampler(processes, tmp_path: Path, command) -> None:
    pytest.importorskip("optuna")
    folder = tmp_path / "sweep"
    driver = start(
        processes,
        *("model=mlp_tiny", "trainer.max_epochs=3", "logger=none", "hydra/sweeper=optuna", "sweep.num_trials=6"),
        *("optimizer.lr=tag(log,interval(0.0001,0.1))", "sweep.sampler_options={n_startup_trials:3}"),
        *("launcher.jobs_per_device=1", f"hydra.sweep.dir={folder}"),
    )
    wait_for(folder / "2" / "results.json", driver)
    driver.kill()
    driver.communicate()
    before = {trial.number: trial.params for trial in optuna_study(folder).trials}

    ran = command("train.py", "-m", f"resume={folder}")
    assert ran.code == 0, ran.err
    assert states(folder) == ["completed"] * 6
    trials = [trial for trial in optuna_study(folder).trials if not trial.user_attrs.get("lost")]
    assert [trial.user_attrs["job"] for trial in trials] == list(range(6))
    assert all(trial.state.name == "COMPLETE" for trial in trials)
    assert all(before.get(trial.number, trial.params) == trial.params for trial in trials)
    assert len({trial.params["optimizer.lr"] for trial in trials}) == 6, "nothing is suggested twice"
    objectives = [job.values for job in Ledger.read(folder).jobs]
    assert [trial.values for trial in trials] == objectives


def test_a_users_own_config_folder_reaches_the_jobs(train, tmp_path: Path) -> None:
    (tmp_path / "conf" / "optimizer").mkdir(parents=True)
    (tmp_path / "conf" / "optimizer" / "mine.yaml").write_text((ROOT / "conf" / "optimizer" / "sgd.yaml").read_text())
    folder = tmp_path / "sweep"
    ran = train(
        "-m", f"--config-dir={tmp_path / 'conf'}", *QUICK, "optimizer=mine", "seed=1,2", f"hydra.sweep.dir={folder}"
    )
    assert ran.code == 0, ran.err
    assert json.loads((folder / "0" / "results.json").read_text())["optimizer"] == "mine"


def test_a_sweep_file_chooses_a_sweeper_and_is_told_how_many_trials(train, tmp_path: Path) -> None:
    check_sweep_file(train, tmp_path / "sweep")


def test_devices_that_are_not_there_are_found_before_anything_runs(train, tmp_path: Path) -> None:
    ran = train("-m", *QUICK, "seed=1,2", "launcher.devices=7", f"hydra.sweep.dir={tmp_path / 'sweep'}")
    assert ran.code == 2 and "launcher.devices is 7" in ran.err
    assert not (tmp_path / "sweep").exists()
    assert not (tmp_path / "outputs").exists()
