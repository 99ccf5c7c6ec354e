"""The report of ``netyard evaluate``: scores per class, confusion, calibration, errors and confidence intervals.

It is computed from the test results that a task stores; for a task that stores none, it contains the metrics only.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from netyard.callbacks import figures
from netyard.io.atomic import open_atomically
from netyard.io.finite_json import finite
from netyard.io.markdown import grid
from netyard.metrics.intervals import interval, mean, wilson
from netyard.plots import figure
from netyard.tasks.interfaces import (
    Acts,
    CountsConfusion,
    EvaluatesNumbers,
    KeepsProbabilities,
    LooksAhead,
    MeasuresCalibration,
    ScoresLabels,
    class_names,
    target_names,
)

MAX_CLASSES = 20  # with up to so many classes, the whole confusion matrix is printed
MAX_PAIRS = 10  # of classes that are confused most


def assess(task: Any, data: Any, metrics: Mapping[str, float]) -> dict[str, Any]:
    """Return the report of the test that a task has just run, in plain types.

    Its keys are ``metrics``; ``intervals`` of metrics, by name; for a classification ``classes``, ``confusion`` and
    ``calibration``; for several labels ``labels``, one entry for each; for a regression or a forecast ``errors``, one
    entry for each target or step.
    """
    report: dict[str, Any] = {"metrics": dict(metrics), "intervals": {}}
    if isinstance(task, CountsConfusion) and task.confusion is not None:
        counts = task.confusion.cpu()  # (C, C), rows true and columns predicted
        report["classes"] = _class_scores(counts, class_names(data))
        report["confusion"] = counts.tolist()
        right, total = int(counts.diagonal().sum()), int(counts.sum())
        # Wilson, not bootstrap: with no error among few samples, a bootstrap interval would have a width of 0.
        report["intervals"]["test/accuracy"] = _interval_entry(wilson(right, total), "Wilson", total)
    if isinstance(task, MeasuresCalibration) and task.calibration is not None:
        report["calibration"] = _calibration(task.calibration.sums.cpu(), float(task.calibration.error()))
    if isinstance(task, ScoresLabels) and task.label_table:
        names = class_names(data) or [*map(str, range(len(task.label_table)))]
        report["labels"] = [{"label": name, **row} for name, row in zip(names, task.label_table, strict=True)]
        samples = len(task.scored.labels) if isinstance(task, KeepsProbabilities) else 0
        if samples and "test/subset_accuracy" in metrics:
            found = wilson(round(metrics["test/subset_accuracy"] * samples), samples)
            report["intervals"]["test/subset_accuracy"] = _interval_entry(found, "Wilson", samples)
    if isinstance(task, EvaluatesNumbers) and task.predicted is not None:
        report["errors"] = _errors(task, report["intervals"], target_names(data))
    if isinstance(task, Acts) and task.episodes:
        report["intervals"]["test/return"] = _mean_interval([total_return for total_return, _ in task.episodes])
    # Too few values have no interval.
    report["intervals"] = {name: found for name, found in report["intervals"].items() if found}
    return report


def text(report: Mapping[str, Any]) -> str:
    """The report as text for a terminal, without the metrics."""
    parts = []
    for name, found in report["intervals"].items():
        value = report["metrics"].get(name, math.nan)
        low, high = found["interval"]
        parts.append(
            f"{name} {value:.4f}, 95 % interval {low:.4f} to {high:.4f} ({found['method']}, n = {found['n']:,})"
        )
    if "classes" in report:
        parts += _class_tables(report["classes"], report["confusion"])
    if "labels" in report:
        names, rows = list(report["labels"][0]), report["labels"]
        if len(rows) > MAX_CLASSES:
            rows = sorted(rows, key=lambda each: each["f1"] or 0.0)
        table = grid([(name, [_format_number(row[name]) for row in rows[:MAX_CLASSES]]) for name in names])
        parts.append(f"the {MAX_CLASSES} labels of lowest f1\n{table}" if len(rows) > MAX_CLASSES else table)
    if "calibration" in report:
        found = report["calibration"]
        direction = "above" if found["confidence"] > found["accuracy"] else "not above"
        parts.append(
            f"expected calibration error {found['error']:.4f} in {len(found['bins'])} bins; the mean confidence "
            f"({found['confidence']:.4f}) is {direction} the accuracy ({found['accuracy']:.4f})\n"
            + _reliability_table(found["bins"])
        )
    if "errors" in report:
        names = list(report["errors"][0])
        rows = report["errors"][:MAX_CLASSES]  # the file has all of them
        parts.append(grid([(name, [_format_number(row[name]) for row in rows]) for name in names]))
    return "\n\n".join(parts)


def write(report: Mapping[str, Any], task: Any, data: Any, folder: Path) -> list[Path]:
    """Write ``evaluation.json``, the confusion matrix as CSV, and the figures to a folder; returns the paths."""
    written = [folder / "evaluation.json"]
    with open_atomically(written[0]) as file:
        # finite() replaces NaN and infinity by null, which JSON has no numbers for.
        file.write(json.dumps(finite(report), indent=2, allow_nan=False) + "\n")
    if "confusion" in report:
        names = [each["class"] for each in report["classes"]]
        written.append(folder / "confusion.csv")
        figures.write_confusion(report["confusion"], names, written[-1])
    if "calibration" in report:
        written.append(figure.save(folder / "reliability.png", partial(_reliability, report["calibration"]), 5.0))
    for name, image in figures.draw(task, data).items():
        written.append(folder / f"{name}.png")
        with open_atomically(written[-1], "wb") as file:
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, "png")  # (3, H, W) -> (H, W, 3)
    return written


def _class_scores(counts: Tensor, names: Sequence[str] | None) -> list[dict[str, Any]]:
    """The scores of each class from a confusion matrix (C, C), rows true; None for a score that would be 0 / 0."""
    found = []
    for number, (row, column) in enumerate(zip(counts.sum(dim=1).tolist(), counts.sum(dim=0).tolist(), strict=True)):
        right = int(counts[number, number])
        found.append(
            {
                "class": str(names[number]) if names else str(number),
                "precision": right / column if column else None,
                "recall": right / row if row else None,
                # Not by precision and recall: this form is defined if only one of the two is.
                "f1": 2 * right / (row + column) if row + column else None,
                "support": row,
            }
        )
    return found


def _class_tables(classes: Sequence[Mapping[str, Any]], confusion: Sequence[Sequence[int]]) -> list[str]:
    """A table of all classes and the matrix; with many classes, the worst ones and the pairs confused most."""
    scores = ("precision", "recall", "f1")
    many = len(classes) > MAX_CLASSES
    shown = sorted(classes, key=lambda each: each["f1"] or 0.0)[:MAX_CLASSES] if many else list(classes)
    # Macro averages, in which every class has the same weight, over the classes that have the score.
    means: dict[str, Any] = {"class": f"mean of {len(classes)}", "support": sum(each["support"] for each in classes)}
    for name in scores:
        defined = [each[name] for each in classes if each[name] is not None]
        means[name] = mean(defined) if defined else None
    heads = ("class", *scores, "support")
    table = grid([(head, [_format_number(each[head]) for each in (*shown, means)]) for head in heads])
    names = [each["class"] for each in classes]
    if not many:
        predicted = map(_format_counts, zip(*confusion, strict=True))  # grid() takes columns: the transposed matrix
        return [table, grid([("true \\ predicted", names), *zip(names, predicted, strict=True)])]
    pairs = [
        (count, row, column)
        for row, counts in enumerate(confusion)
        for column, count in enumerate(counts)
        if count and row != column
    ]
    worst = sorted(pairs, key=lambda pair: -pair[0])[:MAX_PAIRS]
    confused = [
        ("true", [names[row] for _, row, _ in worst]),
        ("predicted", [names[column] for *_, column in worst]),
        ("count", [str(count) for count, *_ in worst]),
        ("of", [str(classes[row]["support"]) for _, row, _ in worst]),
    ]
    return [f"the {len(shown)} classes of lowest f1\n{table}", f"confused most\n{grid(confused)}"]


def _calibration(sums: Tensor, error: float) -> dict[str, Any]:
    """The means of each bin from sums (3, bins), see ``metrics/calibration.py``; None for an empty bin."""
    count, confidence, right = sums.double()  # float64 for the totals; the sums are float32
    bins = [
        {
            "from": number / len(count),
            "to": (number + 1) / len(count),
            "count": int(samples),
            "confidence": float(confidence[number] / samples) if samples else None,
            "accuracy": float(right[number] / samples) if samples else None,
        }
        for number, samples in enumerate(count.tolist())
    ]
    total = count.sum()
    return {
        "error": error,
        "confidence": float(confidence.sum() / total),
        "accuracy": float(right.sum() / total),
        "bins": bins,
    }


def _reliability_table(bins: Sequence[Mapping[str, Any]]) -> str:
    """The reliability diagram as a table: mean confidence, accuracy and number of samples of each bin."""
    filled = [each for each in bins if each["count"]]
    spans = [f"{each['from']:.2f} to {each['to']:.2f}" for each in filled]
    columns = [(head, [_format_number(each[head]) for each in filled]) for head in ("confidence", "accuracy", "count")]
    return grid([("confidence in", spans), *columns])


def _reliability(calibration: Mapping[str, Any], axes: Any) -> None:
    """Plot accuracy against confidence, with the fraction of samples as bars; the diagonal is perfect calibration."""
    bins = [each for each in calibration["bins"] if each["count"]]
    total = sum(each["count"] for each in bins)
    width = bins[0]["to"] - bins[0]["from"]
    lefts = [each["from"] for each in bins]
    shares = [each["count"] / total for each in bins]
    axes.bar(lefts, shares, width, align="edge", color="0.88", label="share of samples")
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    places = [each["confidence"] for each in bins]
    rates = [each["accuracy"] for each in bins]
    axes.plot(places, rates, marker="o", color=figure.colour(figure.ACCENT), label="accuracy")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="confidence", ylabel="accuracy")
    axes.set_title(f"expected calibration error {calibration['error']:.4f}", fontsize=10)
    axes.legend(fontsize=8, loc="upper left")


def _errors(task: Any, intervals: dict[str, Any], targets: Sequence[str] | None) -> list[dict[str, Any]]:
    """Statistics of predicted minus true values, for each target or forecast step; adds intervals of MAE and RMSE."""
    errors = task.predicted.double() - task.true.double()  # (N, T)
    horizon = task.horizon if isinstance(task, LooksAhead) else None
    # Neighbouring windows of a forecast share all but one step, so their errors are not independent, which an interval
    # assumes. Means over blocks of ``horizon`` windows are nearly independent (the method of batch means).
    block = horizon or 1
    for name, values in (("mae", errors.abs().mean(dim=1)), ("rmse", errors.square().mean(dim=1))):
        found = _mean_interval([float(part.mean()) for part in values.split(block)])
        if found and name == "rmse":
            # The interval is that of the mean square; the root is monotonic. A normal interval may begin below 0.
            found["interval"] = [math.sqrt(max(end, 0.0)) for end in found["interval"]]
        if found and horizon:
            found["method"] += f", means of {horizon} windows"
        intervals[f"test/{name}"] = found
    kind = "step" if horizon else "target"
    rows = []
    for number, (column, true) in enumerate(zip(errors.T, task.true.double().T, strict=True), start=1):
        ordered, spread = column.sort().values, float((true - true.mean()).square().sum())
        rows.append(
            {
                kind: targets[number - 1] if targets and len(targets) > 1 else number,
                "mean error": float(column.mean()),
                "mae": float(column.abs().mean()),
                "rmse": float(column.square().mean().sqrt()),
                "r2": 1 - float(column.square().sum()) / spread if spread else None,  # a constant target has none
                **{f"{name} %": float(ordered.quantile(int(name) / 100)) for name in ("5", "50", "95")},
            }
        )
    return rows


def _mean_interval(values: Sequence[float]) -> dict[str, Any] | None:
    """The 95 % interval of a mean; None for too few values."""
    found = interval(values)
    return _interval_entry(found, "Student's t", len(values)) if found else None


def _interval_entry(ends: Sequence[float], method: str, count: int) -> dict[str, Any]:
    return {"interval": list(ends), "method": method, "n": count}


def _format_counts(column: Sequence[int]) -> list[str]:
    return [str(count) if count else "." for count in column]  # "." so that errors stand out from zeros


def _format_number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
