"""Jobs of a pool: the deaths, the two processes each and the killed drivers that `make test` shows in part."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from netyard.sweeps.runners.local import Pool
from support.failing_jobs import happening
from support.sweep_command import QUICK
from support.waiting import wait_for, wait_until_gone


def test_jobs_of_one_server_are_as_far_apart_as_two_commands(run_jobs, tmp_path: Path, command) -> None:
    run_jobs(tmp_path / "0", overrides=("seed=1",))
    run_jobs(tmp_path / "0b", tmp_path / "1b", overrides=("seed=1",))
    command("train.py", *QUICK, "seed=1", f"hydra.run.dir={tmp_path / 'alone'}")
    rows = {(tmp_path / name / "metrics.csv").read_text() for name in ("0", "0b", "1b", "alone")}
    assert len(rows) == 1, "neither what ran before, nor what runs beside, nor the server shows in the numbers"
    pids = {json.loads((tmp_path / name / "status.json").read_text())["pid"] for name in ("0", "0b", "1b", "alone")}
    assert len(pids) == 4


@pytest.mark.parametrize(
    ("what", "code", "story"),
    [
        ("exception", 2, "ended with exit code 2 and no results"),
        ("exit", 0, "ended with exit code 0 and no results"),
        ("killed", -9, "killed by SIGKILL"),
        ("segfault", -11, "killed by SIGSEGV"),
    ],
)
def test_however_a_job_dies_the_next_one_runs(run_jobs, tmp_path: Path, what: str, code: int, story: str) -> None:
    (ending,) = run_jobs(tmp_path / "0", overrides=(happening(what),))
    assert (ending.code, ending.reason) == (code, story)
    assert run_jobs(tmp_path / "1")[0].code == 0


def test_a_job_over_two_processes_leaves_one_directory(run_jobs, tmp_path: Path) -> None:
    endings = run_jobs(tmp_path / "0", tmp_path / "1", overrides=("trainer=ddp_cpu",))
    assert [ending.code for ending in endings] == [0, 0], (tmp_path / "0" / "console.log").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]
    for name in ("0", "1"):
        assert "2 x cpu" in (tmp_path / name / "train.log").read_text()


DRIVER = """
import sys
from pathlib import Path
from netyard.sweeps.runners.local import Pool

pool = Pool(devices="cpu", jobs_per_device=1)
pool.start(0, sys.argv[2:], Path(sys.argv[1]), resumed=False)
print(pool._server.pid, flush=True)
pool.wait()
"""


@pytest.mark.parametrize("victim", ["driver", "server"])
def test_no_job_outlives_a_killed_driver_or_a_killed_server(processes, tmp_path: Path, victim: str) -> None:
    words = [*QUICK, "trainer.max_epochs=100000"]
    driver = processes.start("-c", DRIVER, str(tmp_path), *words)
    server = int(driver.stdout.readline())
    wait_for(tmp_path / "checkpoints" / "last.ckpt", driver)
    job = json.loads((tmp_path / "status.json").read_text())["pid"]
    os.kill(driver.pid if victim == "driver" else server, signal.SIGKILL)
    wait_until_gone(job)


def test_no_job_outlives_a_killed_server_and_the_next_one_has_another(
    pool: Pool, run_jobs, warm_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "0").mkdir()
    pool.start(0, [*QUICK, happening("hang")], tmp_path / "0", resumed=False)
    wait_for(warm_folder / "hangs")
    job = json.loads((tmp_path / "0" / "status.json").read_text())["pid"]
    os.kill(pool._server.pid, signal.SIGKILL)
    (ending,) = pool.wait()
    assert ending.code == -signal.SIGKILL
    wait_until_gone(job)
    assert run_jobs(tmp_path / "1")[0].code == 0
