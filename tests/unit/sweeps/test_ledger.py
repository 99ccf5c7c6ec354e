"""The ledger of a sweep: what is written is read, what cannot be read is said, and one sweep has one driver."""

from __future__ import annotations

import json
import os
import socket
from datetime import datetime, timezone
from pathlib import Path

import pytest

from netyard.errors import CheckpointError, ConfigError, PlatformError
from netyard.run_directories import lock
from netyard.sweeps.ledger import Job, Ledger, Locks, differences, refuse_if_taken


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    jobs = [
        Job(0, ["seed=0"], "completed", [0.5], 3, attempts=1, seconds=2.5),
        Job(1, ["seed=1"], "completed", [0.7]),
        Job(2, ["seed=2"], "failed", reason="no"),
        Job(3, ["seed=3"], "completed", [0.7]),
        Job(4, ["seed=4"]),
    ]
    made = Ledger(
        tmp_path,
        ["seed=0,1,2,3,4"],
        "grid",
        {"seed": "0,1,2,3,4"},
        ["seed"],
        [{"name": "val/accuracy", "mode": "max"}],
        jobs,
    )
    made.begin()
    return made


def test_what_is_written_is_read(ledger: Ledger) -> None:
    assert Ledger.read(ledger.folder) == ledger
    assert ledger.tally() == "3 completed, 1 failed, 1 pending"


def test_the_best_come_first_and_of_equals_the_earlier(ledger: Ledger) -> None:
    assert [job.number for job in ledger.best()] == [1, 3, 0]
    ledger.objectives[0]["mode"] = "min"
    assert [job.number for job in ledger.best()] == [0, 1, 3]


@pytest.mark.parametrize("cut", [0, 1, 40, -3])
def test_a_truncated_ledger_is_one_message(ledger: Ledger, cut: int) -> None:
    path = ledger.folder / "sweep.json"
    path.write_text(path.read_text()[:cut])
    with pytest.raises(CheckpointError, match=r"sweep.json cannot be read"):
        Ledger.read(ledger.folder)


def test_a_folder_without_one_is_no_sweep(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is not a sweep: it contains no sweep\.json"):
        Ledger.read(tmp_path)


def test_another_space_is_refused_with_the_difference(ledger: Ledger) -> None:
    ledger.require_same({"seed": "0,1,2,3,4"})
    with pytest.raises(ConfigError, match=r"seed changed from 0,1,2,3,4 to 0,1; lr changed from not swept to 0.1,0.2"):
        ledger.require_same({"seed": "0,1", "lr": "0.1,0.2"})


def test_an_occupied_directory_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="already contains a sweep"):
        refuse_if_taken(ledger.folder)
    refuse_if_taken(tmp_path / "new")


def test_a_second_driver_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    first = Locks(tmp_path)
    with pytest.raises(PlatformError, match="run by another process"):
        Locks(tmp_path)
    first.release()
    Locks(tmp_path).release()


def test_a_ledger_is_begun_and_ended(ledger: Ledger) -> None:
    began = datetime.fromisoformat(ledger.started)
    assert began.tzinfo == timezone.utc and began.microsecond == 0
    assert (ledger.state, ledger.ended, ledger.pid, ledger.host) == ("running", None, os.getpid(), socket.gethostname())
    ledger.end("interrupted")
    found = Ledger.read(ledger.folder)
    assert found.state == "interrupted" and datetime.fromisoformat(found.ended or "") >= began
    found.started = "2026-01-01"
    found.begin()
    again = Ledger.read(ledger.folder)
    assert (again.started, again.ended, again.state) == ("2026-01-01", None, "running"), "begun once"


def test_what_is_written_is_whole_json_without_secrets(ledger: Ledger) -> None:
    ledger.arguments.append("logger.api_key=hunter22")
    ledger.jobs[0].overrides.append("logger.api_key=hunter22")
    ledger.jobs[0].values = [float("nan")]
    ledger.jobs[0].reason = "logger.api_key=hunter22 is wrong"
    ledger.write()
    text = (ledger.folder / "sweep.json").read_text(encoding="utf-8")
    content = json.loads(text)
    assert text.endswith("}\n") and '\n "sweeper"' in text and "hunter22" not in text
    assert content["format"] == 1 and "folder" not in content and content["axes"] == ["seed"]
    assert content["jobs"][0]["values"] == [None] and content["jobs"][0]["overrides"][0] == "seed=0"
    assert content["arguments"] == ["seed=0,1,2,3,4", content["jobs"][0]["overrides"][1]]


def test_a_job_is_found_by_its_number_and_counted_by_its_state(ledger: Ledger) -> None:
    assert ledger.job(3) is ledger.jobs[3] and ledger.place(ledger.job(3)) == ledger.folder / "3"
    assert (ledger.count("completed"), ledger.count("failed", "pending"), ledger.count()) == (3, 2, 0)
    for job, state in zip(ledger.jobs, ("interrupted", "running", "pruned", "pending", "completed"), strict=True):
        job.state = state
    assert ledger.tally() == "1 completed, 1 pruned, 1 interrupted, 1 running, 1 pending"


def test_a_new_job_has_not_begun() -> None:
    job = Job(7, ["seed=7"])
    unknown = dict.fromkeys(("values", "epoch", "reason", "seconds"))
    assert vars(job) == {"number": 7, "overrides": ["seed=7"], "state": "pending", "attempts": 0, **unknown}


def test_only_completed_jobs_with_scores_can_be_best(ledger: Ledger) -> None:
    ledger.jobs[2].values = [0.9]  # failed
    ledger.jobs[0].values = None
    assert [job.number for job in ledger.best()] == [1, 3]


def test_a_ledger_that_cannot_be_read_says_why(ledger: Ledger, tmp_path: Path) -> None:
    path = ledger.folder / "sweep.json"
    content = json.loads(path.read_text())
    for change, reason in (
        ({"format": 2}, "ledger: another format;"),
        ({"jobs": [{"number": 1, "color": "red"}]}, "ledger: .*color"),
        ({"jobs": 3}, "ledger: .*int"),
    ):
        path.write_text(json.dumps({**content, **change}))
        with pytest.raises(CheckpointError, match=rf"sweep\.json cannot be read as a sweep's {reason}"):
            Ledger.read(ledger.folder)
    path.write_text("[]")
    with pytest.raises(CheckpointError, match=r"cannot be read as a sweep's ledger"):
        Ledger.read(ledger.folder)
    with pytest.raises(CheckpointError, match="none is not a sweep: it does not exist;"):
        Ledger.read(tmp_path / "none")


def test_refusals_of_a_sweep_name_its_folder(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=rf"{ledger.folder} cannot be resumed .*: seed changed from 0.* -m resume={ledger.folder} "
    ):
        ledger.require_same({})
    (tmp_path / "jobs" / "0").mkdir(parents=True)  # one job of a sweep that died before its ledger
    with pytest.raises(CheckpointError, match=r"jobs already contains a sweep;.* -m resume=.*jobs, or"):
        refuse_if_taken(tmp_path / "jobs")
    assert differences({"a": "1", "b": "2"}, {"a": "1", "b": "3"}) == ["b changed from 2 to 3"]
    assert differences({"a": "1"}, {}) == ["a changed from 1 to not swept"]


def test_a_new_driver_waits_for_the_jobs_of_a_dead_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Locks(tmp_path)
    os.close(first._driver)  # it died, and a job has its other lock
    asked: list[float | None] = []
    take = lock.try_lock

    def spy(descriptor: int, until: float | None = None) -> bool:
        asked.append(until)
        return take(descriptor) if until is None else False

    monkeypatch.setattr(lock, "try_lock", spy)
    monkeypatch.setattr("time.monotonic", lambda: 100.0)
    with pytest.raises(PlatformError, match=f"the sweep in {tmp_path} is being run by another process"):
        Locks(tmp_path)
    assert asked == [None, 130.0]
    os.close(first.shared)
    monkeypatch.setattr(lock, "try_lock", take)
    Locks(tmp_path, patience=0).release()  # the refused one kept nothing
    assert {path.name for path in tmp_path.iterdir()} == {".driver.lock", ".jobs.lock"}
