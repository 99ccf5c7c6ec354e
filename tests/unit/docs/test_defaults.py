"""The program of `make defaults`: what it measures, what it leaves, and the pages that it writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import defaults
from netyard.config import catalog
from netyard.config.compose import compose

ROW = {
    "words": "model=mlp", "seed": "0", "config": "1", "data": "digits", "metric": "test/accuracy", "value": "0.96",
    "seconds": "3", "epochs": "30", "baseline": "nearest_neighbours", "baseline_value": "0.98",
}  # fmt: skip


def test_the_pages_and_files_show_the_rows() -> None:
    for path, text in defaults.pages(defaults.read()).items():
        assert path.read_text(encoding="utf-8") == text, f"{path} is out of date; try make defaults ARGS=--table"


def test_every_network_has_a_row_to_measure() -> None:
    words = " ".join(defaults.commands()).split()
    assert {f"model={name}" for name in catalog.variants()} - {*words} == {"model=timm"}
    assert {catalog.file_of("data", word.partition("=")[2]) is not None for word in words if "data=" in word} == {True}


def test_every_task_of_a_network_has_a_measure() -> None:
    tasks = {
        compose([f"model={name}"])[1]["task"] for name in ("mlp", "gan", "wgan_gp", "beta_vae", "rainbow", "vq_vae")
    }
    assert {defaults.metric_of(task) for task in tasks} == {
        "test/accuracy",
        "test/frechet_distance",
        "test/return",
        "test/psnr",
    }


def test_a_row_has_mean_deviation_and_the_best_baseline() -> None:
    [row] = defaults.summaries([ROW, {**ROW, "seed": "1", "value": "0.98", "seconds": "5"}])
    assert (row["n"], row["mean"], row["seconds"], row["against"]) == (2, pytest.approx(0.97), 4, 0.98)
    assert defaults.score(row) == "0.970 ± 0.014"
    assert defaults.better(row) == "no, by 0.010"
    assert defaults.better({**row, "metric": "test/mase"}) == "yes"
    assert "| `model=mlp` | digits | accuracy | 0.970 ± 0.014 | 2 | 30 | 4 | nearest neighbours 0.980 |" in (
        defaults.table([row])
    )


def test_a_line_in_a_file_of_conf_is_replaced() -> None:
    [row] = defaults.summaries([{**ROW, "baseline": "", "baseline_value": ""}])
    line = defaults.headline([{**row, "model": "mlp"}], named=True)
    assert line == "# Default: mlp on digits accuracy 0.960 (n=1, 3 s)."
    text = defaults.with_headline("# An MLP.\nlr: 1\n", line)
    assert text == f"# An MLP.\n{line}\nlr: 1\n"
    assert defaults.with_headline(text, None) == "# An MLP.\nlr: 1\n"


def test_what_is_measured_is_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[tuple[str, int]] = []

    def measure(words: str, seed: int, config: str) -> dict[str, Any]:
        measured.append((words, seed))
        return {**ROW, "words": words, "seed": seed, "config": config}

    monkeypatch.setattr(defaults, "measure", measure)
    monkeypatch.setattr(defaults, "ROWS", tmp_path / "defaults.csv")
    monkeypatch.setattr(defaults, "write_tables", lambda: None)
    defaults.main(["model=cnn", "data=iris", "--seeds", "2"])
    assert measured == [("model=cnn", 0), ("data=iris", 0), ("model=cnn", 1), ("data=iris", 1)]
    defaults.main(["model=cnn", "--seeds", "3"])
    assert measured[4:] == [("model=cnn", 2)]
    monkeypatch.setattr(defaults, "fingerprint", lambda words: "another config")
    defaults.main(["data=iris", "--seeds", "1"])
    assert measured[5:] == [("data=iris", 0)]
    assert [row["words"] for row in defaults.read()] == ["model=cnn"] * 3 + ["data=iris"]
