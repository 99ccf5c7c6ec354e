"""Disks that are full, read-only, broken or gone: one message, nothing saved is lost, and no run ends for a log."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader

from netyard.callbacks.terminate_on_nan import Finite
from netyard.io import buffered_writer

IRIS = ("model=mlp_tiny", "data=iris", "trainer=cpu", "logger=none")


def test_logs_and_curves_wait_for_room(train, monkeypatch) -> None:
    """Every write to them fails, but for a few bytes now and then, until the last epoch."""
    write, short = os.write, [0]

    def limited(descriptor: int, data: Any) -> int:
        name = Path(f"/proc/self/fd/{descriptor}").resolve().name
        if short[0] >= 0 and (name == "train.log" or "tfevents" in name):
            short[0] += 1
            if short[0] % 3:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return write(descriptor, bytes(data[:7]))
        return write(descriptor, data)

    def room(self: Finite, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == 3:
            short[0] = -1

    monkeypatch.setattr(os, "write", limited)
    monkeypatch.setattr(Finite, "on_train_epoch_end", room)
    monkeypatch.setattr(buffered_writer, "_warned_at", -buffered_writer.PAUSE)
    ran = train(*IRIS[:-1], "trainer.max_epochs=5")
    assert ran.code == 0, ran.err
    assert ran.err.count("No space left on device; the run goes on") == 1
    assert (ran.path / "train.log").read_text().count("epoch ") >= 5
    events = list(ran.path.glob("events*"))
    assert events and all([*RawEventFileLoader(str(path)).Load()] for path in events)
