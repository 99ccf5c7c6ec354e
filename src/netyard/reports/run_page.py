"""The report page of one run: summary, curves, metrics, confusion matrix, pictures, texts, changes and environment.

Everything is in one HTML file, so that it can be sent by mail and archived.
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
from netyard.io.process import train_command
from netyard.io.readable import listed, short_path
from netyard.reports import curves
from netyard.reports.baselines import best_of, charts_of, direction, main_metric, remark_on
from netyard.reports.charts import Chart, Series, line_chart
from netyard.reports.confusion import confusion
from netyard.reports.files import end_of, is_own, mapping, object_of, text_of
from netyard.reports.page import Tile, duration, four_digits, render
from netyard.reports.tables import shown
from netyard.run_directories.records import MISSING, Run, one_line

# Limits that keep the page small enough to open and to send.
MAX_CURVES, MAX_PICTURES, MAX_TEXTS, MAX_TILES = 16, 24, 8, 4
MAX_CLASSES = 50  # of the data, with their counts; columns of a table
MAX_PICTURE_BYTES, MAX_TEXT_BYTES = 4_000_000, 100_000
LAST_LINES = 25  # of the log, shown if the run did not complete
SPLITS = ("train", "val", "test")
SPLIT_NAMES = {"train": "training", "val": "validation", "test": "test"}
CAPTIONS = {
    "lr_finder": "Search for the learning rate",
    "batch_size": "Search for the batch size",
    "test_confusion": "Confusion matrix, test",
    "test_mistakes": "Most confident mistakes, test",
    "test_predicted_vs_true": "Predictions against true values, test",
    "test_precision_recall": "Precision-recall curves, test",
    "test_scores": "Scores of normal and anomalous samples, test",
}
WIDE = 1.6  # aspect ratio from which a picture takes two columns
BAD = ("failed", "interrupted", "stale", "unreadable")

Points = Sequence[tuple[int, float]]
Defaults = Callable[[Sequence[str]], tuple[Mapping[str, Any], Mapping[str, Any]]]
"""Composes overrides as ``train.py`` does; returns the config with interpolations as written, and the choices."""


def run_page(run: Run, typed: Sequence[str], defaults: Defaults) -> str:
    """Return the HTML page of a run, finished or not.

    Args:
        run: see ``run_directories.records``.
        typed: the overrides of its command line.
        defaults: composes the current default config, to find what the run has changed.
    """
    # Both files may be missing or broken: a page is also made of running and failed runs.
    results, status = (object_of(run.path / f"{name}.json") for name in ("results", "status"))
    state = "stale" if run.stale else run.state
    measured = curves.columns(run)
    charts, left_out = _charts(measured, results)
    changes, matrix = _changes(run, typed, defaults), confusion(run.path)
    values: dict[str, Any] = {
        "state": state,
        "state_kind": "bad" if state in BAD else state if state in ("completed", "running") else "",
        "reason": str(status.get("error") or run.reason) if state in BAD else "",
        "remark": _remark(run, state, results),
        "lead": _lead(run, results, status),
        "place": short_path(run.path),
        "tiles_found": list(_tiles(run, results, status, measured)),
        "diagnoses": list(_diagnoses(results)),
        "typed": f"{train_command()} {shlex.join(typed)}".rstrip(),
        "typed_words": list(typed),
        "rerun": f"netyard rerun {shlex.quote(str(run.path))}",
        "log": _log(run),
        "charts": charts,
        "left_out": left_out,
        "metrics": _metrics(results),
        "baselines": {
            "charts": charts_of(run, four_digits, _standard_errors(results)),
            "remark": remark_on(run, four_digits),
        },
        "data": list(_data(mapping(results.get("data_summary")))),
        "confusion": matrix,
        "pictures": list(_pictures(run.path, without=("test_confusion",) if matrix else ())),
        "texts": list(_texts(run.path)),
        "environment": list(_environment(results)),
        **changes,
    }
    # The navigation links only to sections that the page has; changes are always there.
    named = (
        ("diagnosis", "Diagnosis", values["diagnoses"]),
        ("curves", "Curves", charts),
        ("metrics", "Metrics", values["metrics"]["rows"]),
        ("baselines", "Baselines", values["baselines"]["charts"]),
        ("data", "Data", values["data"]),
        ("confusion", "Confusion", values["confusion"]),
        ("pictures", "Pictures", values["pictures"]),
        ("texts", "Texts", values["texts"]),
        ("changes", "Changes", True),
        ("environment", "Environment", values["environment"]),
    )
    sections = [(anchor, name) for anchor, name, there in named if there]
    return render("run.html", f"{run.value('model')} on {run.value('data')}", sections, **values)


def _lead(run: Run, results: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    """One sentence with task, data, model, optimizer, seed, device and start."""
    parts = [f"{str(run.value('task')).replace('_', ' ').capitalize()} on {run.value('data')} by {run.value('model')}"]
    if (optimizer := run.value("optimizer")) != MISSING:
        parts[0] += f", trained with {optimizer}"
    if (seed := run.value("seed")) != MISSING:
        parts.append(f"seed {seed}")
    environment = mapping(results.get("environment"))
    if environment.get("device"):
        parts.append(f"on {environment['device']}")
    if status.get("started"):
        parts.append(f"started {str(status['started'])[:16].replace('T', ' ')}")  # to the minute
    return ", ".join(map(str, parts)) + "."


def _remark(run: Run, state: str, results: Mapping[str, Any]) -> str:
    """A remark on a run that has not completed, or lacks files; else empty."""
    if state == "running":
        return "The run has not ended: this page shows what it had written so far; create the page again for more."
    if state == "pending":
        return "The run has not started."
    if state == "pruned":
        return f"The sweep ended this run early: {run.reason}" if run.reason else "The sweep ended this run early."
    if state == "completed":
        return "" if (run.path / "metrics.csv").is_file() else "The run has no metrics.csv, so there are no curves."
    measured = (run.path / "metrics.csv").is_file() or results
    return "The results below were written before it ended." if measured else "It ended before the first measurement."


def _tiles(
    run: Run, results: Mapping[str, Any], status: Mapping[str, Any], measured: Mapping[str, Points]
) -> Iterator[Tile]:
    """The objective, test metrics, time and size; of a run without results its last validation metrics."""
    objective, metrics = mapping(results.get("objective")), mapping(results.get("metrics"))
    if objective:
        epoch = f"best, in epoch {objective['epoch']}" if objective.get("epoch") is not None else "best"
        score = _brief(objective.get("value"))
        yield Tile(str(objective.get("name")), score, f"objective, {epoch}", accent=True, score=True)
    # The test metric with the name of the objective first (test/accuracy for val/accuracy), the loss last.
    same_metric = f"test/{str(objective.get('name')).partition('/')[2]}"
    compared = main_metric(run)
    tested = sorted(
        (name for name in metrics if name.startswith("test/")),
        key=lambda name: (name != same_metric, name != compared, name == "test/loss"),
    )
    if compared is not None and compared == objective.get("name"):
        yield from _best_baseline(run, compared)
    for name in tested[:MAX_TILES]:
        yield Tile(name, _brief(metrics[name]), score=name in (same_metric, compared))
        if name == compared:
            yield from _best_baseline(run, name)
    if not results:
        for name, points in [item for item in measured.items() if item[0].startswith("val/")][:MAX_TILES]:
            yield Tile(name, _brief(points[-1][1]), f"last, in epoch {points[-1][0]}")
    if (seconds := _seconds(run, results, status)) is not None:
        yield Tile("time", duration(seconds), "so far" if run.state == "running" else "")
    if isinstance(results.get("parameters"), int):
        count = results["parameters"]
        # Millions fit into a tile.
        yield (
            Tile("parameters", f"{count / 1e6:.4g} M", f"{count:,}")
            if count >= 1e6
            else Tile("parameters", f"{count:,}")
        )
    if isinstance(results.get("epochs"), int):
        steps = results.get("steps")
        yield Tile("epochs", f"{results['epochs']:,}", f"{steps:,} steps" if isinstance(steps, int) else "")


def _standard_errors(results: Mapping[str, Any]) -> dict[str, float]:
    """Standard errors of the baselines of an agent, by name."""
    chosen = mapping(mapping(results.get("baseline_facts")).get("chosen"))
    found = {name: mapping(each).get("standard_error") for name, each in chosen.items()}
    return {name: value for name, value in found.items() if isinstance(value, float) and math.isfinite(value)}


def _best_baseline(run: Run, metric: str) -> Iterator[Tile]:
    """The best baseline by a metric, in digits as large as those of the network."""
    if best := best_of(run.baselines[metric], direction(metric, run)):
        yield Tile("best baseline", _brief(run.baselines[metric][best]), best, score=True)


def _seconds(run: Run, results: Mapping[str, Any], status: Mapping[str, Any]) -> float | None:
    """Seconds of the run; without results, from the times in its status; None if unknown."""
    found = [value for value in mapping(results.get("seconds")).values() if isinstance(value, int | float)]
    if found:
        return math.fsum(found)  # set-up, training and test are recorded separately
    if status.get("started") and status.get("ended") and run.ended > run.started > 0:
        return run.ended - run.started
    return None


def _diagnoses(results: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the run said of its training: sentences, each with its command."""
    found = results.get("diagnostics")
    for each in map(mapping, found if isinstance(found, list) else ()):
        yield str(each.get("sentence", "")), str(each.get("command", ""))


def _metrics(results: Mapping[str, Any]) -> dict[str, Any]:
    """A table with one row for each metric and one column for each split."""
    metrics = mapping(results.get("metrics"))
    names = dict.fromkeys(name.partition("/")[2] for name in sorted(metrics))  # a set that keeps its order
    splits = [split for split in SPLITS if any(name.startswith(f"{split}/") for name in metrics)]
    rows = [(name, *(_number(metrics.get(f"{split}/{name}")) for split in splits)) for name in names]
    return {"header": ("", *splits), "rows": rows}


def _data(summary: Mapping[str, Any]) -> Iterator[tuple[Sequence[str], Sequence[Sequence[str]]]]:
    """Tables of the data, each with its header: splits; classes, labels; columns; texts; left out; equal samples."""
    if parts := mapping(summary.get("parts")):
        rows = [
            (name, _count(mapping(part).get("samples")), str(mapping(part).get("from"))) for name, part in parts.items()
        ]
        yield ("split", str(summary.get("unit", "samples")), "from"), rows
    for key, head in (("classes", "class"), ("labels", "label")):
        counts = mapping(summary.get(key))
        if 0 < len(counts) <= MAX_CLASSES:
            yield (head, "training samples"), [(name, _count(number)) for name, number in counts.items()]
    columns, facts = mapping(summary.get("columns")), mapping(summary.get("column_facts"))
    if 0 < len(columns) <= MAX_CLASSES:
        yield (
            ("column", "kind", "remarks"),
            [(name, str(kind), ", ".join(_remarks(mapping(facts.get(name))))) for name, kind in columns.items()],
        )
    if texts := {name: mapping(each) for name, each in mapping(summary.get("texts")).items()}:
        yield (
            ("texts", "vocabulary", "unknown", "length", "cut"),
            [_text_row(name, each) for name, each in texts.items()],
        )
    remarks = summary.get("remarks")
    if isinstance(remarks, list) and remarks:
        yield ("remarks",), [(str(each),) for each in remarks]
    left_out = summary.get("left_out")
    if isinstance(left_out, list) and left_out:
        yield ("left out", "because"), [tuple(map(str, each)) for each in left_out if isinstance(each, list)]
    if pairs := mapping(summary.get("duplicate_pairs")):
        yield ("identical samples in", "number"), [(pair.replace("-", " and "), _count(n)) for pair, n in pairs.items()]


def _text_row(name: str, facts: Mapping[str, Any]) -> Sequence[str]:
    """A row of the table of texts: of each vocabulary its size, unknown tokens, and how many texts were cut."""
    unknown = [f"{share:.2%} of {part}" for part, share in mapping(facts.get("unknown")).items() if share]
    cut = [f"{_count(number)} in {part}" for part, number in mapping(facts.get("cut")).items() if number]
    length = _count(facts["length"]) if "length" in facts else ""
    vocabulary = f"{_count(facts.get('vocabulary'))} {facts.get('tokens')}"
    return name, vocabulary, ", ".join(unknown) or "none", length, ", ".join(cut) or "none" * bool(length)


def _remarks(facts: Mapping[str, Any]) -> Iterator[str]:
    for key, value in facts.items():
        yield f"{value:,} {key}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _charts(columns: Mapping[str, Points], results: Mapping[str, Any]) -> tuple[list[Chart], str]:
    """A chart for each metric with more than one epoch, all splits together; and a remark on those left out."""
    metrics: dict[str, list[str]] = {}  # accuracy -> [train/accuracy, val/accuracy]
    for name, points in columns.items():
        if len(points) > 1:
            metrics.setdefault(name.rpartition("/")[2], []).append(name)
    objective = mapping(results.get("objective"))
    best = objective.get("epoch") if isinstance(objective.get("epoch"), int) else None
    first = str(objective.get("name", "val/loss")).rpartition("/")[2]

    def order_of(metric: str) -> tuple[bool, ...]:
        """The objective first, then the loss, then other metrics, the learning rate, and last what never changes."""
        names = metrics[metric]
        constant = all(len({value for _, value in columns[name]}) == 1 for name in names)
        return constant, metric != first, metric != "loss", not any("/" in name for name in names)

    order = sorted(metrics, key=order_of)
    charts = [
        line_chart(metric, [Series(name, columns[name], kind=_css_class(name)) for name in metrics[metric]], best=best)
        for metric in order[:MAX_CURVES]
    ]
    rest = [name for metric in order[MAX_CURVES:] for name in metrics[metric]]
    note = f"{len(rest)} more in metrics.csv: {listed(rest, 20)}." if rest else ""
    return [chart for chart in charts if chart is not None], note


def _css_class(name: str) -> str:
    """CSS class of the line of a metric: training is grey, validation in the accent colour, the test dashed."""
    split = name.partition("/")[0]
    return {"train": "train", "test": "other"}.get(split, "")


def _changes(run: Run, typed: Sequence[str], defaults: Defaults) -> dict[str, Any]:
    """The groups whose option is not the default, and the keys whose value is not that of the chosen options."""
    chosen = {group: option for group, option in run.choices.items() if group in GROUPS and isinstance(option, str)}
    try:
        _, default_choices = defaults([])
        # Keys are compared with the chosen options: otherwise model=resnet18 would list every key that mlp lacks.
        config, _ = defaults([f"{group}={option}" for group, option in chosen.items()])
    except Exception as error:  # an option that no longer exists, or an error in a file of the user's own
        return {"groups": [], "keys": [], "not_compared": one_line(error)}
    groups = [
        (group, option, str(default_choices.get(group) or MISSING))
        for group, option in chosen.items()
        if option != default_choices.get(group)
    ]
    expected, actual = dict(leaves(config, empty=True)), dict(leaves(run.config, empty=True))
    keys = [
        key for key in dict.fromkeys([*actual, *expected]) if actual.get(key, MISSING) != expected.get(key, MISSING)
    ]
    rows = [(key, _value(actual, key), _value(expected, key)) for key in keys]
    return {"groups": groups, "keys": rows, "not_compared": ""}


def _pictures(path: Path, without: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The plots in the run directory and in ``pictures/``, as data URLs; ``without`` what the page has already."""
    files = [*sorted(path.glob("*.png")), *sorted((path / "pictures").glob("*.*"))]
    files = [file for file in files if file.suffix in (".png", ".gif") and is_own(path, file, MAX_PICTURE_BYTES)]
    files = [file for file in files if file.stem not in without]
    for file in files[:MAX_PICTURES]:
        # As a data URL, so that the page stays one file, and the browser loads nothing.
        content = file.read_bytes()
        width, height = _size(content)
        yield {
            "name": file.stem,
            "caption": _caption(file.stem),
            "source": f"data:image/{file.suffix[1:]};base64,{base64.b64encode(content).decode('ascii')}",
            "wide": width > WIDE * height > 0,
        }


def _caption(stem: str) -> str:
    """The name of a picture or a text in words: "Predicted vs true, test" for ``test_predicted_vs_true``."""
    if stem in CAPTIONS:
        return CAPTIONS[stem]
    split, _, name = stem.partition("_")
    words = (name if split in SPLIT_NAMES and name else stem).replace("_", " ")
    return words[:1].upper() + words[1:] + (f", {SPLIT_NAMES[split]}" if split in SPLIT_NAMES and name else "")


def _size(content: bytes) -> tuple[int, int]:
    """Width and height of a PNG file from its header; (0, 0) of anything else."""
    if content[:8] != b"\x89PNG\r\n\x1a\n" or len(content) < 24:
        return 0, 0
    # The first chunk, IHDR, begins with both as big-endian 32-bit numbers. Pillow is not needed for that.
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def _texts(path: Path) -> Iterator[dict[str, Any]]:
    """Generated texts, translations, and misclassified texts."""
    for file in sorted((path / "texts").glob("*.*"))[:MAX_TEXTS]:
        if file.suffix not in (".txt", ".csv") or not is_own(path, file, MAX_TEXT_BYTES):
            continue
        text = text_of(path, file, MAX_TEXT_BYTES)
        if file.suffix == ".txt":
            yield {"name": _caption(file.stem), "content": text.rstrip(), "rows": None, "header": ()}
        else:
            rows = list(csv.reader(io.StringIO(text, newline="")))
            yield {"name": _caption(file.stem), "content": "", "rows": rows[1:], "header": rows[0] if rows else ()}


def _environment(results: Mapping[str, Any]) -> Iterator[list[tuple[str, str]]]:
    """Tables of the environment, and of times and throughput."""
    if found := mapping(results.get("environment")):
        yield [(name, str(value)) for name, value in found.items()]
    times = [(f"seconds of {name}", _number(value)) for name, value in mapping(results.get("seconds")).items()]
    times += [(name.replace("_", " "), _number(value)) for name, value in mapping(results.get("throughput")).items()]
    if times:
        yield times


def _log(run: Run) -> str:
    """The end of the log of a run that did not complete, which usually has the error."""
    return "" if run.state == "completed" else end_of(run.path, run.path / "train.log", MAX_TEXT_BYTES, LAST_LINES)


def _value(values: Mapping[str, Any], key: str) -> str:
    # "???" is how Hydra marks a key that has to be given.
    return ("required" if values[key] == "???" else shown(values[key])) if key in values else MISSING


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else MISSING


def _number(value: Any) -> str:
    # Six digits in tables; a float32 has no more than seven.
    return f"{value:.6g}" if isinstance(value, float) else MISSING if value is None else str(value)


def _brief(value: Any) -> str:
    return four_digits(value) if isinstance(value, float) else MISSING if value is None else str(value)
