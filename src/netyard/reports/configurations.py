"""Runs grouped by configuration: repetitions with other seeds are one row; the keys that differ are columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netyard.config.catalog import GROUPS
from netyard.config.flatten import leaves
from netyard.metrics.intervals import mean
from netyard.run_directories.records import REPETITIONS, Objective, Run

# Keys that do not distinguish configurations, unless a sweep varies them: results do not depend on them, or (seed,
# fold) they are repetitions.
INCIDENTAL = ("seed", "data.fold", "threads", "tags", "resume", "logger", "data.num_workers", "sweep")
LABELS = ("experiment", "debug")  # names for values that the config has


@dataclass
class Row:
    """One configuration: its runs, one a seed and fold, best first."""

    runs: list[Run]
    cells: dict[str, Any] = field(default_factory=dict)

    def values(self, name: str) -> list[float]:
        return [run.scores[name] for run in self.runs if name in run.scores]

    def by_repetition(self, name: str) -> dict[tuple[Any, ...], float]:
        return {run.repetition: run.scores[name] for run in self.runs if name in run.scores}


@dataclass
class Table:
    """The configurations that had one objective, best first.

    Attributes:
        ranked: what the rows are ordered by.
        others: further objectives of the same runs.
        columns: the keys that differ.
        notes: what a reader must know of how the rows came about.
    """

    ranked: Objective
    others: tuple[Objective, ...]
    columns: list[str]
    rows: list[Row]
    notes: list[str] = field(default_factory=list)

    @property
    def repeated(self) -> str:
        """What n counts: seeds, folds, or both."""
        runs = [run for row in self.rows for run in row.runs]
        varied = [
            name for name, key in (("seeds", "seed"), ("folds", "data.fold")) if len({r.value(key) for r in runs}) > 1
        ]
        return " and ".join(varied) or "seeds"

    @property
    def front(self) -> list[Row]:
        """Of several objectives, the rows that no other row is at least as good as in all and better in one."""
        aims = (self.ranked, *self.others)
        return [row for row in self.rows if not any(_dominates(other, row, aims) for other in self.rows)]


def tabulate(runs: Iterable[Run], metric: Objective | None = None) -> list[Table]:
    """A table for each objective among the completed runs; ``metric`` takes the objectives' place."""
    kinds: dict[tuple[Objective, ...], list[Run]] = {}
    for run in runs:
        aims = (metric,) if metric else run.objectives
        if run.state == "completed" and aims and aims[0].name in run.scores:
            kinds.setdefault(aims, []).append(run)
    return [_table(aims, members) for aims, members in kinds.items()]


def _table(aims: tuple[Objective, ...], runs: Sequence[Run]) -> Table:
    ranked = aims[0]
    axes = {axis for run in runs for axis in run.axes}
    sign = 1 if ranked.mode == "min" else -1
    members: dict[str, dict[tuple[Any, ...], Run]] = {}
    repeated = 0
    for run in sorted(runs, key=lambda run: run.ended):
        same = members.setdefault(_identity(run, axes), {})
        repeated += run.repetition in same
        same[run.repetition] = run  # the latest
    rows = [Row(sorted(same.values(), key=lambda run: sign * run.scores[ranked.name])) for same in members.values()]
    rows.sort(key=lambda row: sign * mean(row.values(ranked.name)))
    columns = differing([row.runs[0] for row in rows])
    for row in rows:
        row.cells = {key: row.runs[0].value(key) for key in columns}
    notes = [f"{repeated} older runs of the same configuration and seed are left out."] if repeated else []
    table = Table(ranked, aims[1:], columns, rows, notes)
    if "folds" in table.repeated:
        notes.append("Folds share training samples: an interval or a p value of them is smaller than it should be.")
    return table


def differing(runs: Sequence[Run]) -> list[str]:
    """The keys that distinguish configurations (given one run of each), without those that follow from others.

    First what the sweep varied or the user typed, then groups, then keys of the config; of the last two only what the
    keys before them do not decide.
    """
    chosen = [key for key in _candidates(runs) if _differs(runs, key)]
    groups = [name for name in GROUPS if name not in INCIDENTAL]
    for key in (*groups, *_keys(runs)):
        if key not in chosen and _differs(runs, key) and not _decided(runs, key, chosen):
            chosen.append(key)
    return chosen


def _candidates(runs: Sequence[Run]) -> list[str]:
    """Swept keys, then typed ones: what else was typed is the same in all of a sweep, but not in two of them."""
    keys = dict.fromkeys(axis for run in runs for axis in run.axes)
    keys |= dict.fromkeys(key for run in runs for key in run.typed if not _incidental(key, run.axes))
    return [key for key in keys if key not in REPETITIONS and not key.startswith("hydra")]


def _identity(run: Run, axes: Iterable[str]) -> str:
    """Equal of two runs that are repetitions of one configuration."""
    config = {key: value for key, value in leaves(run.config, empty=True) if not _incidental(key, axes)}
    chosen = {group: option for group, option in run.choices.items() if not _incidental(group, axes)}
    return _text([{group: option for group, option in chosen.items() if group not in LABELS}, config])


def _incidental(key: str, axes: Iterable[str]) -> bool:
    if key in REPETITIONS:
        return True
    return key not in axes and any(key == name or key.startswith(f"{name}.") for name in INCIDENTAL)


def _keys(runs: Sequence[Run]) -> list[str]:
    """The keys of the configs that are not written the same in all of them: an interpolation repeats another key."""
    values: dict[str, list[str]] = {}
    for run in runs:
        for key, value in leaves(run.config, empty=True):
            values.setdefault(key, []).append(_text(value))
    return [key for key, texts in values.items() if len(texts) < len(runs) or len(set(texts)) > 1]


def _differs(runs: Sequence[Run], key: str) -> bool:
    return not _incidental(key, runs[0].axes) and len({_text(run.value(key)) for run in runs}) > 1


def _decided(runs: Sequence[Run], key: str, chosen: Sequence[str]) -> bool:
    """Whether runs that agree in the chosen keys agree in this one."""
    seen: dict[tuple[str, ...], str] = {}
    return bool(chosen) and all(
        seen.setdefault(tuple(_text(run.value(each)) for each in chosen), text := _text(run.value(key))) == text
        for run in runs
    )


def _text(value: Any) -> str:
    """Equal of equal values: 1 and 1.0 are."""
    return json.dumps(_number(value), sort_keys=True, default=str)


def _number(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _number(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_number(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _dominates(one: Row, other: Row, aims: Sequence[Objective]) -> bool:
    pairs = []
    for aim in aims:
        if not one.values(aim.name) or not other.values(aim.name):
            return False
        sign = 1 if aim.mode == "max" else -1
        pairs.append((sign * mean(one.values(aim.name)), sign * mean(other.values(aim.name))))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)
