"""Sweeps on launchers of Hydra's plugins: the same books, whatever happens to a job."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from netyard.errors import PlatformError
from netyard.sweeps.ledger import Ledger
from support.failing_jobs import ALLOW
from support.sweep_command import QUICK, ROOT, start, states, wait_for

HAPPEN = "+callbacks.happening._target_=happening.Happening"
ASLEEP = """
import sys
from netyard import cli
from netyard.sweeps import arguments

arguments.find_spec = lambda name: None
code = cli.train(['-m', 'seed=1,2', {!r}])
assert not {{"torch", "lightning", "ray", "submitit"}} & set(sys.modules), "awake"
sys.exit(code)
"""


def epochs(folder: Path) -> list[int]:
    rows = (folder / "metrics.csv").read_text().splitlines()[1:]
    return [int(row.partition(",")[0]) for row in rows]


@pytest.mark.parametrize(
    ("word", "extra"),
    [("launcher=ray", "ray"), ("hydra/launcher=ray", "ray"), ("launcher=submitit_slurm", "slurm")],
)
def test_a_missing_extra_is_named_and_torch_sleeps_on(tmp_path: Path, word: str, extra: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASLEEP.format(word)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": str(ROOT / "src")},
        check=False,
    )
    assert done.returncode == PlatformError.exit_code, done.stderr
    assert done.stderr.startswith(f"error: hydra/launcher={word.partition('=')[2]} needs ")
    assert f"type pip install 'netyard[{extra}]'." in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


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


def test_a_stopped_sweep_under_submitit_cancels_its_jobs_and_continues_them(train, tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason="the extra slurm is not installed")
    folder = tmp_path / "sweep"
    words = ("model=mlp_tiny", "trainer.max_epochs=400", "logger=none", "seed=0,1", "launcher=submitit_local")
    driver = start(f"hydra.sweep.dir={folder}", *words)
    wait_for(folder / "0" / "checkpoints" / "last.ckpt", driver)
    driver.send_signal(signal.SIGTERM)
    said, _ = driver.communicate(timeout=90)
    assert driver.returncode == 143, said
    assert f"continue with: python train.py -m resume={folder}" in said
    assert states(folder) == ["interrupted", "pending"]
    assert 0 < len(epochs(folder / "0")) < 400

    ran = train("-m", f"resume={folder}")
    assert ran.code == 0, ran.err
    assert states(folder) == ["completed", "completed"]
    assert epochs(folder / "0") == list(range(400))
    said = (folder / "0" / "train.log").read_text()
    assert said.count("epoch   0 ") == 1, "continued from its checkpoint, not begun again"


def test_a_job_that_its_cluster_starts_again_goes_on(tmp_path: Path) -> None:
    """SIGUSR2 is what submitit has SLURM send before a job must leave."""
    pytest.importorskip("submitit", reason="the extra slurm is not installed")
    folder = tmp_path / "sweep"
    words = ("model=mlp_tiny", "trainer.max_epochs=400", "logger=none", "seed=0", "launcher=submitit_local")
    driver = start(f"hydra.sweep.dir={folder}", *words)
    wait_for(folder / "0" / "checkpoints" / "last.ckpt", driver)
    first = json.loads((folder / "0" / "status.json").read_text())["pid"]
    os.kill(first, signal.SIGUSR2)
    said, _ = driver.communicate(timeout=240)
    assert driver.returncode == 0, said
    assert states(folder) == ["completed"]
    assert json.loads((folder / "0" / "status.json").read_text())["pid"] != first
    assert epochs(folder / "0") == list(range(400))
    assert (folder / "0" / "train.log").read_text().count("epoch   0 ") == 1


def test_ray_keeps_the_same_books(train, user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    pytest.importorskip("hydra_plugins.hydra_ray_launcher", reason="the extra ray is not installed")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    folder = user / "sweep"
    what = "+callbacks.happening.what=nothing,exception,killed"
    cores = "+launcher.ray.init.num_cpus=2"
    done = subprocess.run(
        [
            sys.executable,
            "train.py",
            "-m",
            *QUICK,
            ALLOW,
            HAPPEN,
            what,
            "launcher=ray",
            cores,
            f"hydra.sweep.dir={folder}",
        ],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=900,  # three processes that import everything, on cores that others use
        check=False,
    )
    assert done.returncode == 7, done.stdout + done.stderr
    assert states(folder) == ["completed", "failed", "failed"]
    reasons = [str(job.reason) for job in Ledger.read(folder).jobs]
    assert "a bad day" in reasons[1] and "killed" not in reasons[1]
    assert reasons[2], "Ray's own words"
    assert {path.name for path in user.iterdir()} <= {"happening.py", "__pycache__", "sweep"}
