"""Makes jobs fail in various ways: a user's callback, and the override that adds it."""

from __future__ import annotations

HAPPENING = """
import os, signal, time
from pathlib import Path
from lightning import Callback

HERE = Path(__file__).parent

class Happening(Callback):
    def __init__(self, what):
        self.what = what

    def on_train_batch_end(self, trainer, module, *_):
        if self.what == "exception":
            raise RuntimeError("a bad day")
        if self.what == "exit":
            os._exit(0)
        if self.what == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.what == "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.what == "diverges":
            for parameter in module.parameters():
                parameter.data.fill_(float("nan"))
        if self.what == "hang":
            (HERE / "hangs").touch()
            time.sleep(600)
        if self.what == "slow" and trainer.current_epoch and not (HERE / "hurry").exists():
            time.sleep(0.5)  # from the second epoch on, until the test says so
"""
REASONS = {
    "exception": "a bad day",
    "exit": "ended with exit code 0 and no results",
    "killed": "killed by SIGKILL",
    "segfault": "killed by SIGSEGV",
    "diverges": "is NaN",
}
"""What a sweep says of a job to which this happens; of one that hangs, only a timeout says so."""
ALLOW = "--allow-target=happening.Happening"


def happening(what: str) -> str:
    return f"+callbacks.happening={{_target_:happening.Happening,what:{what}}}"
