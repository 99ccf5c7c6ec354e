"""What became of a job, read from its directory: results count, whatever the process said when it ended."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from netyard.errors import ConfigError
from netyard.run_directories.directory import RunDir
from netyard.sweeps.ledger import Job, Ledger


def settle(job: Job, folder: Path, objectives: Sequence[Mapping[str, str]], story: str) -> None:
    """Write down in ``job`` how it ended; ``story`` is what is known where the job left no word of its own."""
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
        told = status.get("state") == "failed"
        job.state, job.reason = "failed", _line(status.get("error") if told else _last_words(folder) or story)
        if not told:
            run_dir.mark("failed", job.reason)


def look_around(ledger: Ledger) -> None:
    """Settle the jobs that a killed driver has left as running: they ended while nobody looked."""
    for job in ledger.jobs:
        if job.state == "running":
            settle(job, ledger.place(job), ledger.objectives, "its sweep was killed")


def resumable(folder: Path) -> bool:
    """Whether a job left a checkpoint to continue from."""
    return RunDir(folder).begun and (folder / ".hydra" / "overrides.yaml").is_file()


def value_of(results: Mapping[str, Any], name: str) -> float:
    """A number of ``results.json`` by its name: a metric, or a dotted path such as ``seconds.fit``.

    Raises:
        ConfigError: there is no such number.
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
            "set hydra.sweeper.objectives to some of them.",
        )
    return float(found)


def _values(
    run_dir: RunDir, objectives: Sequence[Mapping[str, str]]
) -> tuple[list[float] | None, int | None, str | None]:
    try:
        results = run_dir.results()
        # A sweep over tasks has jobs with objectives of their own, each judged by its own.
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


def _last_words(folder: Path) -> str:
    """The mistake a job printed before it had a directory to write it into."""
    try:
        lines = (folder / "console.log").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.removeprefix("error: ") for line in reversed(lines) if line.startswith("error: ")), "")


def _line(text: Any) -> str:
    return str(text or "no reason given").strip().splitlines()[0]
