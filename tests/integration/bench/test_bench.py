"""The benchmarks run and measure what they say; how fast is not for a test to judge."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import pytest
import torch

from support.benchmarks import BENCH, keep_process, script


def test_every_benchmark_is_in_the_readme_and_in_a_test() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parents[2].glob("*/bench/*.py"))
    names = [path.name for path in sorted(BENCH.glob("*.py"))]
    for name in names:
        assert f"python bench/{name}" in (BENCH / "README.md").read_text(encoding="utf-8")
        assert f'script("{name.removesuffix(".py")}")' in tests


def test_baselines_of_the_standard_library(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["bench/text_baselines.py", "data.max_characters=60000"])
    script("text_baselines").main()
    bits = [float(text) for text in re.findall(r"([\d.]+) bits", capsys.readouterr().out)]
    assert len(bits) == 2 and all(1 < each < 6 for each in bits)


def test_seconds_a_job_of_a_sweep(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Its table, of commands that only leave what is counted; the campaign runs the real ones."""
    bench = script("sweep_jobs")

    def leave(words: list[str]) -> None:
        given = dict(word.split("=", 1) for word in words if "=" in word)
        if "-m" in words:
            folders = [Path(given["hydra.sweep.dir"]) / seed for seed in given["seed"].split(",")]
        else:
            folders = [Path(given["hydra.run.dir"])]
        for folder in folders:
            folder.mkdir(parents=True)
            (folder / "results.json").touch()
        time.sleep(0.05)  # or the ratios of the table would be those of rounding

    monkeypatch.setattr(bench, "_run", leave)
    monkeypatch.setattr(sys, "argv", ["bench/sweep_jobs.py", "--jobs", "2", "--rounds", "1", "--alone", "1"])
    bench.main()
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert len(rows) == len(bench.ways()) + 1
    assert all(float(row[1]) > 0 and float(row[2].rstrip(" |")) > 0 for row in rows)
    assert float(rows[0][2].rstrip(" |")) == 1


def test_milliseconds_a_save(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bench/saving.py", "--rounds", "2", "--megabytes", "3"])
    saving = script("saving")
    saving.main()
    rows = [
        [float(cell) for cell in line.strip("| ").split(" | ")[1:]] for line in capsys.readouterr().out.splitlines()[2:]
    ]
    assert len(rows) == 3 and all(least <= median for median, least, *_ in rows)
    assert (rows[0][2], rows[1][3]) == (1.0, 1.0)
    assert [*tmp_path.iterdir()] == []


def numbers_of(row: str) -> list[float]:
    return [float(cell.replace(",", "")) for cell in row.strip("| ").split(" | ")[1:]]


def test_seconds_an_epoch(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    keep_process(monkeypatch)
    epochs = script("epochs")
    monkeypatch.setitem(sys.modules, "epochs", epochs)
    monkeypatch.setattr(epochs, "pictures", lambda: ["data=digits"])
    monkeypatch.setattr(sys, "argv", ["bench/epochs.py", "--rounds", "1", "model=mlp_tiny"])
    epochs.main()
    rows = capsys.readouterr().out.splitlines()[3:]
    assert [row.split(" | ")[0] for row in rows] == [
        "| netyard", "| bare tensor loop", "| DataLoader loop", "| template",
    ]  # fmt: skip
    samples = {seconds * rate for seconds, rate, _ in map(numbers_of, rows) if seconds > 0.1}
    assert all(each == pytest.approx(1293 // 64 * 64, rel=0.1) for each in samples)
    assert numbers_of(rows[0])[2] == 1 and all(number > 0 for row in rows for number in numbers_of(row))


def test_what_a_step_costs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    keep_process(monkeypatch)
    steps = script("trainer_steps")
    monkeypatch.setitem(sys.modules, "trainer_steps", steps)
    argv = [
        "bench/trainer_steps.py",
        "--steps",
        "20",
        "--only",
        "torchmetrics",
        "data.size=4000",
        "model.hidden_sizes=[8]",
    ]
    monkeypatch.setattr(sys, "argv", argv)
    steps.main()
    ours, bare, _, ratio = numbers_of(capsys.readouterr().out.splitlines()[-1])
    assert min(ours, bare) > 0 and ratio == pytest.approx(bare / ours, abs=0.01)


@pytest.mark.skipif(torch.cuda.is_available(), reason="it would measure for minutes")
def test_without_a_gpu_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    keep_process(monkeypatch)
    monkeypatch.setattr(sys, "argv", ["bench/on_gpu.py"])
    script("on_gpu").main()
    assert capsys.readouterr().out.startswith("no GPU here: nothing was measured")
