"""What is read from directories: runs at any depth, states and their reasons, and files that are broken."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from netyard.run_directories.records import Run, gather
from support.run_directories import made_ledger, made_run


def states(runs: list[Run]) -> dict[str, tuple[str, str]]:
    return {run.path.name: (run.state, run.reason) for run in runs}


def test_runs_are_found_at_any_depth_and_each_once(tmp_path: Path) -> None:
    made_run(tmp_path / "day" / "one")
    made_run(tmp_path / "sweeps" / "day" / "time" / "0")
    made_run(tmp_path / "sweeps" / "day" / "time" / "10", seed=10)
    made_run(tmp_path / "sweeps" / "day" / "time" / "9", seed=9)
    runs, notes = gather([tmp_path, tmp_path / "day", tmp_path / "day" / "one"])
    assert ([run.path.name for run in runs], notes) == (["one", "0", "9", "10"], [])
    assert runs[0].value("model") == "mlp"
    assert runs[0].value("optimizer.betas") == [0.9, 0.999]
    assert runs[0].value("no.such.key") == "-"
    assert runs[0].value("data.seed") == 0


@pytest.mark.parametrize("text", ['{"objective": {"na', "[]", "", "null", '{"objective": 3, "metrics": [1]}'])
def test_broken_results_are_noted_and_skipped(tmp_path: Path, text: str) -> None:
    made_run(tmp_path / "good")
    (made_run(tmp_path / "bad") / "results.json").write_text(text, encoding="utf-8")
    runs, notes = gather([tmp_path])
    assert {name: state for name, (state, _) in states(runs).items()} == {"good": "completed", "bad": "unreadable"}
    assert len(notes) == 1 and "bad" in notes[0] and "results.json" in notes[0]


def test_completed_run_without_results_is_unreadable(tmp_path: Path) -> None:
    made_run(tmp_path / "a", None)
    assert states(gather([tmp_path])[0]) == {"a": ("unreadable", "results.json is missing")}


def test_nan_is_not_ranked(tmp_path: Path) -> None:
    run = made_run(tmp_path / "a")
    results = json.loads((run / "results.json").read_text())
    results["objective"]["value"] = results["metrics"]["val/accuracy"] = None  # NaN, as a run writes it
    (run / "results.json").write_text(json.dumps(results))
    ((only,), _) = gather([tmp_path])
    assert "val/accuracy" not in only.scores


def test_a_failed_run_has_the_first_line_of_its_reason(tmp_path: Path) -> None:
    made_run(tmp_path / "a", None, state="failed", error="the loss is nan;\nand so on")
    assert states(gather([tmp_path])[0]) == {"a": ("failed", "the loss is nan;")}


def test_ledger_overrides_the_state_of_a_killed_job(tmp_path: Path) -> None:
    made_run(tmp_path / "0")
    made_run(tmp_path / "1", None, state="running")
    made_run(tmp_path / "2", None, state="pruned")
    made_run(tmp_path / "3")  # ended after the sweep was killed
    for name in ("4", "6"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "job.json").write_text("{}", encoding="utf-8")
    jobs = [
        {},
        {"state": "failed", "reason": "killed by signal 9"},
        {"state": "pruned", "epoch": 1},
        {"state": "running"},
        {"state": "pending"},
        {"state": "completed"},
        {"state": "running"},
    ]
    made_ledger(tmp_path, ["seed"], jobs)
    assert states(gather([tmp_path])[0]) == {
        "0": ("completed", ""),
        "1": ("failed", "killed by signal 9"),
        "2": ("pruned", "after epoch 1"),
        "3": ("completed", ""),
        "4": ("pending", ""),
        "5": ("unreadable", "its directory is missing"),
        "6": ("running", ""),
    }


def test_job_without_a_number_is_noted(tmp_path: Path) -> None:
    made_run(made_ledger(tmp_path, ["seed"], [{}, {"number": None}]) / "0")
    ledger = json.loads((tmp_path / "sweep.json").read_text())
    del ledger["jobs"][1]["number"]
    (tmp_path / "sweep.json").write_text(json.dumps(ledger))
    runs, notes = gather([tmp_path])
    assert states(runs) == {"0": ("completed", "")}
    assert "1 jobs without a number" in notes[0]


def test_a_truncated_ledger_leaves_the_runs(tmp_path: Path) -> None:
    made_run(tmp_path / "0")
    (tmp_path / "sweep.json").write_text('{"format": 1, "jo', encoding="utf-8")
    runs, notes = gather([tmp_path])
    assert states(runs) == {"0": ("completed", "")}
    assert "sweep.json cannot be read" in notes[0]


def test_run_of_a_dead_process_is_interrupted(tmp_path: Path) -> None:
    child = 2**22 + 1  # a number that no process has: the largest of Linux is less
    for name, pid in {"dead": child, "alive": os.getpid()}.items():
        status = {"state": "running", "ended": None, "pid": pid, "host": socket.gethostname(), "error": None}
        (made_run(tmp_path / name, None) / "status.json").write_text(json.dumps(status))
    found = states(gather([tmp_path])[0])
    assert found == {"alive": ("running", ""), "dead": ("interrupted", f"process {child} is gone")}
