"""Checks the sample scores of a run with two processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from netyard.cli import main
from support.command_result import Ran

FEW = ("callbacks.scores.num_val_samples=128", "callbacks.scores.num_test_samples=256", "logger=none")


def check_two_processes(
    command: Callable[..., Ran], tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    """The sample scores of a run with two processes equal those of an evaluation with one."""
    words = (f"model={model}", "trainer.max_epochs=2", "task.ema_decay=0.9" if "gan" in model else "task.beta=1", *FEW)
    ran = command("train.py", *words, "trainer=ddp_cpu", f"hydra.run.dir={tmp_path / 'two'}", path=tmp_path / "two")
    assert ran.code == 0, ran.err
    assert ran.out.count("training a small classifier") <= 1 and ran.out.count("epoch   1") == 1
    recorded = ran.json("results.json")
    assert recorded["steps"] == 40
    assert main.main(["evaluate", f"run={ran.path}", "trainer=cpu"]) == 0
    printed = capsys.readouterr().out
    for name in ("frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage", "diversity"):
        line = next(line for line in printed.splitlines() if f"test/{name} " in line)
        assert float(line.split("│")[2]) == pytest.approx(recorded["metrics"][f"test/{name}"], abs=1e-3, rel=1e-3)
