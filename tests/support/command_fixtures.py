"""A command line in a process of its own, as a user would type it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.command_result import Ran

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., Ran]:
    """``command("train.py", "model=mlp")``: what it left behind, once it has ended."""

    def run(*words: str, path: Path | None = None, **environment: str) -> Ran:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env={**os.environ, "NETYARD_OUTPUTS": str(tmp_path / "outputs"), "OMP_NUM_THREADS": "1", **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr, path or tmp_path / "outputs")

    return run
