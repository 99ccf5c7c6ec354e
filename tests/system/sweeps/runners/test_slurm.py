"""Sweeps on launchers of Hydra's plugins: the same books, whatever happens to a job."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from netyard.errors import PlatformError
from support.sweep_command import ROOT
from support.waiting import PATIENCE

ASLEEP = """
import sys
from netyard.cli import main as cli
from netyard.sweeps import arguments

arguments.is_installed = lambda name: False
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
