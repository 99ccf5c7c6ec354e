"""The benchmarks that start whole runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from support.benchmarks import script


def test_the_run_of_the_start_ends_before_its_first_step(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bench = script("startup")
    words = next(words for words in bench.ways().values() if any("first_step" in word for word in words))
    assert bench.cpu_seconds(words, str(tmp_path)) > 0
    (begun,) = tmp_path.glob("*/*/status.json")
    assert json.loads(begun.read_text(encoding="utf-8"))["state"] == "running"
    assert not list(begun.parent.glob("checkpoints/*")), "it has trained"


def test_seconds_a_job_of_a_sweep(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    bench = script("sweep_jobs")
    monkeypatch.setattr(bench, "JOB", ["model=mlp_tiny", "trainer.max_epochs=1", "threads=1"])
    monkeypatch.setattr(sys, "argv", ["bench/sweep_jobs.py", "--jobs", "2", "--rounds", "1", "--alone", "1"])
    bench.main()
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert len(rows) == len(bench.ways()) + 1
    series = float(rows[0][1])
    assert all(float(row[2].rstrip(" |")) == pytest.approx(float(row[1]) / series, rel=0.05, abs=0.02) for row in rows)
