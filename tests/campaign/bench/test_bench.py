"""The benchmarks that take seconds, with little to do, and those that start whole runs."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
import torch

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


def test_tokens_a_second(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    small = ("data.max_characters=20000", "data.batch_size=4", "data.sequence_length=32", "model=lstm_tiny")
    monkeypatch.setattr(sys, "argv", ["bench/tokens.py", *small])
    monkeypatch.setattr(sys, "path", list(sys.path))
    tokens = script("tokens")
    tokens.main()
    numbers = re.findall(r"\d[\d,]*\.?\d*", capsys.readouterr().out.splitlines()[-1])
    ours, bare, ratio = (float(number.replace(",", "")) for number in numbers)
    assert ratio == pytest.approx(ours / bare, rel=0.01)


def test_steps_of_agents(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    agents = script("agent_steps")
    small = ["data.steps_per_epoch=1000", "trainer.max_epochs=1", "data.steps_per_batch=250"]
    monkeypatch.setattr(agents, "WARM_UP", 250)
    monkeypatch.setitem(sys.modules, "agent_steps", agents)
    monkeypatch.setattr(agents, "StableBaselines3", lambda **_: (_ for _ in ()).throw(ImportError()))
    monkeypatch.setattr(sys, "argv", ["bench/agent_steps.py", *small])
    monkeypatch.setattr(sys, "path", list(sys.path))
    agents.main()
    said = capsys.readouterr().out
    assert "is not installed" in said
    speeds = [float(text.replace(",", "")) for text in re.findall(r"([\d,]+) steps/s", said)]
    assert len(speeds) == 6 and min(speeds) > 0


@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)  # timm's files
def test_images_a_second_of_a_folder(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    small = ["--pictures", "80", "--rounds", "1", "--workers", "0", "--size", "32"]
    monkeypatch.setattr(sys, "argv", ["bench/image_folder.py", *small])
    try:
        script("image_folder").main()
    finally:
        torch.set_num_threads(threads)
    heads, _, *rows, _, cache = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    assert [row[1] for row in rows] == ["loader alone", "training"]
    for row in rows:
        rates = {head.removesuffix(", images/s"): float(cell) for head, cell in zip(heads[2:6], row[2:6], strict=True)}
        for head, cell in zip(heads[6:], row[6:], strict=True):
            one, other = head.split(" to ")
            assert float(cell) == pytest.approx(rates[one] / rates[other], rel=0.1)
    assert cache[0].startswith("the cache: 0.4 MB, made in ")
