"""The list of runs (``netyard runs``): state, model, data, objective, age and size of each."""

from __future__ import annotations

import contextlib
import csv
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from io import StringIO
from pathlib import Path

from netyard.config.flatten import leaves
from netyard.io.markdown import grid
from netyard.io.readable import format_bytes, short_path
from netyard.run_directories.data_set import is_ranked
from netyard.run_directories.records import MISSING, Run, sweep_state

SORTS = ("age", "size", "objective")
_UNITS = ((86400 * 365.25, "y"), (86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass
class Line:
    """A run, or a sweep with those of its jobs that match the filters."""

    path: Path
    state: str
    runs: list[Run]
    size: int  # bytes

    @property
    def best(self) -> Run | None:
        """The best run by its first objective."""
        scored = [run for run in self.runs if run.objectives and run.objectives[0].name in run.scores]
        return min(scored, key=_rank, default=None)

    @property
    def started(self) -> float:
        """Time of the earliest start, in seconds since 1970."""
        return min(run.started for run in self.runs)


def state_of(run: Run) -> str:
    """Return the state; ``stale`` if the status says running and no process does."""
    return "stale" if run.stale else run.state


def matches(run: Run, filters: Mapping[str, str]) -> bool:
    """Return whether a run matches every filter: ``model=resnet*``, ``state=failed,stale``, ``optimizer.lr=0.1``."""
    for key, wanted in filters.items():
        value = state_of(run) if key == "state" else run.value(key)
        items = value if isinstance(value, list) else [value]  # of tags=[a,b] any item may match
        if not any(_matches(item, pattern) for item in items for pattern in wanted.split(",")):
            return False
    return True


def _matches(item: object, pattern: str) -> bool:
    if isinstance(item, int | float) and not isinstance(item, bool):
        with contextlib.suppress(ValueError):  # a pattern, as 0.*
            if float(pattern) == item:  # 1e-3 is 0.001
                return True
    text = "null" if item is None else str(item).lower()
    return fnmatchcase(text, pattern.lower())  # on lower case: fnmatch would depend on the operating system


def lines(runs: Sequence[Run], jobs: bool, sort: str) -> list[Line]:
    """Return a line for each run, newest first; with ``jobs`` also for each job of a sweep, else one for the sweep.

    Args:
        runs: the runs to list.
        jobs: whether to list the jobs of sweeps.
        sort: one of ``SORTS``.
    """
    folded: dict[Path, list[Run]] = {}  # by run directory, or by sweep directory
    for run in runs:
        folded.setdefault(run.path if jobs or run.sweep is None else run.sweep, []).append(run)
    found = [
        Line(path, state_of(members[0]) if path == members[0].path else sweep_state(path), members, _size(path))
        for path, members in folded.items()
    ]
    if sort == "size":
        return sorted(found, key=lambda line: -line.size)
    if sort == "objective":
        # By the objective's name and the data first: an accuracy and a loss cannot be compared.
        return sorted(found, key=lambda line: (0, *_rank(line.best)) if line.best else (1, False, "", "", 0.0))
    return sorted(found, key=lambda line: -line.started)


def table(found: Sequence[Line]) -> str:
    """Return a Markdown table, with the number of runs in each state below it."""
    now = time.time()
    columns = [
        ("run", [short_path(line.path) for line in found]),
        ("state", [line.state for line in found]),
        ("model", [_same(line, "model") for line in found]),
        ("data", [_same(line, "data") for line in found]),
        ("objective", [_objective(line) for line in found]),
        ("age", [_age(now - line.started) if line.started else MISSING for line in found]),
        ("size", [format_bytes(line.size) for line in found]),
        ("", [_remark(line) for line in found]),
    ]
    shown = columns if any(columns[-1][1]) else columns[:-1]  # without the remarks if there are none
    counts = Counter(state_of(run) for line in found for run in line.runs)
    total = ", ".join(f"{count} {state}" for state, count in counts.most_common())
    return f"{grid(shown)}\n\n{total}; {format_bytes(sum(line.size for line in found))}."


def comma_separated(found: Sequence[Line]) -> str:
    """Return CSV with a row for each run and more columns than the table."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            "run",
            "state",
            "model",
            "data",
            "task",
            "optimizer",
            "seed",
            "objective",
            "value",
            "started",
            "bytes",
            "reason",
        ]
    )
    for line in found:
        for run in line.runs:
            objective = run.objectives[0].name if run.objectives else ""
            started = (
                datetime.fromtimestamp(run.started).astimezone().isoformat(timespec="seconds") if run.started else ""
            )
            values = [run.value(key) for key in ("model", "data", "task", "optimizer", "seed")]
            size = line.size if len(line.runs) == 1 else _size(run.path)
            scored = (objective, run.scores.get(objective, ""))
            writer.writerow([run.path, state_of(run), *values, *scored, started, size, run.reason])
    return text.getvalue().rstrip("\n")


def keys(runs: Sequence[Run]) -> set[str]:
    """Return every dotted key in the configs of these runs."""
    return {key for run in runs for key, _ in leaves(run.config, empty=True)}


def _rank(run: Run) -> tuple[bool, str, str, float]:
    """Sort key by the first objective: of runs on the same data the best has the smallest number; ``debug=`` last."""
    objective = run.objectives[0]
    score = run.scores[objective.name] * (-1 if objective.mode == "max" else 1)
    return not is_ranked(run), objective.name, str(run.value("data")), score


def _objective(line: Line) -> str:
    if line.best is None:
        return MISSING
    name = line.best.objectives[0].name
    return f"{name} {line.best.scores[name]:.4g}"


def _same(line: Line, key: str) -> str:
    """Return the value that the runs of a line have in common; ``*`` if they differ."""
    # A run that failed before its config was written has no choices.
    found = {str(run.value(key)) for run in line.runs if run.choices} or {MISSING}
    return found.pop() if len(found) == 1 else "*"


def _remark(line: Line) -> str:
    """Number of jobs in each state for a sweep; the reason of a failure for a run, or what varies of a job."""
    if line.path != line.runs[0].path:  # a sweep: its own folder is not that of a run
        counts = Counter(state_of(run) for run in line.runs)
        return f"{len(line.runs)} jobs: {', '.join(f'{count} {state}' for state, count in counts.most_common())}"
    text = line.runs[0].reason or line.runs[0].name
    return text if len(text) <= 60 else f"{text[:57]}..."


def _age(seconds: float) -> str:
    """Format an age in the largest unit that fits: 5 min, 3 d. A clock that was set back gives no negative age."""
    length, unit = next(((length, unit) for length, unit in _UNITS if seconds >= length), _UNITS[-1])
    return f"{max(seconds, 0) / length:.0f} {unit}"


def _size(path: Path) -> int:
    """Return the number of bytes in a folder and its subfolders."""
    # By inode: ``best.ckpt`` is a hard link to another checkpoint, and its bytes must not count twice.
    seen: dict[tuple[int, int], int] = {}
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                found = os.lstat(os.path.join(folder, name))  # noqa: PTH118  (faster than Path for thousands of files)
            except OSError:  # a running process has deleted the file since
                continue
            seen[found.st_dev, found.st_ino] = found.st_size
    return sum(seen.values())
