"""A run with slow steps in its own process."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.processes import ROOT, Processes
from support.signalled_runs import RUN, SLOW, done, slow
from support.waiting import wait_until
from support.warm_processes import WarmProcess


@pytest.fixture
def started(tmp_path: Path, processes: Processes) -> Callable[..., WarmProcess]:
    """``started(..., seconds=, steps=)`` starts ``train.py`` with slow steps, and waits for so many of them."""
    (tmp_path / "slow_steps.py").write_text(SLOW)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])

    def start(*overrides: str, seconds: float, steps: int, nohup: bool = False) -> WarmProcess:
        words = (*RUN, *overrides, *slow(seconds=seconds), f"hydra.run.dir={tmp_path / 'run'}")
        process = processes.fork(str(ROOT / "train.py"), *words, cwd=tmp_path, nohup=nohup, PYTHONPATH=path)
        wait_until(lambda: done(tmp_path) >= steps, f"{steps} steps", process=process)
        assert process.poll() is None, process.communicate()
        return process

    return start
