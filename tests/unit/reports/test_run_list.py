"""`netyard runs`: what is listed of each run, what the filters leave, and how much of them is read."""

from __future__ import annotations

import csv
import io
import json
import os
import socket
from pathlib import Path

import pytest

from netyard.cli import main
from netyard.io.readable import format_bytes
from netyard.reports import run_list
from netyard.run_directories import records
from support.run_directories import made_ledger, made_run

NOBODY = 2**22 + 1  # a number that no process has: the largest of Linux is less


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of each kind, and a sweep of three."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETYARD_OUTPUTS", "outputs")
    place = tmp_path / "outputs"
    made_run(place / "old", 0.8, ["optimizer.lr=0.1"], ended="2026-11-20T12:00:00+00:00")
    made_run(place / "new", 0.9, optimizer="sgd", ended="2026-11-23T12:00:00+00:00")
    made_run(place / "failed", None, state="failed", error="the disk is full;", ended="2026-11-22T12:00:00+00:00")
    status = {"state": "running", "started": "2026-11-21T12:00:00+00:00", "pid": NOBODY, "host": socket.gethostname()}
    (made_run(place / "gone", None) / "status.json").write_text(json.dumps(status))
    made_ledger(place / "sweep", ["seed"], [{}, {"state": "failed", "reason": "killed"}, {"state": "pending"}])
    made_run(place / "sweep" / "0", 0.95, seed=1, ended="2026-11-19T12:00:00+00:00")
    made_run(place / "sweep" / "1", None, seed=2, state="failed", ended="2026-11-19T12:00:00+00:00")
    return place


@pytest.fixture
def listed(outputs: Path, capsys: pytest.CaptureFixture[str]):
    """Rows by the name of the run, the header left out, and everything that was said."""

    def run(*arguments: str, code: int = 0) -> tuple[dict[str, list[str]], str]:
        assert main.main(["runs", *arguments]) == code
        said = capsys.readouterr()
        lines = [line for line in said.out.splitlines() if line.startswith("| outputs")]
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        return {row[0].removeprefix("outputs/"): row[1:] for row in rows}, said.out + said.err

    return run


def test_runs_are_listed_newest_first_and_sweeps_folded(listed) -> None:
    rows, said = listed()
    assert list(rows)[:4] == ["new", "failed", "gone", "old"] and "sweep" in rows
    assert [row[0] for row in rows.values()][:4] == ["completed", "failed", "stale", "completed"]
    assert rows["new"][1:4] == ["mlp", "digits", "val/accuracy 0.9"]
    assert rows["failed"][-1] == "the disk is full;"
    assert rows["sweep"][3] == "val/accuracy 0.95"
    assert rows["sweep"][-1] == "3 jobs: 1 completed, 1 failed, 1 pending"
    assert "3 completed, 2 failed, 1 stale, 1 pending; " in said


def test_jobs_can_be_listed_one_by_one(listed) -> None:
    rows, _ = listed("jobs=true")
    assert {"sweep/0", "sweep/1", "sweep/2"} <= set(rows)
    assert rows["sweep/2"][0] == "pending"


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (["state=stale"], ["gone"]),
        (["state=failed,stale", "jobs=true"], ["failed", "gone", "sweep/1"]),
        (["optimizer=s*"], ["new"]),
        (["optimizer.lr=0.1"], ["old"]),
        (["model=MLP", "seed=1", "jobs=true"], ["sweep/0"]),
        (["sort=objective", "state=completed"], ["sweep", "new", "old"]),
        (["--state", "failed"], ["failed", "sweep"]),
    ],
    ids=str,
)
def test_filters_leave_what_matches_all_of_them(listed, filters: list[str], names: list[str]) -> None:
    rows, _ = listed(*filters)
    assert list(rows) == names if "sort=objective" in filters else sorted(rows) == sorted(names)


def test_the_best_of_each_data_set_come_together_and_runs_for_debugging_last(tmp_path: Path, listed) -> None:
    given = [("a", "wine", 0.5, None), ("b", "iris", 0.6, None), ("c", "iris", 0.9, None), ("d", "iris", 0.99, "smoke")]
    for name, data, value, debug in given:
        made_run(
            tmp_path / "outputs" / "apart" / name, value, chosen={"data": data, **({"debug": debug} if debug else {})}
        )
    rows, _ = listed("outputs/apart", "sort=objective")
    assert [Path(name).name for name in rows] == ["c", "b", "a", "d"]


def test_a_job_is_listed_with_what_varies(outputs: Path, listed) -> None:
    (outputs / "sweep" / "0" / "job.json").write_text(json.dumps({"number": 0, "name": "seed=1"}))
    rows, _ = listed("outputs/sweep", "jobs=true")
    assert (rows["sweep/0"][-1], rows["sweep/1"][-1]) == ("seed=1", "killed")


@pytest.mark.parametrize(("pattern", "found"), [("1e-3", True), ("0.0010", True), ("0.00*", True), ("1e-2", False)])
def test_a_number_is_found_however_it_is_written(tmp_path: Path, pattern: str, found: bool) -> None:
    made_run(tmp_path, 0.5, ["optimizer.lr=0.001"])
    assert run_list.matches(records.read(tmp_path, []), {"optimizer.lr": pattern}) is found


def test_nothing_that_matches_is_said(listed) -> None:
    assert "none of the 7 runs below outputs is model=resnet50." in listed("model=resnet50")[1]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["stat=failed"], 2, ["no filter or option 'stat'", "did you mean 'state'"]),
        (["state=faild"], 2, ["state is 'faild'", "did you mean 'failed'"]),
        (["optimizer.rl=0.1"], 2, ["no run has a key 'optimizer.rl'", "did you mean 'optimizer.lr'"]),
        (["sort=name"], 2, ["sort is 'name'", "age or size or objective", "try sort=age"]),
        (["model="], 2, ["model was given no value"]),
        (["nowhere"], 4, ["nowhere is not there", "python train.py first"]),
    ],
    ids=str,
)
def test_a_mistake_is_answered_in_three_parts(listed, arguments: list[str], code: int, words: list[str]) -> None:
    _, said = listed(*arguments, code=code)
    assert said.startswith("error: ") and said.count("\n") == 1
    for word in words:
        assert word in said


def test_the_csv_has_a_row_for_each_run(listed) -> None:
    rows = list(csv.DictReader(listed("format=csv")[1].splitlines()))
    assert len(rows) == 7
    assert {row["run"]: row["reason"] for row in rows}[str(Path("outputs/sweep/1"))] == "killed"
    assert next(row for row in rows if row["run"].endswith("new"))["value"] == "0.9"


def test_two_names_of_one_file_are_one_size(outputs: Path, listed) -> None:
    (outputs / "new" / "save.ckpt").write_bytes(bytes(5_000_000))
    os.link(outputs / "new" / "save.ckpt", outputs / "new" / "best.ckpt")
    assert listed("optimizer=sgd")[0]["new"][-1] == "5.0 MB"
    assert [format_bytes(count) for count in (0, 999, 1000, 123_456, 5e9, 3e16)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "123 kB",
        "5.0 GB",
        "30000 TB",
    ]


def test_of_hundreds_of_runs_few_files_are_read(listed, outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many of each as of ten, so that hundreds of runs take no second."""
    opened, really = [], io.open

    def counted(file: object, *args: object, **kwargs: object) -> object:
        opened.append(file)
        return really(file, *args, **kwargs)

    monkeypatch.setattr("io.open", counted)
    monkeypatch.setattr("builtins.open", counted)
    counts = []
    for many in (10, 300):
        for number in range(many):
            made_run(outputs / str(many) / str(number))
        opened.clear()
        assert len(listed(str(outputs / str(many)))[0]) == many
        counts.append(len(opened) / many)
    assert counts[1] <= counts[0] <= 10, counts
