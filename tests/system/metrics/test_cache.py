"""What is kept of a real set is computed by one of two processes."""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path

import torch
from torch import Tensor

from netyard.io.fingerprint import fingerprint
from netyard.metrics.cache import cached
from support.waiting import PATIENCE

KEY = fingerprint(data="digits")


def _compute_slowly(folder: str, start: multiprocessing.synchronize.Barrier, asked: str) -> None:
    def compute() -> dict[str, Tensor]:
        with Path(asked).open("a") as file:
            file.write("asked\n")
        threading.Event().wait(0.3)
        return {"x": torch.arange(1000.0)}

    start.wait(PATIENCE)
    if not torch.equal(cached(folder, KEY, compute)["x"], torch.arange(1000.0)):
        raise SystemExit(1)


def test_two_processes_at_once_compute_once(tmp_path: Path):
    context = multiprocessing.get_context("fork")
    start, asked = context.Barrier(2), tmp_path / "asked"
    workers = [context.Process(target=_compute_slowly, args=(str(tmp_path), start, str(asked))) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        for worker in workers:
            worker.join(PATIENCE)
    finally:
        for worker in workers:
            worker.kill()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert asked.read_text() == "asked\n"
