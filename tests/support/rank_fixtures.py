"""A run with two processes that trains until it is ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.processes import Processes
from support.waiting import wait_for
from support.warm_processes import WarmProcess

RUN = ("model=mlp_tiny", "data=iris", "data.batch_size=10", "trainer=ddp_cpu", "logger=none")


@pytest.fixture
def two(tmp_path: Path, processes: Processes) -> tuple[WarmProcess, int]:
    """Start a run with two processes; return it after one epoch, with the process ID of the second."""
    words = (*RUN, "trainer.max_epochs=100000", f"hydra.run.dir={tmp_path / 'run'}")
    process = processes.fork(str(Path(__file__).resolve().parents[2] / "train.py"), *words, cwd=tmp_path)
    wait_for(tmp_path / "run" / "checkpoints" / "last.ckpt", process)
    (second,) = (
        int(word)
        for word in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        if b"netyard.cli.rank" in Path(f"/proc/{word}/cmdline").read_bytes()
    )
    return process, second
