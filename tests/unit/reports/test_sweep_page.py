"""`netyard report` of a sweep: a page beside it, of its leaderboard, curves and hyperparameters."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netyard.cli import main
from support.run_directories import made_ledger, made_run
from support.run_page import Page

HOSTILE = "<script>alert(1)</script>\"' onmouseover=alert(2) {{ 7 * 7 }}"


def made_sweep(path: Path, optimizers: tuple[str, ...] = ("adam", "sgd"), state: str = "completed") -> Path:
    jobs = []
    for lr in (0.001, 0.1):
        for optimizer in optimizers:
            for seed in range(2):
                value = lr + seed / 10
                typed = [f"optimizer={optimizer}", f"optimizer.lr={lr}"]
                made_run(
                    path / str(len(jobs)), value, typed, optimizer, seed, curve=[0.0, value], metrics={"test/loss": lr}
                )
                jobs.append({})
    jobs.append({"state": "failed", "reason": "the disk is full"})
    made_run(path / str(len(jobs) - 1), None, state="failed", error="the disk is full")
    made_ledger(path, ["optimizer", "optimizer.lr", "seed"], jobs)
    ledger = json.loads((path / "sweep.json").read_text())
    arguments = ["optimizer=adam,sgd", "optimizer.lr=0.001,0.1", "model.hidden_sizes=[8,8]"]
    (path / "sweep.json").write_text(json.dumps({**ledger, "arguments": arguments, "state": state}))
    return path


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(tmp_path)

    def of(path: Path) -> Page:
        assert main.main(["report", str(path)]) == 0
        assert capsys.readouterr().out.endswith(f"wrote {path.relative_to(tmp_path)}/report.html\n")
        return Page((path / "report.html").read_text(encoding="utf-8"))

    return of


def test_a_sweep_has_its_page_beside_it(tmp_path: Path, page) -> None:
    found = page(made_sweep(tmp_path / "sweep"))
    assert found.headings[0] == "Sweep of mlp on digits"
    rows = found.rows["Leaderboard by val/accuracy, higher is better"]
    assert rows[0][:4] == ["#", "optimizer", "optimizer.lr", "val/accuracy"]
    assert rows[1][:4] == ["1", "adam", "0.1", "0.1500 ± 0.0707"] and len(rows) == 5
    assert set(found.charts) == {"val/accuracy", "parallel coordinates", "optimizer", "optimizer.lr"}
    best = found.charts["val/accuracy"]["series"][0]
    assert best["name"].startswith("1: optimizer=adam, lr=0.1") and best["values"] == ["0", "0.15"]
    assert ["sweep/8", "failed", "the disk is full"] in found.rows["Runs"]
    commands = "\n".join(found.code)
    assert "python train.py -m optimizer=adam,sgd optimizer.lr=0.001,0.1 'model.hidden_sizes=[8,8]'" in commands
    assert found.addresses == [] and found.handlers == [] and len(found.scripts) == 1


def test_a_sweep_that_was_stopped_says_so_and_how_to_go_on(tmp_path: Path, page) -> None:
    found = page(made_sweep(tmp_path / "sweep", state="interrupted"))
    assert "ended early" in found.text
    assert any(code.startswith("python train.py -m resume=") for code in found.code)


def test_a_sweep_without_a_finished_run_has_an_honest_page(tmp_path: Path, page) -> None:
    made_run(tmp_path / "sweep" / "0", None, state="failed", error="no")
    made_ledger(tmp_path / "sweep", ["seed"], [{"state": "failed", "reason": "no"}, {"state": "pending"}])
    found = page(tmp_path / "sweep")
    assert "No run has completed" in found.text and found.charts == {}


def test_nothing_that_a_sweep_says_becomes_markup(tmp_path: Path, page) -> None:
    made_sweep(tmp_path / "sweep")
    for job in range(8):
        hydra = tmp_path / "sweep" / str(job) / ".hydra"
        (hydra / "config.yaml").write_text(
            (hydra / "config.yaml").read_text() + f"tag: {json.dumps(HOSTILE + str(job % 4))}\n"
        )
    ledger = json.loads((tmp_path / "sweep" / "sweep.json").read_text())
    hostile = {"arguments": [HOSTILE], "sweeper": HOSTILE, "axes": ["tag", "seed"]}
    (tmp_path / "sweep" / "sweep.json").write_text(json.dumps({**ledger, **hostile}))
    found = page(tmp_path / "sweep")
    assert len(found.scripts) == 1 and "alert" not in found.scripts[0]
    assert found.handlers == [] and found.addresses == []
    assert f"{HOSTILE}1" in {
        cell for row in found.rows["Leaderboard by val/accuracy, higher is better"] for cell in row
    }


def test_configurations_of_one_kind_have_a_page_without_comparisons(tmp_path: Path, page) -> None:
    for seed in range(3):
        made_run(tmp_path / "sweep" / str(seed), 0.5, seed=seed, curve=[0.1, 0.5])
    made_ledger(tmp_path / "sweep", ["seed"], [{}, {}, {}])
    assert set(page(tmp_path / "sweep").charts) == {"val/accuracy"}


def test_baselines_are_marked_rows_below_those_of_the_sweep(tmp_path: Path, page) -> None:
    values = {"test/accuracy": {"majority": 0.1, "nearest_neighbours": 0.98}}
    for number, lr in enumerate((0.1, 0.01)):
        made_run(
            tmp_path / "sweep" / str(number),
            lr,
            [f"optimizer.lr={lr}"],
            metrics={"test/accuracy": lr},
            baselines=values,
        )
    made_ledger(tmp_path / "sweep", ["optimizer.lr"], [{}, {}])
    found = page(tmp_path / "sweep")
    head, *rows = found.rows["Leaderboard by val/accuracy, higher is better"]
    assert [row[0] for row in rows] == ["1", "2", "baseline: nearest_neighbours", "baseline: majority"]
    assert [row[head.index("test/accuracy")] for row in rows] == ["0.1000", "0.0100", "0.9800", "0.1000"]
    assert "test/accuracy of nearest_neighbours" in found.text
    assert "2 completed" in found.text and "2 of 2" in found.text
