"""Examples of code that writes the small files of a run and the ledger of a sweep. Without torch, so it forks fast."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from netyard.run_directories.directory import RunDir
from netyard.sweeps.ledger import Job, Ledger
from support.kill_points import Writer

CUTS = 20


def small_file(name: str, *writes: Callable[[RunDir], object]) -> Writer:
    """A file of a run directory that each write replaces; read without its times."""

    def seen(folder: Path) -> object:
        if name == "metrics.csv":
            return (folder / name).read_text() if (folder / name).exists() else None
        content = RunDir(folder)._read(name)
        return {key: value for key, value in content.items() if key not in ("pid", "started", "ended")}

    def before(folder: Path) -> None:
        folder.mkdir(parents=True)
        for write in writes[:-1]:
            write(RunDir(folder))

    return Writer(before, lambda folder: writes[-1](RunDir(folder)), seen, cuts=CUTS)


def row(epoch: int, **more: object) -> Callable[[RunDir], object]:
    metrics = {f"val/metric_{number}": epoch / (number + 1) for number in range(8)}
    return lambda run: run.append_metrics({"epoch": epoch, "step": 10 * epoch, **metrics, **more})


def results(value: float) -> Callable[[RunDir], object]:
    return lambda run: run.write_results({"metrics": {f"test/{number}": value for number in range(40)}})


def ledger(*changes: Callable[[Ledger], object]) -> Writer:
    """A sweep of ten jobs whose ledger is changed several times, each time by what the driver has read from it."""

    def change(folder: Path, wanted: Callable[[Ledger], object]) -> None:
        wanted(Ledger.read(folder))

    def before(folder: Path) -> None:
        folder.mkdir(parents=True)
        jobs = [Job(number, [f"seed={number}", "model=mlp"]) for number in range(10)]
        begun = Ledger(folder, ["-m", "seed=range(10)"], "grid", {"seed": "range(10)"}, ["seed"], [], jobs)
        if changes:
            begun.begin()
        for each in changes[:-1]:
            change(folder, each)

    def write(folder: Path) -> None:
        if changes:
            change(folder, changes[-1])
        else:
            Ledger(folder, ["-m", "seed=1"], "grid", {"seed": "1"}, ["seed"], [], [Job(0, ["seed=1"])]).begin()

    def seen(folder: Path) -> object:
        if not (folder / "sweep.json").exists():
            return None
        book = Ledger.read(folder)
        return book.state, book.jobs

    return Writer(before, write, seen, cuts=CUTS)


def job(number: int, **what: object) -> Callable[[Ledger], object]:
    def change(book: Ledger) -> None:
        vars(book.job(number)).update(what)
        book.write()

    return change


WRITERS: dict[str, dict[str, Writer]] = {
    "a run's small files": {
        "begun": small_file("status.json", lambda run: run.set_state("running")),
        "ended": small_file(
            "status.json", lambda run: run.set_state("running"), lambda run: run.set_state("completed")
        ),
        "failed": small_file("status.json", *(partial(RunDir.set_state, state=each) for each in ("running", "failed"))),
        "results": small_file("results.json", results(0.5)),
        "other results": small_file("results.json", results(0.5), results(0.25)),
        "a row": small_file("metrics.csv", row(0)),
        "the next row": small_file("metrics.csv", row(0), row(1)),
        "a row once more": small_file("metrics.csv", row(0), row(1), row(2), row(1)),
        "another column": small_file("metrics.csv", row(0), row(1, extra=1)),
    },
    "the ledger of a sweep": {
        "begun": ledger(),
        "a job begins": ledger(job(0, state="running", attempts=1)),
        "a job ends": ledger(job(0, state="running"), job(0, state="completed", values=[0.5], seconds=3.0)),
        "a job fails": ledger(job(7, state="running"), job(7, state="failed", reason="no " * 100)),
        "stopped": ledger(partial(Ledger.end, state="interrupted")),
        "resumed": ledger(partial(Ledger.end, state="interrupted"), Ledger.begin),
    },
}
