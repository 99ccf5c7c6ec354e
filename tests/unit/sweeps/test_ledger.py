"""The ledger survives its writer, and one sweep has one driver."""

from __future__ import annotations

from pathlib import Path

import pytest

from netyard.errors import CheckpointError, ConfigError, PlatformError
from netyard.sweeps.ledger import Job, Ledger, Locks, refuse_if_taken


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
    with pytest.raises(CheckpointError, match=r"is not a sweep: no sweep\.json"):
        Ledger.read(tmp_path)


def test_another_space_is_refused_with_the_difference(ledger: Ledger) -> None:
    ledger.require_same({"seed": "0,1,2,3,4"})
    with pytest.raises(ConfigError, match=r"seed was 0,1,2,3,4 and is 0,1; lr was not swept and is 0.1,0.2"):
        ledger.require_same({"seed": "0,1", "lr": "0.1,0.2"})


def test_an_occupied_directory_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds a sweep already"):
        refuse_if_taken(ledger.folder)
    refuse_if_taken(tmp_path / "new")


def test_a_second_driver_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    first = Locks(tmp_path)
    with pytest.raises(PlatformError, match="run by another process"):
        Locks(tmp_path)
    first.release()
    Locks(tmp_path).release()
