"""Run a sweep: get jobs from the search, start them when slots become free, and record how each ended."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Protocol

from netyard.config import allowlist
from netyard.config.overrides import argument
from netyard.errors import Interrupted, SweepError
from netyard.io import redact
from netyard.io.atomic import write_atomically
from netyard.io.process import train_command
from netyard.io.readable import short_path
from netyard.sweeps import outcome
from netyard.sweeps.job_name import job_name
from netyard.sweeps.ledger import ENDED, Job, Ledger
from netyard.sweeps.runners.local import Ending
from netyard.sweeps.search.grid import Search


class Runner(Protocol):
    """Runs jobs: ``runners.local.Pool``, or an adapter of one of Hydra's launchers."""

    @property
    def free(self) -> int: ...
    @property
    def running(self) -> list[int]: ...
    def start(self, number: int, overrides: Sequence[str], folder: Path, resumed: bool) -> None: ...
    def wait(self) -> list[Ending]: ...
    def stop(self, signal_number: int) -> list[Ending]: ...
    def close(self) -> None: ...


class Driver:
    """One process that drives one sweep.

    Args:
        ledger: the content of ``sweep.json``; on a resume with the jobs so far.
        search: chooses the jobs.
        keep: how many of the best jobs keep their checkpoints; None means all.
        retries: how often a crashed job is restarted, from its checkpoint if it has one.
        max_failures: stop starting jobs once more than this many have failed; None means never.
        fail_fast: on the first failure also stop the running jobs.
        report: sweep directory -> text to print at the end.

    Raises, by ``run``:
        SweepError: the sweep ended, and some of its jobs failed.
        Interrupted: Ctrl-C or SIGTERM; the jobs have saved checkpoints.
    """

    def __init__(
        self,
        ledger: Ledger,
        search: Search,
        keep: int | None = None,
        retries: int = 0,
        max_failures: int | None = None,
        fail_fast: bool = False,
        report: Callable[[Path], str] = lambda folder: "",
    ) -> None:
        self.ledger, self.search, self.keep = ledger, search, keep
        self.retries, self.fail_fast, self.report = retries, fail_fast, report
        self.max_failures = 0 if fail_fast else max_failures
        self._compared: dict[int, str] = {}  # number of a job -> the metric and data by which it is ranked
        # Set while jobs are being stopped: their state "interrupted" is then no failure.
        self._stopping = False

    def announce(self) -> None:
        jobs = self.ledger.jobs
        number = f" of {len(jobs)} job{'s' * (len(jobs) > 1)}" if jobs else ""  # a study chooses them one by one
        done = f", {self.ledger.count(*ENDED)} of them done" if self.ledger.count(*ENDED) else ""
        print(f"a sweep{number} in {short_path(self.ledger.folder)}{done}; job N logs to N/train.log", flush=True)

    def run(self, runner: Runner) -> None:
        """Run every job that has not ended; see the class for what it raises."""
        self.ledger.begin()
        # On a resume: jobs that were interrupted, that failed, or that had not started.
        self.queue = [job for job in self.ledger.jobs if job.state not in ENDED]
        try:
            with signals_raise():
                self._work(runner)
        except (Interrupted, KeyboardInterrupt) as event:
            self._stop(runner)
            raise stopped(self.ledger, event) from None
        # Not only the failed jobs: after max_failures some were never started.
        failed = [job for job in self.ledger.jobs if job.state not in ENDED]
        self.ledger.end("failed" if failed else "completed")
        print(self.report(self.ledger.folder), flush=True)
        if failed:
            # By number, not by time: the same job on every resume.
            first = min((job for job in failed if job.state == "failed"), key=lambda job: job.number)
            raise SweepError(
                f"{self.ledger.count('failed')} of the sweep's jobs failed, the first with: {first.reason}",
                f"The sweep has {self.ledger.tally()};",
                f"see {short_path(self.ledger.place(first) / 'train.log')}, and retry with {_resume(self.ledger)}.",
            )

    def _work(self, runner: Runner) -> None:
        self._fill(runner)
        while runner.running:
            for ending in runner.wait():
                self._record(ending)
            if self.fail_fast and self._too_many_failures():
                self._stop(runner)
            # _start writes the ledger before each job; without a new job it is written here.
            if not self._fill(runner):
                self.ledger.write()

    def _fill(self, runner: Runner) -> bool:
        """Start jobs in free slots; returns whether any was started."""
        started = False
        while runner.free and not self._too_many_failures() and (job := self._next()):
            self._start(job, runner)
            started = True
        return started

    def _stop(self, runner: Runner) -> None:
        """Stop the running jobs; each saves a checkpoint first."""
        self._stopping = True
        for ending in runner.stop(signal.SIGTERM):
            self._record(ending)

    def _too_many_failures(self) -> bool:
        return self.max_failures is not None and self.ledger.count("failed") > self.max_failures

    def _next(self) -> Job | None:
        if self.queue:
            return self.queue.pop(0)
        number = len(self.ledger.jobs)
        # Asked only when a slot is free, so that a learning search has seen as many results as possible.
        overrides = self.search.ask(number)
        if overrides is None:
            return None
        self.ledger.jobs.append(job := Job(number, overrides))
        return job

    def _start(self, job: Job, runner: Runner) -> None:
        """Write the ledger before starting: after a kill, every job that may have started is marked as running."""
        job.state, job.reason = "running", None
        job.attempts += 1
        self.ledger.write()
        folder = self.ledger.place(job)
        resumed = outcome.resumable(folder)
        if not resumed:  # files of an attempt that had saved no checkpoint would be mixed with the new ones
            shutil.rmtree(folder, ignore_errors=True)
        description = {
            "number": job.number,
            "name": job_name(job.overrides, self.ledger.axes),
            "sweep": str(self.ledger.folder),
            "axes": self.ledger.axes,
            "study": self.search.study(job.number),
        }
        description = redact.tree(description)  # the URL of a study's database may have a password
        # Without fsync: every attempt writes it again, so a power failure loses nothing.
        write_atomically(folder / "job.json", json.dumps(description, indent=1) + "\n", sync=False)
        runner.start(job.number, job.overrides, folder, resumed)

    def _record(self, ending: Ending) -> None:
        job = self.ledger.job(ending.number)
        # A job that has not recorded anything when it is stopped was still starting.
        killed = self._stopping and (ending.code < 0 or ending.code in (130, 143) or bool(ending.note))
        outcome.settle(job, self.ledger.place(job), self.ledger.objectives, ending.reason, stopped=killed)
        # It got a signal that this driver did not send to stop the sweep: its timeout, or another program. Without
        # this the job would neither be retried nor counted as a failure.
        if job.state == "interrupted" and not self._stopping:
            job.state, job.reason = "failed", ending.reason if ending.timed_out else job.reason
        job.seconds = round((job.seconds or 0.0) + ending.seconds, 1)
        again = job.state == "failed" and job.attempts <= self.retries and _worth_retrying(ending)
        if again:
            self.queue.insert(0, job)  # first, so that its checkpoint is used before new jobs start
        else:
            self.search.tell(job)  # once per job: a retried job is reported with its last attempt
        self._retain()
        print(redact.text(self._line(job)) + (", retrying" if again else ""), flush=True)

    def _retain(self) -> None:
        """Delete the checkpoints of all but the best jobs; those of other data, or of another metric, are no rivals."""
        if self.keep is None:
            return
        kept: Counter[str] = Counter()
        for job in self.ledger.best():
            if job.number not in self._compared:
                self._compared[job.number] = outcome.compared_with(self.ledger.place(job))
            kept[group := self._compared[job.number]] += 1
            if kept[group] > self.keep:
                shutil.rmtree(self.ledger.place(job) / "checkpoints", ignore_errors=True)

    def _line(self, job: Job) -> str:
        what = job_name(job.overrides, self.ledger.axes)
        if job.values:
            # In a sweep over tasks jobs may have another objective than the ledger names.
            scores = zip(self.ledger.objectives, job.values, strict=False)
            end = "  ".join(f"{objective['name']} {value:.4g}" for objective, value in scores)
        else:
            end = str(job.reason)
            end = end if end.startswith(job.state) else f"{job.state}: {end}"
        return f"#{job.number:<3} {what}   {end}   {job.seconds:.0f} s"


def _worth_retrying(ending: Ending) -> bool:
    """Whether a retry may succeed: not after a user's mistake (exit codes 2 to 4), nor after a NaN (6): both repeat."""
    return ending.timed_out or ending.code < 0 or ending.code not in (2, 3, 4, 6)


def stopped(ledger: Ledger, event: BaseException) -> Interrupted:
    """Record that a sweep was stopped by Ctrl-C or a signal, and print how it is continued; returns what to raise."""
    ledger.end("interrupted")
    print(f"the sweep stopped with {ledger.tally() or 'no job yet'}; continue with: {_resume(ledger)}", flush=True)
    # Ctrl-C is a KeyboardInterrupt, other signals are an Interrupted.
    return event if isinstance(event, Interrupted) else Interrupted(signal.SIGINT)


@contextlib.contextmanager
def signals_raise() -> Iterator[None]:
    """Make SIGTERM and SIGHUP stop a sweep as Ctrl-C does."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Interrupted(number)

    # SIGHUP: the terminal of an ssh session was closed.
    previous = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _resume(ledger: Ledger) -> str:
    return " ".join([train_command(), "-m", argument("resume", short_path(ledger.folder)), *allowlist.flags()])
