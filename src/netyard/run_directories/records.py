"""Read many runs from their directories: configs, states and scores. Nothing that is broken raises an error here."""

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

MARKS = (".hydra", "status.json", "results.json")  # a folder with any of these is a run directory
REPETITIONS = ("seed", "data.fold")  # runs that differ only in these are repetitions of one configuration
MISSING = "-"
# The parser in C is much faster; PyYAML may be installed without it.
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
        baselines: what models without a network reach, by metric and name; empty for runs that have none.
        compared: the metric that the network is compared with them by; None for such runs.
        started, ended: seconds since 1970; 0 if unknown.
        stale: whether its state is running although its process is dead.
        sweep: the directory of its sweep, if it is a job.
        name: what varies of it, if it is a job; empty for jobs of earlier versions.
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
    baselines: dict[str, dict[str, float]] = field(default_factory=dict)
    compared: Objective | None = None
    started: float = 0.0
    ended: float = 0.0
    stale: bool = False
    sweep: Path | None = None
    name: str = ""

    # Mutable, unlike most dataclasses here: ``_reconcile`` corrects runs by the ledger of their sweep.

    def value(self, key: str) -> Any:
        """A group's option, or the config's value at a dotted key, interpolations resolved; ``-`` if missing."""
        if key in self.choices:
            return self.choices[key]
        found = find(self.config, key)
        if isinstance(found, Mapping) and found:
            return MISSING  # a node has no single value to show in a table
        return _resolved(self.config, key, found) if isinstance(found, str) and "${" in found else found

    @property
    def repetition(self) -> tuple[Any, ...]:
        """Its seed and fold, which distinguish runs of one configuration."""
        return tuple(self.value(key) for key in REPETITIONS)


def find(config: Mapping[str, Any], key: str) -> Any:
    """Return the value of a nested mapping at a dotted key; ``-`` if missing."""
    node: Any = config
    for name in key.split("."):
        if not isinstance(node, Mapping) or name not in node:
            return MISSING
        node = node[name]
    return node


def gather(places: Iterable[str | Path], settings: bool = True) -> tuple[list[Run], list[str]]:
    """Return every run in or below the folders, each once, and a line for each unreadable file.

    Without ``settings``, ``config`` and ``typed`` of the runs stay empty: parsing them takes most of the time.
    """
    runs: dict[Path, Run] = {}
    notes: list[str] = []
    for place in places:
        for folder, names, _ in os.walk(place):
            names[:] = sorted((name for name in names if name != ".hydra"), key=_natural)
            path = Path(folder)
            # Before its folders are walked: the ledger has states that the job directories do not have.
            if (path / "sweep.json").is_file():
                runs.update((run.path.resolve(), run) for run in _jobs(path, notes, settings))
            if _is_run(path):
                names.clear()  # do not walk into checkpoints/ and the like
                if path.resolve() not in runs:
                    runs[path.resolve()] = read(path, notes, settings)
    return list(runs.values()), notes


def read(path: Path, notes: list[str], settings: bool = True) -> Run:
    """Read one run directory; see ``gather``.

    A file that is broken or half-written makes the run ``unreadable`` and leaves a note.
    """
    # None is a broken file, {} a missing one; the two mean different states.
    results, status = _json(path / "results.json", notes), _json(path / "status.json", notes)
    # The seed is needed by every table; the rest of the config is only read with ``settings``.
    config = {"seed": (results or {}).get("seed", MISSING)}
    state, reason = _state(results, status, notes, path)
    run = Run(path, state, reason, _choices(path, results or {}, notes), config)
    if settings:
        config |= renamed.config(_mapping(_yaml(path / ".hydra" / "config.yaml", notes)))
        run.choices = renamed.choices(run.choices, config)
        run.typed = _typed(path, notes)
    objective, scores = (_mapping((results or {}).get(key)) for key in ("objective", "metrics"))
    if isinstance(objective.get("name"), str):
        run.objectives = (Objective(objective["name"], str(objective.get("mode", "min"))),)
        scores[objective["name"]] = objective.get("value")
    run.scores = _numbers(scores)
    measured = {
        str(name): _numbers(_mapping(each)) for name, each in _mapping((results or {}).get("baselines")).items()
    }
    run.baselines = {name: values for name, values in measured.items() if values}
    facts = _mapping((results or {}).get("baseline_facts"))
    if facts.get("metric") in run.baselines and facts.get("mode") in ("min", "max"):
        run.compared = Objective(facts["metric"], facts["mode"])
    # ``_state`` has turned a "running" whose process is dead into "interrupted".
    run.stale = state == "interrupted" and (status or {}).get("state") == "running"
    # Runs of earlier versions have no times in status.json: the modification times of files that are written once.
    run.started = _timestamp((status or {}).get("started")) or _modified(path / ".hydra")
    run.ended = _timestamp((status or {}).get("ended")) or _modified(path / "results.json")
    # Every table ranks by the objective; a completed run without one cannot be compared.
    if state == "completed" and not run.objectives:
        run.state, run.reason = "unreadable", "results.json names no objective"
        notes.append(f"{path / 'results.json'} names no objective")
    return run


def sweep_state(path: Path) -> str:
    """Return the state in a sweep's ledger; ``stale`` if it is running although its process is dead."""
    ledger = _json(path / "sweep.json", []) or {}
    state = str(ledger.get("state", "unreadable"))
    return "stale" if state == "running" and _gone(ledger) else state


def _jobs(path: Path, notes: list[str], settings: bool) -> Iterable[Run]:
    """Yield the jobs in a sweep's ledger; none if it is unreadable: ``gather`` then finds the runs one by one."""
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
        run.name = str((_json(where / "job.json", notes) or {}).get("name") or "")
        _reconcile(run, job, ledger)
        # With several objectives, the ledger has the values; a run's results.json has only the first.
        values = job.get("values") or ()
        if run.state == "completed" and len(objectives) > 1 and len(values) == len(objectives):
            run.objectives = objectives
            pairs = zip(objectives, values, strict=True)
            run.scores |= {each.name: float(value) for each, value in pairs if _finite(value)}
        yield run


def _is_run(path: Path) -> bool:
    """Whether a run was started in this folder; a sweep creates the folder of a job earlier."""
    return any((path / mark).exists() for mark in MARKS)


def _reconcile(run: Run, job: Mapping[str, Any], ledger: Mapping[str, Any]) -> None:
    """Decide a job's state where the ledger and its own directory differ.

    The ledger contains kills that the job could not record itself. A job's ``completed`` may be newer than the ledger,
    if the sweep was killed.
    """
    state = str(job.get("state", "pending"))
    # The sweep saw how the process ended, so its "failed", "pruned" and "interrupted" are right.
    if state in ("failed", "pruned") or (state == "interrupted" and run.state != "completed"):
        run.state, run.reason, run.stale = state, one_line(job.get("reason") or run.reason), False
    elif state == "completed" and run.state == "pending":
        run.state, run.reason = "unreadable", "its directory is missing"
    # Started, but killed before it wrote any file: the sweep's own process tells whether it may still come.
    elif state == "running" and run.state == "pending":
        gone = _gone(ledger)
        run.state, run.reason, run.stale = ("interrupted", gone, True) if gone else ("running", "", False)
    if state == "pruned" and job.get("epoch") is not None and "epoch" not in run.reason:
        run.reason = f"after epoch {job['epoch']}" + (f": {run.reason}" if run.reason else "")


def _state(
    results: Mapping[str, Any] | None, status: Mapping[str, Any] | None, notes: list[str], path: Path
) -> tuple[str, str]:
    """Return state and reason from the two small files; None means a broken file, {} a missing one."""
    if status is None or results is None:
        return "unreadable", f"{'status' if status is None else 'results'}.json is broken"
    # Without status.json: a run of an early version, or one that was killed while it started.
    state = str(status.get("state") or ("completed" if results else "interrupted"))
    if state == "completed" and not results:
        notes.append(f"{path} is completed and has no results.json")
        return "unreadable", "results.json is missing"
    if state == "running" and (gone := _gone(status)):
        return "interrupted", gone
    return state, one_line(status.get("error") or "") if state != "completed" else ""


def _gone(record: Mapping[str, Any]) -> str:
    """Return a line if the recorded process is known to be dead; an empty text if not, or on another machine."""
    if record.get("host") != socket.gethostname() or not isinstance(record.get("pid"), int) or record.get("ended"):
        return ""
    return f"process {record['pid']} is gone" if is_gone(record["pid"]) else ""


def _choices(path: Path, results: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """Return the option of each group, from Hydra's record and results.json, which has the four main groups."""
    chosen = _mapping(_chosen(path / ".hydra" / "hydra.yaml", notes))
    chosen |= {name: results[name] for name in ("model", "data", "task", "optimizer") if name in results}
    return {name: chosen[name] for name in GROUPS if name in chosen}


def _chosen(path: Path, notes: list[str]) -> Any:
    """Return ``hydra.runtime.choices``; only these lines are parsed if possible, because parsing YAML is slow."""
    with contextlib.suppress(OSError, ValueError, yaml.YAMLError):
        # ``hydra_internals.masked_yaml`` has written the file, so the indentation is fixed; any other file is parsed
        # as a whole below.
        lines = path.read_text(encoding="utf-8").partition("\n    choices:\n")[2].splitlines()
        text = "\n".join(takewhile(lambda line: line.startswith("      "), lines))
        # A run directory may come from somebody else: thousands of nested brackets would crash the parser.
        if not safe_yaml.fault(text) and (found := yaml.load(text, Loader=_Loader)):
            return found
    return find(_mapping(_yaml(path, notes)), "hydra.runtime.choices")


def _mapping(found: Any) -> dict[str, Any]:
    """Return the value as a dict; empty if it is not a mapping."""
    return dict(found) if isinstance(found, Mapping) else {}


def overrides(path: Path, notes: list[str]) -> list[str]:
    """Return the overrides of a run, without ``resume=``."""
    found = _yaml(path / ".hydra" / "overrides.yaml", notes)
    return [str(text) for text in found if not str(text).startswith("resume=")] if isinstance(found, list) else []


def _typed(path: Path, notes: list[str]) -> tuple[str, ...]:
    """Return the keys of a run's overrides, each once: of ``+callbacks/x@here=y`` it is ``callbacks/x``."""
    texts = overrides(path, notes)
    return tuple(dict.fromkeys(text.lstrip("+~").partition("=")[0].partition("@")[0] for text in texts))


def _json(path: Path, notes: list[str]) -> dict[str, Any] | None:
    """Return the object in a JSON file; {} if there is no file, None and a note if it is broken."""
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
    """Return the value of an interpolation, or its text if it cannot be resolved within the config."""
    # Imported here: a list of runs rarely needs it.
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        found = OmegaConf.select(OmegaConf.create(dict(config)), key)
    except OmegaConfBaseException:
        return text
    return OmegaConf.to_container(found) if OmegaConf.is_config(found) else found


def one_line(text: object) -> str:
    """Return the first line of a text, at most 160 characters of it."""
    lines = str(text).strip().splitlines() or [""]
    return lines[0] if len(lines[0]) <= 160 else f"{lines[0][:157]}..."


def _numbers(values: Mapping[Any, Any]) -> dict[str, float]:
    return {str(name): float(value) for name, value in values.items() if _finite(value)}


def _finite(value: object) -> bool:
    # Results have null for NaN; a table of scores can neither rank nor average it.
    return isinstance(value, int | float) and math.isfinite(value)


def _timestamp(text: object) -> float:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return 0.0


def _modified(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0


def _natural(name: str) -> tuple[int, str]:
    """Return a sort key by number, so that job 10 follows job 9."""
    return (int(name), name) if name.isdecimal() else (-1, name)
