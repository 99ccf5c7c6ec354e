"""One run as a page of its own: what it is, what it reached, its curves, mistakes, pictures, changes and environment.

Everything is in the one HTML file, so that it can be sent and kept.
"""

from __future__ import annotations

import base64
import csv
import io
import math
import shlex
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from netyard.config.catalog import GROUPS
from netyard.config.flatten import leaves
from netyard.io.readable import short_path
from netyard.reports import curves
from netyard.reports.charts import Chart, Series, line_chart
from netyard.reports.files import end_of, is_own, mapping, object_of, text_of
from netyard.reports.page import Tile, duration, render
from netyard.reports.tables import shown
from netyard.run_directories.records import MISSING, Run, one_line

MOST_CURVES, MOST_PICTURES, MOST_TEXTS, MOST_TILES = 16, 24, 8, 4
LARGEST_PICTURE, LARGEST_TEXT = 4_000_000, 100_000  # bytes
LAST_LINES = 25  # of the log of a run that did not complete
SPLIT = ("train", "val", "test")
NUMBERED = 40  # classes whose counts fit into the cells of the confusion matrix; of more they are read by pointing
MOST_CLASSES = 150  # of more the matrix is a picture alone: its table would have tens of thousands of cells
MOST_PAIRS = 10
WIDE = 1.6  # a picture's width by its height, from which it takes two columns
BAD = ("failed", "interrupted", "stale", "unreadable")

Points = Sequence[tuple[int, float]]
Defaults = Callable[[Sequence[str]], tuple[Mapping[str, Any], Mapping[str, Any]]]
"""Overrides -> the config that ``train.py`` would make of them, interpolations as written, and the choices."""


def run_page(run: Run, typed: Sequence[str], defaults: Defaults) -> str:
    """The HTML of one run, finished or not.

    Args:
        run: see ``runs.read``.
        typed: the overrides of its command line.
        defaults: composes the present default config, to find what the run has changed.
    """
    results, status = (object_of(run.path / f"{name}.json") for name in ("results", "status"))
    state = "stale" if run.stale else run.state
    measured = curves.columns(run)
    charts, left_out = _charts(measured, results)
    changes = _changes(run, typed, defaults)
    values: dict[str, Any] = {
        "state": state,
        "state_kind": "bad" if state in BAD else state if state in ("completed", "running") else "",
        "reason": str(status.get("error") or run.reason) if state in BAD else "",
        "remark": _remark(run, state, results),
        "lead": _lead(run, results, status),
        "place": short_path(run.path),
        "tiles_found": list(_tiles(run, results, status, measured)),
        "typed": " ".join(["python train.py", *(shlex.quote(text) for text in typed)]),
        "typed_words": list(typed),
        "rerun": f"netyard rerun {shlex.quote(str(run.path))}",
        "log": _log(run),
        "charts": charts,
        "left_out": left_out,
        "metrics": _metrics(results),
        "confusion": _confusion(run.path),
        "pictures": list(_pictures(run.path)),
        "texts": list(_texts(run.path)),
        "environment": list(_environment(results)),
        **changes,
    }
    named = (
        ("curves", "Curves", charts),
        ("metrics", "Metrics", values["metrics"]["rows"]),
        ("confusion", "Confusion", values["confusion"]),
        ("pictures", "Pictures", values["pictures"]),
        ("texts", "Texts", values["texts"]),
        ("changes", "Changes", True),
        ("environment", "Environment", values["environment"]),
    )
    sections = [(anchor, name) for anchor, name, there in named if there]
    return render("run.html", f"{run.value('model')} on {run.value('data')}", sections, **values)


def _lead(run: Run, results: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    """One sentence: what was trained, how, and when."""
    parts = [f"{str(run.value('task')).capitalize()} on {run.value('data')} by {run.value('model')}"]
    if (optimizer := run.value("optimizer")) != MISSING:
        parts[0] += f", trained with {optimizer}"
    if (seed := run.value("seed")) != MISSING:
        parts.append(f"seed {seed}")
    environment = mapping(results.get("environment"))
    if environment.get("device"):
        parts.append(f"on {environment['device']}")
    if status.get("started"):
        parts.append(f"begun {str(status['started'])[:16].replace('T', ' ')}")
    return ", ".join(map(str, parts)) + "."


def _remark(run: Run, state: str, results: Mapping[str, Any]) -> str:
    """What a reader must know of a page whose run has not (or not wholly) come to its end."""
    if state == "running":
        return "The run has not ended: this page shows what it had written so far; make it again for more."
    if state == "pending":
        return "The run has not begun."
    if state == "pruned":
        return f"The sweep ended this run early: {run.reason}" if run.reason else "The sweep ended this run early."
    if state == "completed":
        return "" if (run.path / "metrics.csv").is_file() else "The run has left no metrics.csv: there are no curves."
    had = (run.path / "metrics.csv").is_file() or results
    return "What is below is from before it ended." if had else "It ended before it had measured anything."


def _tiles(
    run: Run, results: Mapping[str, Any], status: Mapping[str, Any], measured: Mapping[str, Points]
) -> Iterator[Tile]:
    """The objective, the test's metrics, and what it took; of a run without results the last it has measured."""
    aim, metrics = mapping(results.get("objective")), mapping(results.get("metrics"))
    if aim:
        epoch = f"best, in epoch {aim['epoch']}" if aim.get("epoch") is not None else "best"
        yield Tile(str(aim.get("name")), _brief(aim.get("value")), f"objective, {epoch}", accent=True)
    twin = f"test/{str(aim.get('name')).partition('/')[2]}"
    tested = sorted(
        (name for name in metrics if name.startswith("test/")), key=lambda name: (name != twin, name == "test/loss")
    )
    for name in tested[:MOST_TILES]:
        yield Tile(name, _brief(metrics[name]))
    if not results:
        for name, points in [each for each in measured.items() if each[0].startswith("val/")][:MOST_TILES]:
            yield Tile(name, _brief(points[-1][1]), f"last, in epoch {points[-1][0]}")
    if (seconds := _seconds(run, results, status)) is not None:
        yield Tile("time", duration(seconds), "until now" if run.state == "running" else "")
    if isinstance(results.get("parameters"), int):
        yield Tile("parameters", f"{results['parameters']:,}")
    if isinstance(results.get("epochs"), int):
        steps = results.get("steps")
        yield Tile("epochs", f"{results['epochs']:,}", f"{steps:,} steps" if isinstance(steps, int) else "")


def _seconds(run: Run, results: Mapping[str, Any], status: Mapping[str, Any]) -> float | None:
    """Seconds of the run; without results, from the times in its status."""
    found = [value for value in mapping(results.get("seconds")).values() if isinstance(value, int | float)]
    if found:
        return math.fsum(found)
    if status.get("started") and status.get("ended") and run.ended > run.started > 0:
        return run.ended - run.started
    return None


def _metrics(results: Mapping[str, Any]) -> dict[str, Any]:
    """One row a metric, one column a split."""
    metrics = mapping(results.get("metrics"))
    names = dict.fromkeys(name.partition("/")[2] for name in sorted(metrics))
    splits = [split for split in SPLIT if any(name.startswith(f"{split}/") for name in metrics)]
    rows = [(name, *(_number(metrics.get(f"{split}/{name}")) for split in splits)) for name in names]
    return {"head": ("", *splits), "rows": rows}


def _charts(columns: Mapping[str, Points], results: Mapping[str, Any]) -> tuple[list[Chart], str]:
    """A chart for each metric that has more than one epoch, its splits together; and what there was no room for."""
    kinds: dict[str, list[str]] = {}
    for name, points in columns.items():
        if len(points) > 1:
            kinds.setdefault(name.rpartition("/")[2], []).append(name)
    aim = mapping(results.get("objective"))
    best = aim.get("epoch") if isinstance(aim.get("epoch"), int) else None
    first = str(aim.get("name", "val/loss")).rpartition("/")[2]
    # What the run was to reach comes first, then its loss, and what it did to reach that last.
    order = sorted(
        kinds, key=lambda kind: (kind != first, kind != "loss", not any("/" in name for name in kinds[kind]))
    )
    charts = [
        line_chart(kind, [Series(name, columns[name], kind=_kind(name)) for name in kinds[kind]], best=best)
        for kind in order[:MOST_CURVES]
    ]
    left = [name for kind in order[MOST_CURVES:] for name in kinds[kind]]
    note = f"{len(left)} more in metrics.csv: {', '.join(left[:20])}{', ...' * (len(left) > 20)}." if left else ""
    return [chart for chart in charts if chart is not None], note


def _kind(name: str) -> str:
    split = name.partition("/")[0]
    return {"train": "train", "test": "other"}.get(split, "")


def _changes(run: Run, typed: Sequence[str], defaults: Defaults) -> dict[str, Any]:
    """The groups that are not the defaults', and the keys that are not as the chosen options have them."""
    chosen = {group: option for group, option in run.choices.items() if group in GROUPS and isinstance(option, str)}
    try:
        _, usual = defaults([])
        config, _ = defaults([f"{group}={option}" for group, option in chosen.items()])
    except Exception as error:  # whatever an option that is gone by now, or a user's own file, leads to
        return {"groups": [], "keys": [], "not_compared": one_line(error)}
    groups = [(group, option, str(usual.get(group))) for group, option in chosen.items() if option != usual.get(group)]
    was, here = dict(leaves(config, empty=True)), dict(leaves(run.config, empty=True))
    keys = [key for key in dict.fromkeys([*here, *was]) if here.get(key, MISSING) != was.get(key, MISSING)]
    rows = [(key, _value(here, key), _value(was, key)) for key in keys]
    return {"groups": groups, "keys": rows, "not_compared": ""}


def _confusion(path: Path) -> dict[str, Any] | None:
    """The matrix of the test, by the counts beside its picture; None where there are none that make a matrix."""
    text = text_of(path, path / "pictures" / "test_confusion.csv", LARGEST_PICTURE)
    try:
        head, *lines = list(csv.reader(io.StringIO(text, newline="")))
        names, counts = head[1:], [[int(cell) for cell in line[1:]] for line in lines]
    except ValueError:  # no line at all, or a cell that is no count
        return None
    if not 1 < len(names) <= MOST_CLASSES or len(counts) != len(names) or {len(row) for row in counts} != {len(names)}:
        return None
    rows = []
    for name, row in zip(names, counts, strict=True):
        total = sum(row)
        shares = [count / total if total else 0.0 for count in row]
        # Two ranges with a gap between them, so that ink can be read on the one and paper on the other.
        cells = [
            {
                "count": count,
                "most": share > 0.5,
                "heat": f"{0.85 + 0.3 * (share - 0.5) if share > 0.5 else 0.06 + 1.08 * share:.3f}",
            }
            for count, share in zip(row, shares, strict=True)
        ]
        rows.append({"name": name, "total": total, "cells": cells})
    found = [
        (names[true], names[guess], count, rows[true]["total"])
        for true, row in enumerate(counts)
        for guess, count in enumerate(row)
        if count and true != guess
    ]
    return {
        "names": names,
        "rows": rows,
        "many": len(names) > NUMBERED,
        "short": len(names) <= NUMBERED and max(map(len, names)) <= 3,
        "pairs": sorted(found, key=lambda pair: -pair[2])[:MOST_PAIRS],
    }


def _pictures(path: Path) -> Iterator[dict[str, Any]]:
    files = [*sorted(path.glob("*.png")), *sorted((path / "pictures").glob("*.*"))]
    files = [file for file in files if file.suffix in (".png", ".gif") and is_own(path, file, LARGEST_PICTURE)]
    for file in files[:MOST_PICTURES]:
        content = file.read_bytes()
        width, height = _size(content)
        yield {
            "name": file.stem,
            "source": f"data:image/{file.suffix[1:]};base64,{base64.b64encode(content).decode('ascii')}",
            "wide": width > WIDE * height > 0,
        }


def _size(content: bytes) -> tuple[int, int]:
    """Width and height of a PNG file by its header; (0, 0) of anything else."""
    if content[:8] != b"\x89PNG\r\n\x1a\n" or len(content) < 24:
        return 0, 0
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def _texts(path: Path) -> Iterator[dict[str, Any]]:
    """Generated or misclassified texts."""
    for file in sorted((path / "texts").glob("*.*"))[:MOST_TEXTS]:
        if file.suffix not in (".txt", ".csv") or not is_own(path, file, LARGEST_TEXT):
            continue
        text = text_of(path, file, LARGEST_TEXT)
        if file.suffix == ".txt":
            yield {"name": file.stem, "content": text.rstrip(), "rows": None, "head": ()}
        else:
            rows = list(csv.reader(io.StringIO(text, newline="")))
            yield {"name": file.stem, "content": "", "rows": rows[1:], "head": rows[0] if rows else ()}


def _environment(results: Mapping[str, Any]) -> Iterator[list[tuple[str, str]]]:
    if found := mapping(results.get("environment")):
        yield [(name, str(value)) for name, value in found.items()]
    took = [(f"seconds of {name}", _number(value)) for name, value in mapping(results.get("seconds")).items()]
    took += [(name.replace("_", " "), _number(value)) for name, value in mapping(results.get("throughput")).items()]
    if took:
        yield took


def _log(run: Run) -> str:
    return "" if run.state == "completed" else end_of(run.path, run.path / "train.log", LARGEST_TEXT, LAST_LINES)


def _value(values: Mapping[str, Any], key: str) -> str:
    return shown(values[key]) if key in values else MISSING


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else MISSING if value is None else str(value)


def _brief(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else MISSING if value is None else str(value)
