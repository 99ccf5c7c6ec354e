"""`netyard report` about real runs: the seeds of one configuration are one row."""

from __future__ import annotations

from pathlib import Path

import pytest

from netyard.cli import main


def rows_of(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def test_two_seeds_of_a_real_run_are_one_row(train, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = []
    for seed in range(2):
        quick = ("data=iris", "trainer=cpu", "trainer.max_epochs=2", "logger=none")
        ran = train("model=mlp_tiny", *quick, f"seed={seed}", path=tmp_path / "runs" / str(seed))
        assert ran.code == 0, ran.err
        values.append(ran.json("results.json")["objective"]["value"])
    first, second = values
    assert main.main(["report", str(tmp_path / "runs"), f"output={tmp_path / 'report'}"]) == 0
    head, _, row = rows_of(capsys.readouterr().out)
    assert head[:3] == ["#", "val/accuracy", "n"], "one row has no key that differs"
    assert row[1:3] == [f"{(first + second) / 2:.4f} ± {abs(first - second) / 2**0.5:.4f}", "2"]
    assert head[3:5] == ["test/accuracy", "test/loss"]
    assert (tmp_path / "report" / "learning_curves.png").is_file()
