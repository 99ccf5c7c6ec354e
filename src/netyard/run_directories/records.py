"""Read many runs from their directories: configs, states and scores."""

from __future__ import annotations

import contextlib
import json
import math
import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml

from netyard.config import renamed
from netyard.config.catalog import GROUPS
from netyard.io import safe_yaml
from netyard.io.atomic import is_gone

MARKS = (".hydra", "status.json", "results.json")  # any of these makes a folder a run
REPETITIONS = ("seed", "data.fold")  # runs that differ only in these repeat one configuration
MISSING = "-"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Objective:
    """The metric that a run optimizes: its name, and ``max`` or ``min``."""

    name: str
    mode: str


@dataclass
class Run:
    """One run, finished or not.

    Attributes:
        state: as in ``status.json``, or ``pending`` (a job not yet started), or ``unreadable``.
        reason: one line, for every state but ``completed``.
        typed: the keys set on the command line, in order.
        axes: the keys its sweep varied; empty for a single run.
        scores: the objectives' values and every metric, by name.
        started, ended: seconds since 1970; 0 if unknown.
        stale: whether its state is running although its process is dead.
        sweep: the directory of its sweep, if it is a job.
    """

    path: Path
    state: str
    reason: str = ""
    choices: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    typed: tuple[str, ...] = ()
    axes: tuple[str, ...] = ()
    objectives: tuple[Objective, ...] = ()
    scores: dict[str, float] = field(default_factory=dict)
    started: float = 0.0
    ended: float = 0.0
    stale: bool = False
    sweep: Path | None = None

    def value(self, key: str) -> Any:
        """A group's option, or the config's value at a dotted key, interpolations resolved; ``-`` if missing."""
        if key in self.choices:
            return self.choices[key]
        found = find(self.config, key)
        if isinstance(found, Mapping) and found:
            return MISSING  # a node has no value of its own, its keys have
        return _resolved(self.config, key, found) if isinstance(found, str) and "${" in found else found

    @property
    def repetition(self) -> tuple[Any, ...]:
        """Its seed and fold, which distinguish runs of one configuration."""
        return tuple(self.value(key) for key in REPETITIONS)


def find(config: Mapping[str, Any], key: str) -> Any:
    """The value of a nested mapping at a dotted key; ``-`` if missing."""
    node: Any = config
    for name in key.split("."):
        if not isinstance(node, Mapping) or name not in node:
            return MISSING
        node = node[name]
    return node


def gather(places: Iterable[str | Path], settings: bool = True) -> tuple[list[Run], list[str]]:
    """Every run in or below the folders, each once, and a line for each unreadable file.

    Without ``settings`` the runs lack ``config`` and ``typed``, whose parsing takes most of the time.
    """
    runs: dict[Path, Run] = {}
    notes: list[str] = []
    for place in places:
        for folder, names, _ in os.walk(place):
            names[:] = sorted((name for name in names if name != ".hydra"), key=_natural)
            path = Path(folder)
            if (path / "sweep.json").is_file():
                runs.update((run.path.resolve(), run) for run in _jobs(path, notes, settings))
            if _is_run(path):
                names.clear()
                if path.resolve() not in runs:
                    runs[path.resolve()] = read(path, notes, settings)
    return list(runs.values()), notes


def read(path: Path, notes: list[str], settings: bool = True) -> Run:
    """One run directory, see ``gather``.

    A file that is broken or half-written makes the run ``unreadable`` and leaves a note.
    """
    results, status = _json(path / "results.json", notes), _json(path / "status.json", notes)
    config = {"seed": (results or {}).get("seed", MISSING)}
    state, reason = _state(results, status, notes, path)
    run = Run(path, state, reason, _choices(path, results or {}, notes), config)
    if settings:
        config |= renamed.config(_mapping(_yaml(path / ".hydra" / "config.yaml", notes)))
        run.typed = _typed(path, notes)
    objective, scores = (_mapping((results or {}).get(key)) for key in ("objective", "metrics"))
    if isinstance(objective.get("name"), str):
        run.objectives = (Objective(objective["name"], str(objective.get("mode", "min"))),)
        scores[objective["name"]] = objective.get("value")
    run.scores = {str(name): float(value) for name, value in scores.items() if _finite(value)}
    run.stale = state == "interrupted" and (status or {}).get("state") == "running"
    run.started = _timestamp((status or {}).get("started")) or _modified(path / ".hydra")
    run.ended = _timestamp((status or {}).get("ended")) or _modified(path / "results.json")
    if state == "completed" and not run.objectives:
        run.state, run.reason = "unreadable", "results.json names no objective"
        notes.append(f"{path / 'results.json'} names no objective")
    return run


def sweep_state(path: Path) -> str:
    """The state in a sweep's ledger; ``stale`` if it is running although its process is dead."""
    ledger = _json(path / "sweep.json", []) or {}
    state = str(ledger.get("state", "unreadable"))
    return "stale" if state == "running" and _gone(ledger) else state


def _jobs(path: Path, notes: list[str], settings: bool) -> Iterable[Run]:
    """The jobs in a sweep's ledger. An unreadable ledger yields none: ``gather`` then finds its runs one by one."""
    ledger = _json(path / "sweep.json", notes)
    if not ledger or not isinstance(ledger.get("jobs"), list):
        return
    jobs = [job for job in ledger["jobs"] if isinstance(job, Mapping) and "number" in job]
    if len(jobs) < len(ledger["jobs"]):
        notes.append(f"{path / 'sweep.json'} has {len(ledger['jobs']) - len(jobs)} jobs without a number")
    axes = tuple(str(key) for key in ledger.get("axes") or ())
    objectives = tuple(Objective(each["name"], each["mode"]) for each in ledger.get("objectives") or ())
    for job in jobs:
        where = path / str(job["number"])
        run = read(where, notes, settings) if _is_run(where) else Run(where, "pending")
        run.axes, run.sweep = axes, path
        _reconcile(run, job, ledger)
        values = job.get("values") or ()
        if run.state == "completed" and len(objectives) > 1 and len(values) == len(objectives):
            run.objectives = objectives
            pairs = zip(objectives, values, strict=True)
            run.scores |= {each.name: float(value) for each, value in pairs if _finite(value)}
        yield run


def _is_run(path: Path) -> bool:
    """Whether a run has started here; a sweep creates a job's folder earlier."""
    return any((path / mark).exists() for mark in MARKS)


def _reconcile(run: Run, job: Mapping[str, Any], ledger: Mapping[str, Any]) -> None:
    """Decide a job's state where the ledger and its own directory differ.

    The ledger knows of kills that the job could not record. A job's ``completed`` may be newer than the ledger, if the
    sweep was killed.
    """
    state = str(job.get("state", "pending"))
    if state in ("failed", "pruned") or (state == "interrupted" and run.state != "completed"):
        run.state, run.reason, run.stale = state, one_line(job.get("reason") or run.reason), False
    elif state == "completed" and run.state == "pending":
        run.state, run.reason = "unreadable", "its directory is missing"
    elif state == "running" and run.state == "pending":
        gone = _gone(ledger)
        run.state, run.reason, run.stale = ("interrupted", gone, True) if gone else ("running", "", False)
    if state == "pruned" and job.get("epoch") is not None and "epoch" not in run.reason:
        run.reason = f"after epoch {job['epoch']}" + (f": {run.reason}" if run.reason else "")


def _state(
    results: Mapping[str, Any] | None, status: Mapping[str, Any] | None, notes: list[str], path: Path
) -> tuple[str, str]:
    """State and reason from the two small files; None stands for a broken file, {} for a missing one."""
    if status is None or results is None:
        return "unreadable", f"{'status' if status is None else 'results'}.json is broken"
    state = str(status.get("state") or ("completed" if results else "interrupted"))
    if state == "completed" and not results:
        notes.append(f"{path} is completed and has no results.json")
        return "unreadable", "results.json is missing"
    if state == "running" and (gone := _gone(status)):
        return "interrupted", gone
    return state, one_line(status.get("error") or "") if state != "completed" else ""


def _gone(record: Mapping[str, Any]) -> str:
    """A line if the recorded process is known to be dead; on other machines that cannot be checked."""
    if record.get("host") != socket.gethostname() or not isinstance(record.get("pid"), int) or record.get("ended"):
        return ""
    return f"process {record['pid']} is gone" if is_gone(record["pid"]) else ""


def _choices(path: Path, results: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """The option of each group, from Hydra's record; results.json has the four groups that every run has."""
    chosen = _mapping(_chosen(path / ".hydra" / "hydra.yaml", notes))
    chosen |= {name: results[name] for name in ("model", "data", "task", "optimizer") if name in results}
    return {name: chosen[name] for name in GROUPS if name in chosen}


def _chosen(path: Path, notes: list[str]) -> Any:
    """``hydra.runtime.choices``, parsed alone if possible: it is a tenth of a long file, and parsing YAML is slow."""
    with contextlib.suppress(OSError, ValueError, yaml.YAMLError):
        lines = path.read_text(encoding="utf-8").partition("\n    choices:\n")[2].splitlines()
        if found := yaml.load("\n".join(takewhile(lambda line: line.startswith("      "), lines)), Loader=_Loader):
            return found
    return find(_mapping(_yaml(path, notes)), "hydra.runtime.choices")


def _mapping(found: Any) -> dict[str, Any]:
    """The value as a dict; empty if it is not a mapping."""
    return dict(found) if isinstance(found, Mapping) else {}


def overrides(path: Path, notes: list[str]) -> list[str]:
    """The overrides of a run, without ``resume=``."""
    found = _yaml(path / ".hydra" / "overrides.yaml", notes)
    return [str(text) for text in found if not str(text).startswith("resume=")] if isinstance(found, list) else []


def _typed(path: Path, notes: list[str]) -> tuple[str, ...]:
    texts = overrides(path, notes)
    return tuple(dict.fromkeys(text.lstrip("+~").partition("=")[0].partition("@")[0] for text in texts))


def _json(path: Path, notes: list[str]) -> dict[str, Any] | None:
    """The object in a file; {} if there is no file, None and a note if it is broken."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        notes.append(f"{path} cannot be read: {one_line(error)}")
        return None
    if not isinstance(content, dict):
        notes.append(f"{path} cannot be read: it contains no JSON object")
        return None
    return content


def _yaml(path: Path, notes: list[str]) -> Any:
    try:
        return safe_yaml.load(path) or {}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        notes.append(f"{path} cannot be read: {one_line(error)}")
        return {}


def _resolved(config: Mapping[str, Any], key: str, text: str) -> Any:
    """The value of an interpolation, or its text if it cannot be resolved within the config."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        found = OmegaConf.select(OmegaConf.create(dict(config)), key)
    except OmegaConfBaseException:
        return text
    return OmegaConf.to_container(found) if OmegaConf.is_config(found) else found


def one_line(text: object) -> str:
    """The first line of a text, at most 160 characters of it."""
    lines = str(text).strip().splitlines() or [""]
    return lines[0] if len(lines[0]) <= 160 else f"{lines[0][:157]}..."


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _timestamp(text: object) -> float:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return 0.0


def _modified(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0


def _natural(name: str) -> tuple[int, str]:
    """Sort key by number, so that job 10 follows job 9."""
    return (int(name), name) if name.isdecimal() else (-1, name)
