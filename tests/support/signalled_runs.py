"""Runs with slow steps for tests of signals, and a callback that sends a signal to its own process."""

from __future__ import annotations

from pathlib import Path

RUN = ("model=mlp_tiny", "data=iris", "data.batch_size=4", "trainer=cpu", "logger=none")
STEPS_OF_AN_EPOCH = 27
ALLOW = "--allow-target=slow_steps.Slow"
SLOW = """
import os, signal, time
from pathlib import Path
from lightning import Callback

HERE = Path(__file__).parent

class Slow(Callback):
    def __init__(self, seconds=0, signal=0, at=0, testing=False):
        self.seconds, self.signal, self.at, self.testing = seconds, signal, at, testing

    def on_train_batch_end(self, trainer, *_):
        with open(HERE / "steps", "a") as file:
            file.write("x")
        if self.signal and not self.testing and trainer.global_step == self.at:
            os.kill(os.getpid(), self.signal)
        time.sleep(self.seconds)

    def on_test_batch_end(self, *_):
        with open(HERE / "tested", "a") as file:
            file.write("x")
        if self.signal and self.testing:
            os.kill(os.getpid(), self.signal)
            time.sleep(600)  # for a test ends at once
        time.sleep(100 * self.seconds)
"""


def slow(**values: object) -> tuple[str, ...]:
    """The overrides that put the callback in: ``seconds`` a step, or a ``signal`` ``at`` a step."""
    given = ",".join(f"{key}:{value}" for key, value in values.items())
    return f"+callbacks.slow={{_target_:slow_steps.Slow,{given}}}", ALLOW


def done(folder: Path) -> int:
    return (folder / "steps").stat().st_size if (folder / "steps").exists() else 0
