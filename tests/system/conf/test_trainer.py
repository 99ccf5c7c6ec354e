"""Two processes of ``trainer=ddp_cpu`` train as one does. The campaign does it for longer, and on a text."""

from __future__ import annotations

from pathlib import Path

import pytest


def test_two_processes_train_as_one(train, command, tmp_path: Path) -> None:
    words = ("model=mlp_tiny", "threads=1", "trainer.max_epochs=1", "logger=none", "callbacks.figures=null")
    one = train(*words, path=tmp_path / "one")
    two = command("train.py", *words, "trainer=ddp_cpu", f"hydra.run.dir={tmp_path / 'two'}", path=tmp_path / "two")
    assert (one.code, two.code) == (0, 0), two.err
    assert "leaked" not in two.err, "libraries say so of what is left of them in the end"
    scores = [ran.json("results.json") for ran in (one, two)]
    assert scores[0]["steps"] == scores[1]["steps"]
    for name, value in scores[0]["metrics"].items():
        assert scores[1]["metrics"][name] == pytest.approx(value, abs=1e-4, rel=1e-4), name
    assert two.out.count("epoch   0") == 1, "one process speaks"
