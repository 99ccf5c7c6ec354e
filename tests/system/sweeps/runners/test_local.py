"""Jobs are processes of their own: how they end is their own affair, and none outlives its driver."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from netyard.sweeps.runners.local import Pool
from support.failing_jobs import happening
from support.sweep_command import QUICK, epochs
from support.waiting import wait_for, wait_until


def children(pool: Pool) -> list[int]:
    """The processes of the server; between jobs the one that waits for the next."""
    server = pool._server.pid
    return [int(word) for word in Path(f"/proc/{server}/task/{server}/children").read_text().split()]


def state(folder: Path) -> str:
    return str(json.loads((folder / "status.json").read_text())["state"])


def test_a_job_is_an_ordinary_run_with_a_console_of_its_own(run_jobs, tmp_path: Path) -> None:
    """Neither what ran before, nor what runs beside shows in its numbers."""
    folders = [tmp_path / name for name in "012"]
    endings = run_jobs(*folders, overrides=("seed=1",))
    assert [ending.code for ending in endings] == [0, 0, 0]
    for folder in folders:
        assert state(folder) == "completed"
        assert "test/accuracy" in (folder / "console.log").read_text()
        overrides = (folder / ".hydra" / "overrides.yaml").read_text()
        assert overrides.split("- ")[1:] == [f"{text}\n" for text in (*QUICK, "seed=1")]
    assert len({(folder / "metrics.csv").read_text() for folder in folders}) == 1
    assert len({json.loads((folder / "status.json").read_text())["pid"] for folder in folders}) == 3


def test_a_process_that_dies_while_it_waits_costs_no_job(pool: Pool, run_jobs, tmp_path: Path) -> None:
    (waiting,) = wait_until(lambda: children(pool), "the process that waits for the first job")
    os.kill(waiting, signal.SIGKILL)
    wait_until(lambda: children(pool) not in ([], [waiting]), "another process that waits for a job")
    (another,) = children(pool)
    (ending,) = run_jobs(tmp_path / "0")
    assert ending.code == 0
    assert json.loads((tmp_path / "0" / "status.json").read_text())["pid"] == another


def test_a_job_that_hangs_is_ended(pool: Pool, warm_folder: Path, tmp_path: Path, monkeypatch) -> None:
    """Between two steps it would have heard the milder request."""
    (tmp_path / "0").mkdir()
    pool.start(0, [*QUICK, happening("hang")], tmp_path / "0", resumed=False)
    wait_for(warm_folder / "hangs")
    monkeypatch.setattr(pool, "timeout", 0.01)
    monkeypatch.setattr("netyard.sweeps.runners.local.GRACE", 0.1)
    (ending,) = pool.wait()
    assert (ending.timed_out, ending.code) == (True, -signal.SIGKILL)
    assert "ran past launcher.timeout" in ending.reason


def test_stopped_jobs_save_themselves_and_go_on_later(pool: Pool, run_jobs, tmp_path: Path) -> None:
    folder = tmp_path / "0"
    folder.mkdir()
    pool.start(0, [*QUICK, happening("slow"), "trainer.max_epochs=2000"], folder, resumed=False)
    wait_for(folder / "checkpoints" / "last.ckpt")
    (ending,) = pool.stop(signal.SIGTERM)
    assert ending.code == 143
    assert state(folder) == "interrupted"
    done = len(epochs(folder))
    (folder / ".hydra" / "overrides.yaml").write_text(
        f"- model=mlp_tiny\n- trainer.max_epochs={done + 1}\n- logger=none\n"
    )
    (ending,) = run_jobs(folder, resumed=True)
    assert ending.code == 0
    assert json.loads((folder / "results.json").read_text())["epochs"] == done + 1
    assert epochs(folder) == list(range(done + 1))
