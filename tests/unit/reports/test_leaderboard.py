"""What a sweep writes about itself, and the text that it ends with."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from netyard.reports.leaderboard import leaderboard
from support.run_directories import made_ledger, made_run

SCORES = {0.1: (0.80, 0.90, 0.85), 0.01: (0.95, 0.93, 0.97)}


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two learning rates on three seeds, a job that failed, one pruned, one not begun."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "sweep"
    for number in range(6):
        lr, seed = (0.1, 0.01)[number // 3], number % 3
        value = SCORES[lr][seed]
        made_run(
            path / str(number),
            value,
            [f"optimizer.lr={lr}"],
            seed=seed,
            metrics={"test/accuracy": value - 0.1, "test/loss": 1 - value},
        )
    made_run(path / "6", None, ["optimizer.lr=10"], state="failed", error="the loss is nan;")
    made_run(path / "7", None, ["optimizer.lr=1"], state="pruned")
    jobs = [{}] * 6 + [
        {"state": "failed", "reason": "the loss is nan; try a smaller optimizer.lr"},
        {"state": "pruned", "epoch": 1},
        {"state": "pending"},
    ]
    return made_ledger(path, ["optimizer.lr", "seed"], jobs)


def rows_of(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def test_two_rates_on_three_seeds_are_two_rows(sweep: Path) -> None:
    said = leaderboard(sweep)
    head, _, first, second = rows_of(said)
    assert head == [
        "#",
        "optimizer.lr",
        "val/accuracy",
        "95 % interval",
        "n",
        "test/accuracy",
        "test/loss",
        "best run",
    ]
    # deviations: 0.02 and 0.05 by hand; 4.302653 times them, by the root of 3, on both sides of the mean
    assert first[:6] == ["1", "0.01", "0.9500 ± 0.0200", "0.9003 to 0.9997", "3", "0.8500 ± 0.0200"]
    assert second[:6] == ["2", "0.1", "0.8500 ± 0.0500", "0.7258 to 0.9742", "3", "0.7500 ± 0.0500"]
    assert (first[-1], second[-1]) == ("sweep/5", "sweep/1")


def test_the_two_best_are_compared_in_pairs(sweep: Path) -> None:
    # 0.95 - 0.80, 0.93 - 0.90, 0.97 - 0.85: all positive, so +++ and --- of eight
    assert "1 against 2 over 3 shared seeds: +0.1 on average, p = 0.25 (paired" in leaderboard(sweep)


def test_rows_with_other_splits_are_not_compared_in_pairs(tmp_path: Path) -> None:
    for number, folds in enumerate((5, 5, 10, 10)):
        made_run(tmp_path / str(number), number / 10, [f"data.num_folds={folds}"], seed=number % 2)
    said = leaderboard(tmp_path)
    assert "1 and 2 have different data.num_folds" in said and "1 against 2" not in said


def test_runs_for_debugging_are_counted_apart(tmp_path: Path) -> None:
    for number in range(2):
        made_run(tmp_path / str(number), 0.5, ["debug=smoke"], seed=number, chosen={"debug": "smoke"})
    said = leaderboard(tmp_path)
    assert "2 completed." in said and "- 2 completed with debug=smoke are not ranked." in said
    assert "No run has completed that is ranked." in (tmp_path / "leaderboard.md").read_text(encoding="utf-8")


def test_each_data_set_has_its_table(tmp_path: Path) -> None:
    for number, data in enumerate(("iris", "wine")):
        made_run(tmp_path / str(number), 0.5, [f"data={data}"], chosen={"data": data})
    said = leaderboard(tmp_path)
    assert "## val/accuracy on iris, higher is better" in said and "## val/accuracy on wine" in said
    header, *rows = (tmp_path / "leaderboard.csv").read_text(encoding="utf-8").splitlines()
    assert header.split(",")[3] == "data" and [row.split(",")[3] for row in rows] == ["iris", "wine"]


def test_what_did_not_complete_is_counted_apart_with_its_reason(sweep: Path) -> None:
    said = leaderboard(sweep)
    assert "6 completed, 1 pending, 1 failed, 1 pruned." in said
    assert "- failed: sweep/6: the loss is nan; try a smaller optimizer.lr" in said
    assert "- pruned: sweep/7: after epoch 1" in said
    assert said.splitlines()[-1] == "leaderboard sweep/leaderboard.md"


def test_both_files_are_written(sweep: Path) -> None:
    said = leaderboard(sweep)
    page = (sweep / "leaderboard.md").read_text(encoding="utf-8")
    assert rows_of(page) == rows_of(said)
    assert page.startswith("# Leaderboard of sweep\n\n## val/accuracy, higher is better\n")
    with (sweep / "leaderboard.csv").open(newline="", encoding="utf-8") as file:
        first, second = csv.DictReader(file)
    assert (first["rank"], first["optimizer.lr"], first["n"], first["seeds"]) == ("1", "0.01", "3", "2 0 1")
    assert float(first["mean"]) == pytest.approx(0.95)
    assert float(first["std"]) == pytest.approx(0.02)
    assert float(first["interval_low"]) == pytest.approx(0.95 - 4.302653 * 0.02 / 3**0.5)
    assert float(second["test/accuracy"]) == pytest.approx(0.75)
    assert float(second["test/accuracy std"]) == pytest.approx(0.05)
    assert first["best_run"] == str(sweep / "5")
    assert not list(sweep.glob(".*.tmp"))


def test_a_sweep_prints_its_best_rows_and_writes_all(tmp_path: Path) -> None:
    for number in range(12):
        made_run(tmp_path / str(number), number / 20, [f"model.dropout={number / 20}"])
    made_ledger(tmp_path, ["model.dropout"], [{}] * 12)
    said = leaderboard(tmp_path)
    assert len(rows_of(said)) == 2 + 10
    assert "... and 2 more rows." in said
    assert "No intervals of the means: an interval needs at least 3 seeds." in said
    assert "1 and 2 have fewer than two seeds in common" in said
    assert len(rows_of((tmp_path / "leaderboard.md").read_text(encoding="utf-8"))) == 2 + 12


def test_a_sweep_without_a_finished_job_says_so(tmp_path: Path) -> None:
    made_ledger(tmp_path, ["seed"], [{"state": "failed", "reason": "killed by signal 9"}])
    said = leaderboard(tmp_path)
    assert "1 failed." in said and "0: killed by signal 9" in said
    assert "No run has completed." in (tmp_path / "leaderboard.md").read_text(encoding="utf-8")


def test_several_objectives_have_columns_and_a_front(tmp_path: Path) -> None:
    points = [(0.9, 5.0), (0.8, 3.0), (0.7, 4.0)]
    for number, (accuracy, loss) in enumerate(points):
        made_run(tmp_path / str(number), accuracy, [f"model.dropout=0.{number}"], metrics={"val/loss": loss})
    jobs = [{"values": list(point)} for point in points]
    made_ledger(tmp_path, ["model.dropout"], jobs, [("val/accuracy", "max"), ("val/loss", "min")])
    head, _, *rows = rows_of(leaderboard(tmp_path))
    assert head[:5] == ["#", "model.dropout", "val/accuracy", "val/loss", "front"]
    assert [row[4] for row in rows] == ["*", "*", ""]
