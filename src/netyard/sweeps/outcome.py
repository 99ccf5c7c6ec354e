"""How a job ended, read from its directory: its written results take precedence over its exit code."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from netyard.errors import ConfigError
from netyard.run_directories.data_set import data_set
from netyard.run_directories.directory import RunDir
from netyard.run_directories.records import read
from netyard.sweeps.ledger import Job, Ledger


def settle(
    job: Job, folder: Path, objectives: Sequence[Mapping[str, str]], fallback: str, stopped: bool = False
) -> None:
    """Set state, values and reason of a job that has ended; ``fallback`` is the reason if the job recorded none.

    Args:
        stopped: it was stopped with its sweep, so that it is interrupted, not failed, if it recorded no end.
    """
    run_dir = RunDir(folder)
    status = _status(run_dir)
    # A process can be killed after it has written its results, and a launcher may not report exit codes at all.
    job.values, job.epoch, job.reason = None, None, None
    if status.get("state") == "completed":
        job.values, job.epoch, job.reason = _values(run_dir, objectives)
        job.state = "completed" if job.values else "failed"  # a NaN objective: no search could use it
    elif status.get("state") == "pruned":
        job.state, job.reason = "pruned", _line(status.get("error"))
    elif status.get("state") == "interrupted":
        job.state, job.reason = "interrupted", _line(status.get("error"))
    else:
        # A state "running" is what a killed process leaves; no state means that it failed before training.
        recorded = status.get("state") == "failed"
        if stopped and not recorded:
            job.state, job.reason = "interrupted", "stopped with its sweep while it started"
        else:
            error = status.get("error") if recorded else _last_error(folder) or fallback
            job.state, job.reason = "failed", _line(error)
        if not recorded:  # so that reports and later resumes do not take it for a running job
            run_dir.set_state(job.state, job.reason)


def settle_running(ledger: Ledger) -> None:
    """Settle the jobs in state "running" after a driver was killed: they have ended since."""
    for job in ledger.jobs:
        if job.state == "running":
            settle(job, ledger.place(job), ledger.objectives, "its sweep was killed")


def resumable(folder: Path) -> bool:
    """Whether a job has a checkpoint to resume from."""
    return RunDir(folder).has_checkpoint and (folder / ".hydra" / "overrides.yaml").is_file()


def compared_with(folder: Path) -> str:
    """A text that is equal for completed jobs whose objectives can be compared: of one name, and on the same data."""
    run = read(folder, [])
    names = [each.name for each in run.objectives[:1]]
    data = data_set(run, *names) if names else {}
    return json.dumps([names, data], sort_keys=True, default=str)


def value_of(results: Mapping[str, Any], name: str) -> float:
    """A number from ``results.json`` by its name: a metric, or a dotted path such as ``seconds.fit``.

    Raises:
        ConfigError: the results have no number of that name.
    """
    # Metrics first: their names contain a slash and may contain a dot.
    found: Any = results.get("metrics", {}).get(name)
    if found is None and name == results["objective"]["name"]:
        found = results["objective"]["value"]
    if found is None:
        found = results
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    # bool is a subclass of int.
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise ConfigError(
            f"the results have no number '{name}';",
            f"there are {', '.join(results.get('metrics', {}))}, parameters, seconds.fit;",
            "set hydra.sweeper.objectives to one or more of them.",
        )
    return float(found)


def _values(
    run_dir: RunDir, objectives: Sequence[Mapping[str, str]]
) -> tuple[list[float] | None, int | None, str | None]:
    try:
        results = run_dir.results()
        # In a sweep over tasks each job has its own objective, so a single one is read from the job's results.
        names = [each["name"] for each in objectives] if len(objectives) > 1 else [results["objective"]["name"]]
        values = [value_of(results, name) for name in names]
        epoch = results["objective"].get("epoch")
    # One unusable file makes one failed job, and must not end the sweep.
    except (OSError, ValueError, KeyError, TypeError) as error:
        return None, None, f"its results.json cannot be used: {_line(str(error))}"
    if not all(map(math.isfinite, values)):
        return None, epoch, f"its objective is not a finite number: {values}"
    return values, epoch, None


def _status(run_dir: RunDir) -> dict[str, Any]:
    try:
        return run_dir.status()
    except (OSError, json.JSONDecodeError):
        return {}


def _last_error(folder: Path) -> str:
    """The last error line in the console output of a job, which may fail before it writes ``status.json``."""
    try:
        lines = (folder / "console.log").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.removeprefix("error: ") for line in reversed(lines) if line.startswith("error: ")), "")


def _line(text: Any) -> str:
    return str(text or "no reason given").strip().splitlines()[0]
