"""How a job ended, read from its directory: written results count more than the exit code of its process."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from netyard.errors import ConfigError
from netyard.run_directories.directory import RunDir
from netyard.sweeps.ledger import Job, Ledger


def settle(job: Job, folder: Path, objectives: Sequence[Mapping[str, str]], fallback: str) -> None:
    """Set state, values and reason of a job that has ended; ``fallback`` is the reason if the job recorded none."""
    run_dir = RunDir(folder)
    status = _status(run_dir)
    job.values, job.epoch, job.reason = None, None, None
    if status.get("state") == "completed":
        job.values, job.epoch, job.reason = _values(run_dir, objectives)
        job.state = "completed" if job.values else "failed"
    elif status.get("state") == "pruned":
        job.state, job.reason = "pruned", _line(status.get("error"))
    elif status.get("state") == "interrupted":
        job.state, job.reason = "interrupted", _line(status.get("error"))
    else:
        recorded = status.get("state") == "failed"
        job.state, job.reason = "failed", _line(status.get("error") if recorded else _last_error(folder) or fallback)
        if not recorded:
            run_dir.set_state("failed", job.reason)


def settle_running(ledger: Ledger) -> None:
    """Settle the jobs that a killed driver left as running: they have ended since."""
    for job in ledger.jobs:
        if job.state == "running":
            settle(job, ledger.place(job), ledger.objectives, "its sweep was killed")


def resumable(folder: Path) -> bool:
    """Whether a job left a checkpoint to continue from."""
    return RunDir(folder).has_checkpoint and (folder / ".hydra" / "overrides.yaml").is_file()


def value_of(results: Mapping[str, Any], name: str) -> float:
    """A number of ``results.json`` by its name: a metric, or a dotted path such as ``seconds.fit``.

    Raises:
        ConfigError: the results have no number of that name.
    """
    found: Any = results.get("metrics", {}).get(name)
    if found is None and name == results["objective"]["name"]:
        found = results["objective"]["value"]
    if found is None:
        found = results
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
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
    """The last error line that a job printed before it could write ``status.json``."""
    try:
        lines = (folder / "console.log").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.removeprefix("error: ") for line in reversed(lines) if line.startswith("error: ")), "")


def _line(text: Any) -> str:
    return str(text or "no reason given").strip().splitlines()[0]
