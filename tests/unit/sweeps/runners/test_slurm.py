"""Sweeps on launchers of Hydra's plugins: what they need, and whether a job that is silent lives."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from netyard.errors import PlatformError
from netyard.run_directories import lock as locks
from netyard.sweeps import arguments
from netyard.sweeps.ledger import Job, Ledger
from netyard.sweeps.runners import hydra
from support.sweep_command import QUICK, ROOT


def test_the_extras_are_those_of_the_package() -> None:
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for modules, extra in arguments.EXTRAS.values():
        line = next(line for line in declared.splitlines() if line.startswith(f"{extra} = "))
        assert all(module.rpartition(".")[2].replace("_", "-") in line for module in modules)


def test_a_sweep_for_slurm_composes(train) -> None:
    pytest.importorskip("submitit", reason="the extra slurm is not installed")
    values = {"partition": "gpu", "gpus_per_node": 2, "tasks_per_node": 2, "timeout_min": 240}
    settings = [f"hydra.launcher.{key}={value}" for key, value in values.items()]
    ran = train("--cfg", "hydra", "hydra/launcher=submitit_slurm", *settings)
    assert ran.code == 0, ran.err
    shown = yaml.safe_load(ran.out)["hydra"]
    assert {key: shown["launcher"][key] for key in values} == values
    assert shown["launcher"]["_target_"].endswith(".SlurmLauncher")
    assert shown["sweeper"]["_target_"] == "hydra_plugins.netyard.sweeper.GridSweeper"


def test_a_cluster_that_is_not_there_fails_every_job_with_its_reason(train, tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason="the extra slurm is not installed")
    ran = train("-m", *QUICK, "launcher=submitit_slurm", "seed=1,2", f"hydra.sweep.dir={tmp_path / 'sweep'}")
    assert ran.code == 7
    for job in Ledger.read(tmp_path / "sweep").jobs:
        assert job.state == "failed" and "are you indeed on a slurm cluster?" in str(job.reason)


def test_a_job_that_lives_is_not_taken_for_dead(tmp_path: Path) -> None:
    """Its driver was killed, and the cluster goes on with the job."""
    ledger = Ledger(tmp_path, [], "grid", {}, [], [], jobs=[Job(0, [], state="running"), Job(1, [], state="running")])
    for number in (0, 1):
        (tmp_path / str(number)).mkdir()
    hydra.require_ended(ledger)
    lock = locks.open_file(tmp_path / "1" / locks.NAME)
    assert locks.try_lock(lock)
    with pytest.raises(PlatformError, match=r"1 is being written by another process; .*resume="):
        hydra.require_ended(ledger)
    os.close(lock)
    hydra.require_ended(ledger)
