"""Groups runs by configuration: runs that differ only in seed or fold are one row; the keys that differ are columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from netyard.config.catalog import GROUPS
from netyard.config.equal_values import with_floats
from netyard.config.flatten import leaves
from netyard.metrics.intervals import mean
from netyard.reports.baselines import Baseline, baselines_of
from netyard.run_directories import data_set as data_sets
from netyard.run_directories.records import MISSING, REPETITIONS, Objective, Run

# Keys that do not distinguish configurations, unless a sweep varies them: results do not depend on them, or they are
# repetitions (seed, fold).
INCIDENTAL = (
    *("seed", "data.fold", "threads", "tags", "resume", "logger", "data.num_workers", "sweep"),
    *("trainer.test", "trainer.log_every_n_steps", "trainer.enable_progress_bar", "baselines", "diagnostics"),
)
LABELS = ("experiment", "debug")  # groups that only set other keys, which are compared themselves


@dataclass
class Row:
    """One configuration: its runs, one for each seed and fold, best first.

    Attributes:
        cells: the values of the table's columns.
    """

    runs: list[Run]
    cells: dict[str, Any] = field(default_factory=dict)

    def values(self, name: str) -> list[float]:
        """The values of a metric in the runs that have it."""
        return [run.scores[name] for run in self.runs if name in run.scores]

    def by_repetition(self, name: str) -> dict[tuple[Any, ...], float]:
        """The same by seed and fold, to compare two rows in pairs."""
        return {run.repetition: run.scores[name] for run in self.runs if name in run.scores}


@dataclass
class Table:
    """The configurations with the same objective on the same data, best first.

    Attributes:
        ranked: the objective that the rows are sorted by.
        others: further objectives of the same runs.
        columns: the config keys that differ between the rows.
        notes: remarks on how the rows were made.
        data: what distinguishes its data from that of other tables, as ``{"data": "iris"}``.
        baselines: of these data, best first; they are no rows, and in no statistics.
    """

    ranked: Objective
    others: tuple[Objective, ...]
    columns: list[str]
    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    baselines: list[Baseline] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The objective, and the data if there are tables of other data."""
        keys = [_written(value) if key == "data" else f"{key}={_written(value)}" for key, value in self.data.items()]
        return " ".join([self.ranked.name, *["on"] * bool(keys), *keys])

    @property
    def repeated(self) -> str:
        """What the number of runs in a row counts: seeds, folds, or both."""
        runs = [run for row in self.rows for run in row.runs]
        varied = [
            name for name, key in (("seeds", "seed"), ("folds", "data.fold")) if len({r.value(key) for r in runs}) > 1
        ]
        return " and ".join(varied) or "seeds"

    @property
    def front(self) -> list[Row]:
        """The Pareto front of several objectives: the rows that no other row dominates."""
        objectives = (self.ranked, *self.others)
        return [row for row in self.rows if not any(_dominates(other, row, objectives) for other in self.rows)]


def tabulate(runs: Iterable[Run], metric: Objective | None = None) -> list[Table]:
    """Return a table for each objective and data set of the completed runs; ``metric`` replaces their objectives."""
    # Runs with different objectives cannot be ranked together, nor those on different data.
    members: dict[str, tuple[tuple[Objective, ...], list[Run]]] = {}
    for run in runs:
        objectives = (metric,) if metric else run.objectives
        if run.state == "completed" and data_sets.is_ranked(run) and objectives and objectives[0].name in run.scores:
            run = replace(run, config=with_floats(run.config))
            data = data_sets.data_set(run, objectives[0].name)
            members.setdefault(_text([list(map(str, objectives)), data]), (objectives, []))[1].append(run)
    tables = [_table(*found) for found in members.values()]
    where = [data_sets.data_set(table.rows[0].runs[0], table.ranked.name) for table in tables]
    keys = data_sets.differing(where) if tables else []
    for table, each in zip(tables, where, strict=True):
        table.data = {key: each.get(key, MISSING) for key in keys}
    return tables


def _table(objectives: tuple[Objective, ...], runs: Sequence[Run]) -> Table:
    ranked = objectives[0]
    axes = {axis for run in runs for axis in run.axes}
    sign = 1 if ranked.mode == "min" else -1  # sorted ascending, so that the best comes first
    members: dict[str, dict[tuple[Any, ...], Run]] = {}
    repeated = 0
    for run in sorted(runs, key=lambda run: run.ended):
        same = members.setdefault(_identity(run, axes), {})
        # Two runs of one configuration and seed are the same experiment: counting both would make n too large.
        repeated += run.repetition in same
        same[run.repetition] = run  # the latest one, because runs are sorted by time
    rows = [Row(sorted(same.values(), key=lambda run: sign * run.scores[ranked.name])) for same in members.values()]
    rows.sort(key=lambda row: sign * mean(row.values(ranked.name)))
    # The runs of a row differ in nothing but seed and fold, so one of them stands for the row.
    columns = differing([row.runs[0] for row in rows])
    for row in rows:
        row.cells = {key: row.runs[0].value(key) for key in columns}
    some = "1 older run" if repeated == 1 else f"{repeated} older runs"
    notes = [f"{some} of the same configuration and seed {'is' if repeated == 1 else 'are'} left out."] * bool(repeated)
    if ranked.name.endswith("/loss") and len({_loss(row.runs[0]) for row in rows}) > 1:
        notes.append(f"Rows have different losses, so {ranked.name} is not the same quantity in all of them.")
    table = Table(ranked, objectives[1:], columns, rows, notes)
    if "folds" in table.repeated:
        # Scores of folds are correlated, and both statistics assume independent runs (Bengio & Grandvalet 2004).
        notes.append("Folds share training samples: intervals and p values over folds are smaller than they should be.")
    table.baselines = baselines_of(runs, [ranked.name, f"test/{ranked.name.partition('/')[2]}"])
    return table


def differing(runs: Sequence[Run]) -> list[str]:
    """Return the keys that distinguish configurations (given one run of each), without those that follow from others.

    First the keys that a sweep varied or the user set, then config groups, then other config keys; of groups and other
    keys only those that are not determined by the keys before them.
    """
    chosen = [key for key in _candidates(runs) if _differs(runs, key)]
    groups = [name for name in GROUPS if name not in INCIDENTAL]
    # model=resnet18 changes ten keys of the config: only the group becomes a column.
    for key in (*groups, *_keys(runs)):
        if key not in chosen and _differs(runs, key) and not _is_determined(runs, key, chosen):
            chosen.append(key)
    return chosen


def _candidates(runs: Sequence[Run]) -> list[str]:
    """Return the keys that sweeps varied, then other overrides."""
    keys = dict.fromkeys(axis for run in runs for axis in run.axes)
    # Overrides that are equal in all runs of a sweep may still differ between the sweeps of one report.
    keys |= dict.fromkeys(key for run in runs for key in run.typed if not _incidental(key, run.axes))
    return [key for key in keys if key not in REPETITIONS and not key.startswith("hydra")]


def _identity(run: Run, axes: Iterable[str]) -> str:
    """Return a text that is equal for runs with the same configuration."""
    # Keys that do not change results must not split one configuration into several rows.
    config = {key: value for key, value in leaves(run.config, empty=True) if not _incidental(key, axes)}
    chosen = {group: option for group, option in run.choices.items() if not _incidental(group, axes)}
    return _text([{group: option for group, option in chosen.items() if group not in LABELS}, config])


def _incidental(key: str, axes: Iterable[str]) -> bool:
    if key in REPETITIONS:
        return True
    return key not in axes and any(key == name or key.startswith(f"{name}.") for name in INCIDENTAL)


def _keys(runs: Sequence[Run]) -> list[str]:
    """Return the keys of the configs that are not written identically in all of them."""
    # As written, so that ``${trainer.max_epochs}`` is equal everywhere: it only repeats another key.
    values: dict[str, list[str]] = {}
    for run in runs:
        for key, value in leaves(run.config, empty=True):
            values.setdefault(key, []).append(_text(value))
    # A key that some configs lack differs too: a model without dropout has no such key.
    return [key for key, texts in values.items() if len(texts) < len(runs) or len(set(texts)) > 1]


def _differs(runs: Sequence[Run], key: str) -> bool:
    return not _incidental(key, runs[0].axes) and len({_text(run.value(key)) for run in runs}) > 1


def _is_determined(runs: Sequence[Run], key: str, chosen: Sequence[str]) -> bool:
    """Return whether runs that agree in the chosen keys also agree in this one."""
    # ``seen``: for each combination of chosen values, the value of the key in the first run that has it.
    seen: dict[tuple[str, ...], str] = {}
    return bool(chosen) and all(
        seen.setdefault(tuple(_text(run.value(each)) for each in chosen), text := _text(run.value(key))) == text
        for run in runs
    )


def _text(value: Any) -> str:
    """Return a text that is equal for equal values; 1 and 1.0 are two values, see ``equal_values``."""
    return json.dumps(value, sort_keys=True, default=str)


def _loss(run: Run) -> str:
    """What the loss of a run is built from, its class weights and the like included."""
    return _text(run.config.get("loss"))


def _written(value: Any) -> str:
    return value if isinstance(value, str) else _text(value)


def _dominates(one: Row, other: Row, objectives: Sequence[Objective]) -> bool:
    """Return whether a row is at least as good as another in every objective, and better in one."""
    pairs = []
    for objective in objectives:
        if not one.values(objective.name) or not other.values(objective.name):
            return False
        sign = 1 if objective.mode == "max" else -1
        pairs.append((sign * mean(one.values(objective.name)), sign * mean(other.values(objective.name))))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)
