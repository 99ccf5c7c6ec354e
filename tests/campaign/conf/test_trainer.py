"""Two processes of ``trainer=ddp_cpu`` train as one does, on pictures and on a text, for two epochs."""

from __future__ import annotations

from pathlib import Path

import pytest

TEXT = ("model=gru_tiny", "data=python_source", "data.max_characters=20000", "data.batch_size=4", "threads=1")


@pytest.mark.parametrize("words", [("model=mlp_tiny",), TEXT], ids=["digits", "text"])
def test_two_processes_train_as_one(command, tmp_path: Path, words: tuple[str, ...]) -> None:
    words = (*words, "trainer.max_epochs=2", "logger=none")
    one = command("train.py", *words, f"hydra.run.dir={tmp_path / 'one'}", path=tmp_path / "one")
    two = command("train.py", *words, "trainer=ddp_cpu", f"hydra.run.dir={tmp_path / 'two'}", path=tmp_path / "two")
    assert (one.code, two.code) == (0, 0), two.err
    assert "leaked" not in one.err + two.err, "libraries say so of what is left of them in the end"
    scores = [ran.json("results.json") for ran in (one, two)]
    assert scores[0]["steps"] == scores[1]["steps"]
    for name, value in scores[0]["metrics"].items():
        assert scores[1]["metrics"][name] == pytest.approx(value, abs=1e-4, rel=1e-4), name
    assert two.out.count("epoch   0") == 1, "one process speaks"
