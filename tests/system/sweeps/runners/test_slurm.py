"""Sweeps on launchers of Hydra's plugins: the same books, whatever happens to a job."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from netyard.errors import PlatformError
from netyard.sweeps.ledger import Ledger
from support.failing_jobs import ALLOW
from support.sweep_command import QUICK, ROOT, states
from support.waiting import PATIENCE

HAPPEN = "+callbacks.happening._target_=happening.Happening"
ASLEEP = """
import sys
from netyard.cli import main as cli
from netyard.sweeps import arguments

arguments.find_spec = lambda name: None
code = cli.train(['-m', 'seed=1,2', {!r}])
assert not {{"torch", "lightning", "ray", "submitit"}} & set(sys.modules), "awake"
sys.exit(code)
"""


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
        timeout=PATIENCE,
    )
    assert done.returncode == PlatformError.exit_code, done.stderr
    assert done.stderr.startswith(f"error: hydra/launcher={word.partition('=')[2]} needs ")
    assert f"type pip install 'netyard[{extra}]'." in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_submitit_keeps_the_same_books(train, user: Path) -> None:
    pytest.importorskip("submitit", reason="the extra slurm is not installed")
    folder = user / "sweep"
    what = "+callbacks.happening.what=nothing,killed"
    ran = train("-m", *QUICK, ALLOW, HAPPEN, what, "launcher=submitit_local", f"hydra.sweep.dir={folder}")
    assert ran.code == 7, ran.err
    assert states(folder) == ["completed", "failed"]
    assert "ended without results" in str(Ledger.read(folder).job(1).reason)
    assert json.loads((folder / "1" / "status.json").read_text())["state"] == "failed"
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert names == {"0", "1", "multirun.yaml", "sweep.json", "leaderboard.md", "leaderboard.csv"}
    assert {path.name for path in user.iterdir()} <= {"happening.py", "__pycache__", "sweep"}, "nothing elsewhere"
    assert not (folder / ".submitit" / "%j").exists()
