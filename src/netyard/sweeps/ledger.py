"""The ledger of a sweep, ``sweep.json``: its command line, and the state and result of every job.

The file is replaced atomically after every change, so that a new driver can continue after a kill at any time.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from netyard.config.overrides import argument
from netyard.errors import CheckpointError, ConfigError, PlatformError
from netyard.io import redact
from netyard.io.atomic import write_atomically
from netyard.io.finite_json import finite
from netyard.io.process import train_command
from netyard.run_directories import lock

FORMAT = 1  # of the file; another number is refused instead of read wrongly
ENDED = ("completed", "pruned")  # states of jobs that a resumed sweep does not run again


@dataclass
class Job:
    """One run of a sweep; its directory is named by its number."""

    number: int
    overrides: list[str]
    state: str = "pending"  # pending running completed failed interrupted pruned
    values: list[float] | None = None  # of the objectives
    epoch: int | None = None  # of the best validation
    reason: str | None = None  # why it failed or was pruned, in a line
    attempts: int = 0
    seconds: float | None = None  # of all attempts


@dataclass
class Ledger:
    """The content of ``sweep.json``.

    Raises, when read:
        CheckpointError: the file is missing or invalid.
    """

    folder: Path
    arguments: list[str]
    sweeper: str
    space: dict[str, str]
    axes: list[str]
    objectives: list[dict[str, str]]
    jobs: list[Job] = field(default_factory=list)
    state: str = "running"  # running completed failed interrupted
    started: str = ""
    ended: str | None = None
    pid: int = 0
    host: str = ""

    @classmethod
    def read(cls, folder: Path) -> Ledger:
        path = folder / "sweep.json"
        if not path.is_file():
            raise CheckpointError(
                f"{folder} is not a sweep: {'it contains no sweep.json' if folder.exists() else 'it does not exist'};",
                f"a sweep's directory is a folder that {train_command()} -m wrote;",
                "look for yours below outputs/sweeps/.",
            )
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            # Unknown or missing fields raise TypeError in the constructors below.
            if content.pop("format") != FORMAT:
                raise ValueError("another format")
            jobs = [Job(**job) for job in content.pop("jobs")]
            return cls(folder=folder, jobs=jobs, **content)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise CheckpointError(
                f"{path} cannot be read as a sweep's ledger: {error};",
                "only the sweep itself writes this file;",
                "restore a backup, or start the sweep again in another directory; the results of its jobs are intact.",
            ) from error

    def write(self) -> None:
        # Without the folder: a sweep's directory may be moved, and is resumed where it is found.
        content = {key: value for key, value in vars(self).items() if key not in ("folder", "jobs")}
        jobs = [{**redact.tree(asdict(job)), "overrides": redact.overrides(job.overrides)} for job in self.jobs]
        content = {**redact.tree(content), "arguments": redact.overrides(self.arguments)}
        text = json.dumps(finite({"format": FORMAT, **content, "jobs": jobs}), indent=1, allow_nan=False)
        write_atomically(self.folder / "sweep.json", text + "\n")

    def begin(self) -> None:
        """Record this process as the driver of the sweep."""
        self.state, self.ended, self.pid, self.host = "running", None, os.getpid(), socket.gethostname()
        self.started = self.started or _now()  # a resume keeps the first time
        self.write()

    def end(self, state: str) -> None:
        self.state, self.ended = state, _now()
        self.write()

    def job(self, number: int) -> Job:
        return next(job for job in self.jobs if job.number == number)

    def place(self, job: Job) -> Path:
        """The run directory of a job."""
        return self.folder / str(job.number)

    def count(self, *states: str) -> int:
        return sum(job.state in states for job in self.jobs)

    def tally(self) -> str:
        """How many jobs are in which state: "4 completed, 1 failed"."""
        counts = Counter(job.state for job in self.jobs)
        order = ("completed", "pruned", "failed", "interrupted", "running", "pending")
        return ", ".join(f"{counts[state]} {state}" for state in order if counts[state])

    def best(self) -> list[Job]:
        """The completed jobs sorted by the first objective, best first; ties by number."""
        sign = -1.0 if self.objectives[0]["mode"] == "max" else 1.0
        done = [job for job in self.jobs if job.state == "completed" and job.values]
        return sorted(done, key=lambda job: (sign * job.values[0], job.number))  # type: ignore[index]

    def require_same(self, space: Mapping[str, str]) -> None:
        """Raises:
        ConfigError: the search space is not the one this sweep was started with.
        """
        if changes := differences(self.space, redact.tree(space)):
            raise ConfigError(
                f"the sweep in {self.folder} cannot be resumed with another search space: {'; '.join(changes)};",
                "a resumed sweep keeps its search space;",
                f"try {train_command()} -m {argument('resume', self.folder)} alone, or start another sweep.",
            )


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Differences between two descriptions of a space: "lr changed from 0.1,0.2 to 0.1"."""
    # dict.fromkeys: the union of the keys, in a fixed order.
    return [
        f"{key} changed from {before.get(key, 'not swept')} to {now.get(key, 'not swept')}"
        for key in dict.fromkeys([*before, *now])
        if before.get(key) != now.get(key)
    ]


def refuse_if_taken(folder: Path) -> None:
    """Raises:
    CheckpointError: the folder contains a sweep already.
    """
    # A folder "0" without a ledger is a sweep by another of Hydra's sweepers, whose jobs would be overwritten.
    if (folder / "sweep.json").exists() or (folder / "0").exists():
        raise CheckpointError(
            f"{folder} already contains a sweep;",
            "a sweep's directory belongs to one sweep, which resume= continues;",
            f"try {train_command()} -m {argument('resume', folder)}, or another hydra.sweep.dir.",
        )


class Locks:
    """File locks of the driver of a sweep: one driver at a time, and none while jobs of a killed driver still run.

    The fork server and the jobs inherit ``shared``, so that this lock is released when the last process of a killed
    driver has ended. A new driver waits for that, ``patience`` seconds at most.

    Raises:
        PlatformError: another driver is running.
    """

    def __init__(self, folder: Path, patience: float = 30.0) -> None:
        # Two locks: `_driver` is free as soon as a driver is killed, `shared` when its jobs have ended, too.
        self._driver = lock.open_file(folder / ".driver.lock")
        self.shared = lock.open_file(folder / ".jobs.lock")
        deadline = time.monotonic() + patience
        # Waiting for the second only: another live driver is refused at once.
        if not (lock.try_lock(self._driver) and lock.try_lock(self.shared, deadline)):
            self.release()
            raise PlatformError(
                f"the sweep in {folder} is being run by another process;",
                "one sweep has one driver;",
                "wait until it ends, or stop it with Ctrl-C, and resume then.",
            )

    def release(self) -> None:
        os.close(self._driver)
        os.close(self.shared)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
