"""Sweeps on launchers of Hydra's plugins in full: every way to end, two processes each, stops and restarts."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from netyard.sweeps.ledger import Ledger
from support.failing_jobs import ALLOW, happening
from support.sweep_command import QUICK, epochs, start, states
from support.waiting import PATIENCE, wait_for

HAPPEN = "+callbacks.happening._target_=happening.Happening"
SLOW = happening("slow")


def test_submitit_keeps_the_same_books(train, user: Path) -> None:
    pytest.importorskip("submitit", reason="the extra slurm is not installed")
    folder = user / "sweep"
    what = "+callbacks.happening.what=nothing,exception,killed,nothing_either"
    ran = train(
        "-m", *QUICK, ALLOW, HAPPEN, what, "launcher=submitit_local", "sweep.batch_size=2", f"hydra.sweep.dir={folder}"
    )
    assert ran.code == 7, ran.err
    assert states(folder) == ["completed", "failed", "failed", "completed"]
    reasons = [job.reason for job in Ledger.read(folder).jobs]
    assert "a bad day" in str(reasons[1])
    assert "ended without results" in str(reasons[2])
    assert json.loads((folder / "2" / "status.json").read_text())["state"] == "failed"
    assert "a bad day" in (folder / "1" / "train.log").read_text(), "the whole story"
    assert (folder / "leaderboard.md").exists()
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert names == {"0", "1", "2", "3", "multirun.yaml", "sweep.json", "leaderboard.md", "leaderboard.csv"}
    assert {path.name for path in user.iterdir()} <= {"happening.py", "__pycache__", "sweep"}, "nothing elsewhere"
    assert not (folder / ".submitit" / "%j").exists()
    # The two that failed are tried again, and fail as they did; what was done stays as it was.
    done = (folder / "0" / "results.json").stat().st_mtime_ns
    assert train("-m", ALLOW, f"resume={folder}").code == 7
    assert [job.attempts for job in Ledger.read(folder).jobs] == [1, 2, 2, 1]
    assert (folder / "0" / "results.json").stat().st_mtime_ns == done


def test_jobs_of_two_processes_each_under_submitit(train, tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason="the extra slurm is not installed")
    folder = tmp_path / "sweep"
    ran = train("-m", *QUICK, "trainer=ddp_cpu", "seed=1,2", "launcher=submitit_local", f"hydra.sweep.dir={folder}")
    assert ran.code == 0, ran.err
    assert sorted(path.name for path in folder.iterdir() if path.name.isdigit()) == ["0", "1"]
    assert {path.name for path in tmp_path.iterdir()} == {"sweep"}
    for number in (0, 1):
        said = (folder / str(number) / "train.log").read_text()
        assert said.count("epoch   0") == 1 and "2 x cpu" in said


def test_a_stopped_sweep_under_submitit_cancels_its_jobs_and_continues_them(processes, train, user: Path) -> None:
    pytest.importorskip("submitit", reason="the extra slurm is not installed")
    folder = user / "sweep"
    words = ("model=mlp_tiny", "trainer.max_epochs=40", "logger=none", "seed=0,1", "launcher=submitit_local")
    driver = start(processes, f"hydra.sweep.dir={folder}", *words, SLOW, ALLOW)
    wait_for(folder / "0" / "checkpoints" / "last.ckpt", driver)
    driver.send_signal(signal.SIGTERM)
    said, _ = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 143, said
    assert f"continue with: python train.py -m resume={folder}" in said
    assert states(folder) == ["interrupted", "pending"]
    assert 0 < len(epochs(folder / "0")) < 40

    (user / "hurry").touch()
    ran = train("-m", f"resume={folder}", ALLOW)
    assert ran.code == 0, ran.err
    assert states(folder) == ["completed", "completed"]
    assert epochs(folder / "0") == list(range(40))
    said = (folder / "0" / "train.log").read_text()
    assert said.count("epoch   0 ") == 1, "continued from its checkpoint, not begun again"


def test_a_job_that_its_cluster_starts_again_goes_on(processes, user: Path) -> None:
    """SIGUSR2 is what submitit has SLURM send before a job must leave."""
    pytest.importorskip("submitit", reason="the extra slurm is not installed")
    folder = user / "sweep"
    words = ("model=mlp_tiny", "trainer.max_epochs=40", "logger=none", "seed=0", "launcher=submitit_local")
    driver = start(processes, f"hydra.sweep.dir={folder}", *words, SLOW, ALLOW)
    wait_for(folder / "0" / "checkpoints" / "last.ckpt", driver)
    first = json.loads((folder / "0" / "status.json").read_text())["pid"]
    os.kill(first, signal.SIGUSR2)
    (user / "hurry").touch()
    said, _ = driver.communicate(timeout=5 * PATIENCE)
    assert driver.returncode == 0, said
    assert states(folder) == ["completed"]
    assert json.loads((folder / "0" / "status.json").read_text())["pid"] != first
    assert epochs(folder / "0") == list(range(40))
    assert (folder / "0" / "train.log").read_text().count("epoch   0 ") == 1


def test_ray_keeps_the_same_books(processes, user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    pytest.importorskip("hydra_plugins.hydra_ray_launcher", reason="the extra ray is not installed")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    folder = user / "sweep"
    what = "+callbacks.happening.what=nothing,exception,killed"
    cores = "+launcher.ray.init.num_cpus=2"
    done = processes.run(
        "train.py", "-m", *QUICK, ALLOW, HAPPEN, what, "launcher=ray", cores, f"hydra.sweep.dir={folder}"
    )
    assert done.returncode == 7, done.stdout + done.stderr
    assert states(folder) == ["completed", "failed", "failed"]
    reasons = [str(job.reason) for job in Ledger.read(folder).jobs]
    assert "a bad day" in reasons[1] and "killed" not in reasons[1]
    assert reasons[2], "Ray's own words"
    assert {path.name for path in user.iterdir()} <= {"happening.py", "__pycache__", "sweep"}
