"""What ``netyard evaluate`` reports besides metrics: classes, confusion, calibration, errors, confidence intervals.

Computed from the test results that a task has kept; a task that keeps none has its metrics alone.
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
from netyard.metrics.intervals import deviation, interval, mean, wilson
from netyard.plots import figure
from netyard.tasks.interfaces import (
    Acts,
    CountsConfusion,
    EvaluatesNumbers,
    LooksAhead,
    MeasuresCalibration,
    class_names,
)

MOST_CLASSES = 20  # up to these the whole confusion matrix is printed
MOST_PAIRS = 10
RESAMPLED = 1000  # values; up to these a mean's interval is bootstrapped, beyond it is the normal one


def assess(task: Any, data: Any, metrics: Mapping[str, float]) -> dict[str, Any]:
    """The report on the test that a task has just run, as plain types.

    The keys: ``metrics``; ``intervals``, of metrics by name; of a classification ``classes``, ``confusion`` and
    ``calibration``; of a regression or a forecast ``errors``, one of each target or step.
    """
    report: dict[str, Any] = {"metrics": dict(metrics), "intervals": {}}
    if isinstance(task, CountsConfusion) and task.confusion is not None:
        counts = task.confusion.cpu()
        report["classes"] = _classes(counts, class_names(data))
        report["confusion"] = counts.tolist()
        right, total = int(counts.diagonal().sum()), int(counts.sum())
        report["intervals"]["test/accuracy"] = _as_entry(wilson(right, total), "Wilson", total)
    if isinstance(task, MeasuresCalibration) and task.calibration is not None:
        report["calibration"] = _calibration(task.calibration.sums.cpu(), float(task.calibration.error()))
    if isinstance(task, EvaluatesNumbers) and task.predicted is not None:
        report["errors"] = _errors(task, report["intervals"])
    if isinstance(task, Acts) and task.episodes:
        report["intervals"]["test/return"] = _of_mean([returned for returned, _ in task.episodes])
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
    if "calibration" in report:
        found = report["calibration"]
        leaning = "more" if found["confidence"] > found["accuracy"] else "less"
        parts.append(
            f"expected calibration error {found['error']:.4f} in {len(found['bins'])} bins; on average {leaning} "
            f"confident ({found['confidence']:.4f}) than right ({found['accuracy']:.4f})\n"
            + _reliability_table(found["bins"])
        )
    if "errors" in report:
        names = list(report["errors"][0])
        parts.append(grid([(name, [_number(row[name]) for row in report["errors"][:MOST_CLASSES]]) for name in names]))
    return "\n\n".join(parts)


def write(report: Mapping[str, Any], task: Any, data: Any, folder: Path) -> list[Path]:
    """``evaluation.json``, the confusion matrix as CSV, and the pictures; returns the files."""
    written = [folder / "evaluation.json"]
    with open_atomically(written[0]) as file:
        file.write(json.dumps(finite(report), indent=2, allow_nan=False) + "\n")
    if "confusion" in report:
        names = [each["class"] for each in report["classes"]]
        written.append(folder / "confusion.csv")
        figures.write_confusion(report["confusion"], names, written[-1])
    if "calibration" in report:
        written.append(figure.save(folder / "reliability.png", partial(_reliability, report["calibration"]), 5.0))
    for name, picture in figures.draw(task, data).items():
        written.append(folder / f"{name}.png")
        with open_atomically(written[-1], "wb") as file:
            Image.fromarray(picture.permute(1, 2, 0).numpy()).save(file, "png")
    return written


def _classes(counts: Tensor, names: Sequence[str] | None) -> list[dict[str, Any]]:
    """Of a confusion matrix, rows true: what a class's scores are, None where they would be 0/0."""
    found = []
    for number, (row, column) in enumerate(zip(counts.sum(dim=1).tolist(), counts.sum(dim=0).tolist(), strict=True)):
        right = int(counts[number, number])
        found.append(
            {
                "class": str(names[number]) if names else str(number),
                "precision": right / column if column else None,
                "recall": right / row if row else None,
                "f1": 2 * right / (row + column) if row + column else None,
                "support": row,
            }
        )
    return found


def _class_tables(classes: Sequence[Mapping[str, Any]], confusion: Sequence[Sequence[int]]) -> list[str]:
    """Every class and the whole matrix; of many classes the worst, and the pairs that are confused most."""
    scores = ("precision", "recall", "f1")
    many = len(classes) > MOST_CLASSES
    shown = sorted(classes, key=lambda each: each["f1"] or 0.0)[:MOST_CLASSES] if many else list(classes)
    means: dict[str, Any] = {"class": f"mean of {len(classes)}", "support": sum(each["support"] for each in classes)}
    for name in scores:
        defined = [each[name] for each in classes if each[name] is not None]
        means[name] = mean(defined) if defined else None
    heads = ("class", *scores, "support")
    table = grid([(head, [_number(each[head]) for each in (*shown, means)]) for head in heads])
    names = [each["class"] for each in classes]
    if not many:
        columns = [("true \\ predicted", names), *zip(names, map(_counts, zip(*confusion, strict=True)), strict=True)]
        return [table, grid(columns)]
    pairs = [
        (count, row, column)
        for row, counts in enumerate(confusion)
        for column, count in enumerate(counts)
        if count and row != column
    ]
    worst = sorted(pairs, key=lambda pair: -pair[0])[:MOST_PAIRS]
    confused = [
        ("true", [names[row] for _, row, _ in worst]),
        ("predicted", [names[column] for *_, column in worst]),
        ("count", [str(count) for count, *_ in worst]),
        ("of", [str(classes[row]["support"]) for _, row, _ in worst]),
    ]
    return [f"the {len(shown)} classes of lowest f1\n{table}", f"confused most\n{grid(confused)}"]


def _calibration(sums: Tensor, error: float) -> dict[str, Any]:
    """Sums (3, bins), see ``tasks/calibration.py``, as means of each bin; an empty bin has none."""
    count, confidence, right = sums.double()
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
    """The reliability diagram as a table: mean confidence and accuracy in each bin."""
    filled = [each for each in bins if each["count"]]
    spans = [f"{each['from']:.2f} to {each['to']:.2f}" for each in filled]
    columns = [(head, [_number(each[head]) for each in filled]) for head in ("confidence", "accuracy", "count")]
    return grid([("confidence in", spans), *columns])


def _reliability(calibration: Mapping[str, Any], axes: Any) -> None:
    """Accuracy against confidence; a calibrated network is on the diagonal. The share of samples as bars below."""
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


def _errors(task: Any, intervals: dict[str, Any]) -> list[dict[str, Any]]:
    """Predicted minus true, of each target or step ahead, in its own unit; and the intervals of their means.

    Windows of a forecast overlap by all but one step, so that their errors are no independent samples: means of as many
    neighbours as the horizon is long take their place.
    """
    errors = task.predicted.double() - task.true.double()  # (N, T)
    ahead = task.horizon if isinstance(task, LooksAhead) else None
    together = ahead or 1
    for name, values in (("mae", errors.abs().mean(dim=1)), ("rmse", errors.square().mean(dim=1))):
        found = _of_mean([float(part.mean()) for part in values.split(together)])
        if found and name == "rmse":
            found["interval"] = [math.sqrt(max(end, 0.0)) for end in found["interval"]]
        if found and ahead:
            found["method"] += f", means of {ahead} windows"
        intervals[f"test/{name}"] = found
    kind = "step" if ahead else "target"
    rows = []
    for number, (column, true) in enumerate(zip(errors.T, task.true.double().T, strict=True), start=1):
        ordered, spread = column.sort().values, float((true - true.mean()).square().sum())
        rows.append(
            {
                kind: number,
                "mean error": float(column.mean()),
                "mae": float(column.abs().mean()),
                "rmse": float(column.square().mean().sqrt()),
                "r2": 1 - float(column.square().sum()) / spread if spread else None,
                **{f"{name} %": float(ordered.quantile(int(name) / 100)) for name in ("5", "50", "95")},
            }
        )
    return rows


def _of_mean(values: Sequence[float]) -> dict[str, Any] | None:
    """The interval of a mean: a bootstrap's of few values, a normal one of many."""
    if len(values) <= RESAMPLED:
        found = interval(values)
        return _as_entry(found, "bootstrap", len(values)) if found else None
    centre, half = mean(values), 1.96 * (deviation(values) or 0.0) / math.sqrt(len(values))
    return _as_entry((centre - half, centre + half), "normal", len(values))


def _as_entry(ends: Sequence[float], method: str, count: int) -> dict[str, Any]:
    return {"interval": list(ends), "method": method, "n": count}


def _counts(column: Sequence[int]) -> list[str]:
    return [str(count) if count else "." for count in column]


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
