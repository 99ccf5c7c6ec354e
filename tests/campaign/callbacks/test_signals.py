"""Ctrl-C and SIGTERM, sent to a real process: in order the first time, at once the second."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from netyard import checkpoint

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


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1], ids=["SIGHUP", "SIGUSR1"])
def test_the_end_of_a_terminal_and_a_clusters_warning_are_heard_too(started, tmp_path: Path, number: int):
    process = started(seconds=0.06, steps=5)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number, err
    assert "stopped; continue with: " in out and "Traceback" not in err
    assert checkpoint.read(tmp_path / "run" / "checkpoints" / "last.ckpt")["global_step"] >= 5


def test_under_nohup_a_run_outlives_its_terminal(started):
    process = started("trainer.max_epochs=1", seconds=0.06, steps=5, nohup=True)
    process.send_signal(signal.SIGHUP)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_second_signal_ends_the_process_at_once(started, number: int):
    process = started(seconds=60, steps=1)
    process.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=0.5)  # the step is finished first
    process.send_signal(number)
    assert process.wait(timeout=5) == -number
