"""Runs with two processes, and a callback that records the samples of each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

# It notes every sample that an evaluation shows to this process.
WITNESS = """
import hashlib, os
from pathlib import Path
from lightning import Callback

class Witness(Callback):
    def __init__(self, folder):
        self.folder = Path(folder)

    def note(self, stage, batch):
        with (self.folder / f"{stage}-{os.environ.get('LOCAL_RANK', '0')}").open("a") as file:
            file.writelines(hashlib.md5(x.numpy().tobytes()).hexdigest() + "\\n" for x in batch[0])

    def on_validation_batch_end(self, trainer, module, outputs, batch, *_):
        self.note("val", batch)

    def on_test_batch_end(self, trainer, module, outputs, batch, *_):
        self.note("test", batch)
"""


def assert_same_scores(one: Path, two: Path) -> None:
    scores = [json.loads((path / "results.json").read_text()) for path in (one, two)]
    assert scores[0]["steps"] == scores[1]["steps"]
    for name, value in scores[0]["metrics"].items():
        assert scores[1]["metrics"][name] == pytest.approx(value, abs=1e-4, rel=1e-4), name


def assert_every_sample_once(alone: Path, shared: Path) -> None:
    """The samples recorded by two processes are those of one process, split in halves."""
    for stage in ("val", "test"):
        whole, *_ = seen(alone, stage)
        shares = seen(shared, stage)
        assert len(whole) % 2 == 1, "or this would show nothing"
        assert len(shares) == 2 and abs(len(shares[0]) - len(shares[1])) < len(whole) / 2
        assert sorted(shares[0] + shares[1]) == sorted(whole)


def seen(folder: Path, stage: str) -> list[list[str]]:
    return [path.read_text().split() for path in sorted(folder.glob(f"{stage}-*"))]
