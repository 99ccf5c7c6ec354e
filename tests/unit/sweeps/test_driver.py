"""The driver's decisions, with jobs that are only pretended: what is started, what is written down, what is raised."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from netyard.errors import Interrupted, SweepError
from netyard.run_directories.directory import RunDir
from netyard.sweeps.driver import Driver
from netyard.sweeps.ledger import Job, Ledger
from netyard.sweeps.outcome import settle_running
from netyard.sweeps.runners.local import Ending
from support.run_directories import made_run


class Fixed:
    """A search of so many jobs that learns nothing."""

    def __init__(self, count: int) -> None:
        self.count, self.told = count, []

    def ask(self, number: int) -> list[str] | None:
        return [f"seed={number}"] if number < self.count else None

    def tell(self, job: Job) -> None:
        self.told.append((job.number, job.state))

    def restore(self, jobs: Sequence[Job]) -> None: ...

    def study(self, number: int) -> None:
        return None


class Pretended:
    """A place where a job does at once what ``act`` says: returns its exit code, having written what it likes."""

    def __init__(self, act: Callable[[int, Path], int], size: int = 1) -> None:
        self.act, self.size = act, size
        self.started: list[tuple[int, bool]] = []
        self._at_work: dict[int, Path] = {}

    @property
    def free(self) -> int:
        return self.size - len(self._at_work)

    @property
    def running(self) -> list[int]:
        return list(self._at_work)

    def start(self, number: int, overrides: Sequence[str], folder: Path, resumed: bool) -> None:
        assert json.loads((folder / "job.json").read_text())["number"] == number
        assert Ledger.read(folder.parent).job(number).state == "running", "the ledger knows before the job begins"
        self.started.append((number, resumed))
        self._at_work[number] = folder

    def wait(self) -> list[Ending]:
        number, folder = next(iter(self._at_work.items()))
        code = self.act(number, folder)
        del self._at_work[number]
        return [Ending(number, code, 1.0)]

    def stop(self, signal_number: int) -> list[Ending]:
        numbers, self._at_work = list(self._at_work), {}
        return [Ending(number, -signal_number, 1.0) for number in numbers]

    def close(self) -> None: ...


def finish(folder: Path, value: float) -> int:
    run_dir = RunDir(folder)
    objective = {"name": "val/accuracy", "mode": "max", "value": value, "epoch": 1}
    run_dir.write_results({"objective": objective, "metrics": {"val/accuracy": value}})
    run_dir.checkpoints.mkdir(exist_ok=True)
    run_dir.best.write_bytes(b"weights")
    run_dir.set_state("completed")
    return 0


def fail(folder: Path, reason: str = "a bad day", code: int = 1) -> int:
    RunDir(folder).set_state("failed", reason)
    return code


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    objectives = [{"name": "val/accuracy", "mode": "max"}]
    return Ledger(tmp_path, ["seed=0,1"], "grid", {"seed": "0,1"}, ["seed"], objectives)


def states(ledger: Ledger) -> list[str]:
    return [job.state for job in Ledger.read(ledger.folder).jobs]


def test_every_job_runs_once_and_is_told(ledger: Ledger) -> None:
    search, place = Fixed(3), Pretended(lambda number, folder: finish(folder, number / 10), size=2)
    Driver(ledger, search).run(place)
    assert place.started == [(0, False), (1, False), (2, False)]
    assert search.told == [(0, "completed"), (1, "completed"), (2, "completed")]
    read = Ledger.read(ledger.folder)
    assert read.state == "completed"
    assert [job.values for job in read.jobs] == [[0.0], [0.1], [0.2]]


@pytest.mark.parametrize(
    ("write", "state"),
    [
        (lambda folder: None, "interrupted"),
        (lambda folder: RunDir(folder).set_state("running"), "interrupted"),
        (lambda folder: fail(folder), "failed"),
    ],
    ids=["before its first file", "before its first step", "had failed already"],
)
def test_a_job_that_is_stopped_while_it_starts_is_interrupted(ledger: Ledger, write, state: str) -> None:
    def act(number: int, folder: Path) -> int:
        write(folder)
        raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        Driver(ledger, Fixed(1)).run(Pretended(act))
    read = Ledger.read(ledger.folder)
    assert (read.state, read.job(0).state) == ("interrupted", state)
    assert RunDir(ledger.place(read.job(0))).status()["state"] == state


def test_the_best_of_each_data_set_keep_their_weights(ledger: Ledger) -> None:
    data = ["iris", "iris", "wine", "wine"]

    def act(number: int, folder: Path) -> int:
        made_run(folder, number / 10, chosen={"data": data[number]})
        return finish(folder, number / 10)

    Driver(ledger, Fixed(4), keep=1).run(Pretended(act))
    assert [RunDir(ledger.folder / str(number)).best.exists() for number in range(4)] == [False, True, False, True]


def test_a_line_of_a_job_says_what_varies(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    ledger.axes = ["model.activation"]
    ledger.jobs = [Job(0, ["seed=0", "+model={activation:gelu}"])]
    Driver(ledger, Fixed(0)).run(Pretended(lambda number, folder: finish(folder, 0.5)))
    assert "#0   model.activation=gelu   val/accuracy 0.5   1 s" in capsys.readouterr().out
    assert json.loads((ledger.folder / "0" / "job.json").read_text())["name"] == "model.activation=gelu"


def test_a_failure_has_its_reason_and_the_others_run(ledger: Ledger) -> None:
    place = Pretended(lambda number, folder: fail(folder) if number == 1 else finish(folder, 0.5))
    with pytest.raises(SweepError, match="1 of the sweep's jobs failed, the first with: a bad day") as raised:
        Driver(ledger, Fixed(3)).run(place)
    assert raised.value.exit_code == 7
    assert states(ledger) == ["completed", "failed", "completed"]
    assert Ledger.read(ledger.folder).job(1).reason == "a bad day"


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda folder: None, "ended with exit code 0 and no results"),
        (lambda folder: finish(folder, float("nan")), "results.json cannot be used"),
        (lambda folder: (finish(folder, 1.0), (folder / "results.json").write_text('{"obj')), "cannot be used"),
        (lambda folder: (finish(folder, 1.0), (folder / "results.json").unlink()), "cannot be used"),
    ],
    ids=["nothing", "nan", "half", "none"],
)
def test_success_is_results_and_not_an_exit_code(ledger: Ledger, write, words: str) -> None:
    def act(number: int, folder: Path) -> int:
        write(folder)
        return 0

    with pytest.raises(SweepError, match=words):
        Driver(ledger, Fixed(1)).run(Pretended(act))
    assert states(ledger) == ["failed"]


def test_a_job_that_died_is_tried_again_from_its_checkpoint_but_a_mistake_is_not(ledger: Ledger) -> None:
    tries: list[int] = []

    def act(number: int, folder: Path) -> int:
        tries.append(number)
        if number == 1:
            return fail(folder, "seed is no number", code=2)
        if tries.count(0) < 3:
            (folder / "checkpoints").mkdir(exist_ok=True)
            (folder / ".hydra").mkdir(exist_ok=True)
            (folder / "checkpoints" / "last.ckpt").write_bytes(b"half")
            (folder / ".hydra" / "overrides.yaml").write_text("")
            return -9
        return finish(folder, 0.5)

    place = Pretended(act)
    with pytest.raises(SweepError, match="seed is no number"):
        Driver(ledger, Fixed(2), retries=2).run(place)
    assert place.started == [(0, False), (0, True), (0, True), (1, False)]
    job = Ledger.read(ledger.folder).job(0)
    assert (job.state, job.attempts, job.seconds) == ("completed", 3, 3.0)


@pytest.mark.parametrize(("options", "count"), [({"fail_fast": True}, 1), ({"max_failures": 2}, 3), ({}, 6)])
def test_how_many_failures_are_borne(ledger: Ledger, options: dict, count: int) -> None:
    place = Pretended(lambda number, folder: fail(folder))
    with pytest.raises(SweepError):
        Driver(ledger, Fixed(6), **options).run(place)
    assert len(place.started) == count


def test_only_the_best_keep_their_weights(ledger: Ledger) -> None:
    scores = [0.3, 0.9, 0.5, 0.9, 0.1]
    place = Pretended(lambda number, folder: finish(folder, scores[number]))
    Driver(ledger, Fixed(5), keep=2).run(place)
    kept = [number for number in range(5) if (ledger.folder / str(number) / "checkpoints").exists()]
    assert kept == [1, 3]
    assert all((ledger.folder / str(number) / "results.json").exists() for number in range(5))


def test_an_interrupted_sweep_goes_on_where_it_was(ledger: Ledger) -> None:
    def interrupted(number: int, folder: Path) -> int:
        if number == 2:
            raise KeyboardInterrupt
        return finish(folder, 0.5)

    with pytest.raises(Interrupted) as raised:
        Driver(ledger, Fixed(4)).run(Pretended(interrupted))
    assert raised.value.exit_code == 130
    assert states(ledger)[:2] == ["completed", "completed"]
    before = (ledger.folder / "0" / "results.json").stat().st_mtime_ns

    place = Pretended(lambda number, folder: finish(folder, 0.7))
    again = Ledger.read(ledger.folder)
    assert again.state == "interrupted"
    Driver(again, Fixed(4)).run(place)
    assert place.started == [(2, False), (3, False)]
    assert states(ledger) == ["completed"] * 4
    assert (ledger.folder / "0" / "results.json").stat().st_mtime_ns == before


def test_a_job_that_ended_while_nobody_looked_is_not_run_again(ledger: Ledger) -> None:
    ledger.jobs = [Job(0, ["seed=0"], "running", attempts=1), Job(1, ["seed=1"])]
    (ledger.folder / "0").mkdir()
    finish(ledger.folder / "0", 0.5)
    search, place = Fixed(2), Pretended(lambda number, folder: finish(folder, 0.7))
    settle_running(ledger)
    Driver(ledger, search).run(place)
    assert place.started == [(1, False)]
    assert Ledger.read(ledger.folder).job(0).values == [0.5]


def test_a_job_that_somebody_else_stopped_has_failed(ledger: Ledger) -> None:
    def act(number: int, folder: Path) -> int:
        RunDir(folder).set_state("interrupted", "interrupted by signal 15.")
        return 143

    with pytest.raises(SweepError, match="the first with: interrupted by signal 15"):
        Driver(ledger, Fixed(1)).run(Pretended(act))
    assert states(ledger) == ["failed"]
