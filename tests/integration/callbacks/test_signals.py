"""Ctrl-C and SIGTERM, sent to a real process: in order the first time, at once the second."""

from __future__ import annotations

import gc
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from lightning import Trainer

from netyard import checkpoint
from netyard.callbacks.signals import Signals
from netyard.rundir import RunDir

ROOT = Path(__file__).resolve().parents[3]
RUN = ("model=mlp_tiny", "data=iris", "data.batch_size=4", "trainer=cpu", "logger=none")
ALLOW = "--allow-target=slow_steps.Slow"
SLOW = """
import time
from lightning import Callback

class Slow(Callback):
    def __init__(self, seconds): self.seconds = seconds
    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        with open("steps", "a") as file:
            file.write("x")
        time.sleep(self.seconds)
    def on_test_batch_end(self, *_):
        with open("tested", "a") as file:
            file.write("x")
        time.sleep(100 * self.seconds)
"""


@pytest.fixture
def started(tmp_path: Path):
    """Start ``train.py`` with slow steps, and wait for a few of them."""
    (tmp_path / "slow_steps.py").write_text(SLOW)
    running: list[subprocess.Popen[str]] = []

    def start(*overrides: str, seconds: float, steps: int, nohup: bool = False) -> subprocess.Popen[str]:
        path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
        process = subprocess.Popen(
            [
                *(sys.executable, str(ROOT / "train.py"), *RUN, *overrides, f"hydra.run.dir={tmp_path / 'run'}"),
                *("+callbacks.slow._target_=slow_steps.Slow", f"+callbacks.slow.seconds={seconds}", ALLOW),
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN if nohup else signal.SIG_DFL),
        )
        running.append(process)
        until(lambda: process.poll() is not None or done(tmp_path) >= steps)
        assert process.poll() is None, process.communicate()
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def done(path: Path) -> int:
    return (path / "steps").stat().st_size if (path / "steps").exists() else 0


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("number", "code", "steps"), [(signal.SIGINT, 130, 5), (signal.SIGTERM, 143, 30)], ids=["SIGINT", "SIGTERM"]
)
def test_a_signalled_run_can_be_resumed_bit_for_bit(started, train, tmp_path: Path, number: int, code: int, steps: int):
    process = started("trainer.max_epochs=3", "scheduler=cosine", seconds=0.06, steps=steps)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    run = tmp_path / "run"
    assert re.search(rf"stopped; continue with: \S*python train\.py resume=\S*run {ALLOW}$", out, re.MULTILINE)
    assert "Traceback" not in err and f"interrupted by signal {int(number)}" in err
    assert RunDir(run).status()["state"] == "interrupted"
    state = checkpoint.read(run / "checkpoints" / "last.ckpt")
    assert steps <= state["global_step"] < 3 * 27

    sys.path.insert(0, str(tmp_path))
    try:
        resumed = train(f"resume={run}", ALLOW, "callbacks.slow.seconds=0", path=run)
    finally:
        sys.path.remove(str(tmp_path))
    assert resumed.code == 0, resumed.err
    whole = train(*RUN, "trainer.max_epochs=3", "scheduler=cosine", path=tmp_path / "whole")
    for name in ("best", "last"):
        got, wanted = (checkpoint.read(each / "checkpoints" / f"{name}.ckpt") for each in (run, whole.path))
        assert got["global_step"] == wanted["global_step"] and got["epoch"] == wanted["epoch"]
        for key, value in wanted["state_dict"].items():
            assert torch.equal(got["state_dict"][key], value), f"{name}: {key}"
    assert resumed.json("results.json")["objective"] == whole.json("results.json")["objective"]
    assert resumed.json("status.json")["state"] == "completed"
    assert 0 < resumed.json("results.json")["throughput"]["train_samples_per_second"] < 1e7


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_test_ends_at_once_and_is_done_again(started, train, tmp_path: Path, number: int):
    process = started("trainer.max_epochs=1", seconds=0.3, steps=27)
    until(lambda: (tmp_path / "tested").exists())
    process.send_signal(number)
    out, err = process.communicate(timeout=15)
    assert process.returncode == 128 + number, err
    assert "stopped; continue with: " in out
    assert RunDir(tmp_path / "run").status()["state"] == "interrupted"
    sys.path.insert(0, str(tmp_path))
    try:
        resumed = train(f"resume={tmp_path / 'run'}", ALLOW, "callbacks.slow.seconds=0", path=tmp_path / "run")
    finally:
        sys.path.remove(str(tmp_path))
    assert resumed.json("results.json")["epochs"] == 1
    assert "test/accuracy" in resumed.json("results.json")["metrics"]


def test_a_run_leaves_nothing_of_itself_in_its_process(train) -> None:
    """Lightning's handlers hold the network, and jobs may share a process."""

    def there() -> int:
        gc.collect()
        return sum(type(each) is Trainer for each in gc.get_objects())

    handlers, trainers = [signal.getsignal(number) for number in Signals.HANDLED], there()
    ran = train(*RUN, "trainer.max_epochs=1")
    assert ran.code == 0, ran.err
    assert [signal.getsignal(number) for number in Signals.HANDLED] == handlers
    assert there() <= trainers
