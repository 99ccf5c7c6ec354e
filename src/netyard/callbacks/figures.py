"""Plots of test results: confusion matrix, most confident mistakes, predictions against true values."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.functional import pil_to_tensor
from torchvision.utils import make_grid

from netyard.callbacks.alarms import alarms_picture, alarms_table
from netyard.io.atomic import open_atomically
from netyard.plots.dashboard import as_tensor
from netyard.plots.figure import ACCENT, DARK, GREY, LIGHT_GREY, WHITE, axis_ticks, colour, escape, pixels
from netyard.plots.image_grid import write_png
from netyard.plots.text import Table, show
from netyard.tasks.interfaces import (
    CountsConfusion,
    EvaluatesNumbers,
    ImageData,
    KeepsAlarms,
    KeepsMistakes,
    KeepsProbabilities,
    ScoresLabels,
    TextData,
    class_names,
)

MAX_CURVES = 30  # classes with a precision-recall curve each; more would be too many to look at
MAX_LINES = 10  # labels in one plot
MAX_TICKS = 60  # names of classes that fit beside the matrix
MAX_COUNTS = 25  # classes; with more, the counts do not fit into the cells
MAX_NAME = 24  # characters of a class name beside the matrix
MARGINS = (56, 20, 20, 48)  # pixels around the axes of a scatter plot: left, top, right, bottom


class Figures(Callback):
    """After a test, draws the results that the task has stored; nothing if it has none.

    ``test/confusion`` and ``test/mistakes`` (images or texts) for a classification, ``test/predicted_vs_true`` for a
    regression or a forecast, ``test/scores`` and ``test/alarms`` for an anomaly detection; also in the run directory,
    as ``pictures/test_confusion.png``, ``texts/test_mistakes.csv`` and so on. With up to 30 classes or labels,
    ``test/precision_recall/<class>`` is the curve of each against the others. For labels there are a picture of these
    curves and a table, ``texts/test_labels.csv``.
    """

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        board: Any = getattr(trainer.logger, "experiment", None)
        if not hasattr(board, "add_image") or not trainer.is_global_zero:
            return
        folder = Path(trainer.default_root_dir)
        for name, picture in draw(pl_module, trainer.datamodule).items():
            board.add_image(f"test/{name}", picture, trainer.global_step)
            write_png(picture, folder / "pictures" / f"test_{name}.png")
        if isinstance(pl_module, CountsConfusion) and pl_module.confusion is not None:
            file = folder / "pictures" / "test_confusion.csv"
            write_confusion(pl_module.confusion.tolist(), class_names(trainer.datamodule), file)
        if (texts := mistaken_texts(pl_module, trainer.datamodule)) is not None:
            show(board, folder, "test/mistakes", texts, trainer.global_step)
        if isinstance(pl_module, ScoresLabels) and pl_module.label_table:
            show(board, folder, "test/labels", table_of_labels(pl_module, trainer.datamodule), trainer.global_step)
        names = class_names(trainer.datamodule)
        alarms = pl_module.alarms if isinstance(pl_module, KeepsAlarms) else None
        if alarms is not None and (table := alarms_table(alarms, names)) is not None:
            show(board, folder, "test/alarms", table, trainer.global_step)
        scored = pl_module.scored if isinstance(pl_module, KeepsProbabilities) else None
        if scored is not None and scored.probabilities.shape[1] <= MAX_CURVES:
            # float: NumPy has no bfloat16. A NaN would belong to none of the bins that add_pr_curve counts samples in.
            probabilities, labels = scored.probabilities.float().nan_to_num().cpu(), scored.labels.cpu()
            for index, each in enumerate(probabilities.unbind(dim=1)):  # (N,) of each class
                tag = f"test/precision_recall/{names[index] if names else index}"
                truth = labels == index if labels.ndim == 1 else labels[:, index]
                board.add_pr_curve(tag, truth, each, trainer.global_step)


def write_confusion(counts: Sequence[Sequence[int]], names: Sequence[str] | None, path: Path) -> None:
    """Write counts (C, C), rows true and columns predicted, as CSV, which the report page reads."""
    labels = [str(name) for name in names or range(len(counts))]
    with open_atomically(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["true", *labels])
        writer.writerows([label, *map(int, row)] for label, row in zip(labels, counts, strict=True))


def draw(task: Any, data: Any) -> dict[str, Tensor]:
    """Return all plots of the task's test results by name, each uint8 (3, H, W)."""
    names = class_names(data)
    pictures: dict[str, Tensor] = {}
    if isinstance(task, CountsConfusion) and task.confusion is not None:
        pictures["confusion"] = confusion_matrix(task.confusion.cpu(), names)
    mistakes = task.mistakes if isinstance(task, KeepsMistakes) else None
    if mistakes is not None and len(mistakes.inputs) and isinstance(data, ImageData) and data.image_size:
        images = data.denormalize(mistakes.inputs).clamp(0, 1).cpu()
        pictures["mistakes"] = mistaken_images(images, mistakes.labels.tolist(), mistakes.predictions.tolist(), names)
    if isinstance(task, EvaluatesNumbers) and task.predicted is not None and task.true is not None:
        pictures["predicted_vs_true"] = scatter(task.true.flatten(), task.predicted.flatten())
    if isinstance(task, ScoresLabels) and isinstance(task, KeepsProbabilities) and task.scored is not None:
        probabilities, truth = (each.cpu() for each in task.scored)
        pictures["precision_recall"] = precision_recall(probabilities, truth, names)
    if isinstance(task, KeepsAlarms) and task.alarms is not None:
        pictures["scores"] = alarms_picture(task.alarms)
    return pictures


def table_of_labels(task: ScoresLabels, data: Any) -> Table:
    """The scores of each label in a test, as text."""
    rows = task.label_table
    names = class_names(data) or range(len(rows))
    cells = [
        (str(name), *("-" if value is None else f"{value:.4g}" for value in row.values()))
        for name, row in zip(names, rows, strict=True)
    ]
    return Table(("label", *rows[0]), cells)


def precision_recall(probabilities: Tensor, truth: Tensor, names: Sequence[str] | None = None) -> Tensor:
    """Plot the precision-recall curve of each label; probabilities and bool truth (N, L) -> (3, H, W) uint8.

    Of many labels those that most samples have are drawn.
    """
    counts = truth.sum(dim=0)
    frequent = counts.argsort(descending=True, stable=True)[:MAX_LINES]
    curves = {}
    for label in sorted(frequent.tolist()):
        if counts[label]:
            order = probabilities[:, label].argsort(descending=True, stable=True)
            right = truth[order, label].cumsum(dim=0).double()
            places = torch.arange(1, len(order) + 1)
            curves[names[label] if names else str(label)] = (right / counts[label]).tolist(), (right / places).tolist()
    return as_tensor(pixels(partial(_plot_precision_recall, curves), 720, 480))


def _plot_precision_recall(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], axes: Any) -> None:
    for name, (recalls, precisions) in curves.items():
        short = name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"
        axes.plot(recalls, precisions, linewidth=1.2, label=escape(short))
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axes.grid()
    if curves:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))  # beside the curves, not on them


def confusion_matrix(counts: Tensor, names: Sequence[str] | None = None) -> Tensor:
    """Plot counts (C, C), rows true and columns predicted, shaded by their fraction of the row; (3, H, W) uint8."""
    num_classes = len(counts)
    labels = [str(name) for name in names or range(num_classes)]
    labels = [escape(label if len(label) <= MAX_NAME else f"{label[: MAX_NAME - 1]}…") for label in labels]
    # 24 pixels hold a label beside each cell. At 1090 there is at least one pixel for each cell of up to 800 classes.
    side = min(max(640, 24 * num_classes + 200), 1090)
    return as_tensor(pixels(partial(_plot_confusion, counts, labels), side, side))


def _plot_confusion(counts: Tensor, labels: Sequence[str], axes: Any) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    num_classes = len(counts)
    # Fractions of the row, so that rare classes are as visible as frequent ones; a class without samples divides by 1.
    fractions = counts / counts.sum(dim=1, keepdim=True).clamp(min=1)
    shades = LinearSegmentedColormap.from_list("fraction", [colour(WHITE), colour(ACCENT)])
    axes.imshow(fractions.numpy(), cmap=shades, vmin=0, vmax=1, interpolation="nearest")
    axes.set(xlabel="predicted", ylabel="true")
    axes.spines[["top", "right"]].set_visible(True)
    # Of very many classes every second, third, ... is named.
    named = range(0, num_classes, -(-num_classes // MAX_TICKS))
    labels = [labels[index] for index in named]
    size = min(9.0, 440 / len(named))
    vertical = num_classes > 12 or max(map(len, labels)) > 4
    axes.set_xticks(named, labels, fontsize=size, rotation=90 if vertical else 0)
    axes.set_yticks(named, labels, fontsize=size)
    axes.tick_params(length=0 if len(named) == num_classes else 2)
    if num_classes <= MAX_COUNTS:
        size_of_counts = 12 if num_classes <= 5 else 10 if num_classes <= 12 else 8
        edges = [index - 0.5 for index in range(1, num_classes)]
        axes.hlines(edges, -0.5, num_classes - 0.5, color=colour(LIGHT_GREY), linewidth=0.5)
        axes.vlines(edges, -0.5, num_classes - 0.5, color=colour(LIGHT_GREY), linewidth=0.5)
        for row, column in counts.nonzero().tolist():
            shade = WHITE if fractions[row, column] > 0.5 else DARK  # readable on light and on dark cells
            text = str(int(counts[row, column]))
            axes.text(column, row, text, color=colour(shade), ha="center", va="center", fontsize=size_of_counts)


def mistaken_images(
    images: Tensor,
    labels: Sequence[int],
    predictions: Sequence[int],
    names: Sequence[str] | None = None,
    side: int = 96,
) -> Tensor:
    """Grid of images (K, C, H, W) in [0, 1], each with its true and its predicted class below; (3, H, W) uint8."""
    if images.shape[1] not in (1, 3):  # no RGB: show the mean of all channels in grey
        images = images.mean(dim=1, keepdim=True)
    images = F.interpolate(images.expand(-1, 3, -1, -1), (side, side), mode="nearest")  # (K, 3, side, side)
    font = _font(10)
    tiles = []
    for image, true, predicted in zip(images, labels, predictions, strict=True):
        tile = Image.new("RGB", (side, side + 30), WHITE)
        tile.paste(Image.fromarray((image * 255).byte().permute(1, 2, 0).numpy()), (0, 0))
        # In one line: Pillow measures no others.
        truth, guess = (" ".join(str(names[each]).split()) if names else str(each) for each in (true, predicted))
        whole = f"{truth}, read as {guess}"
        for line, caption in enumerate([whole] if font.getlength(whole) <= side else [f"{truth},", f"read as {guess}"]):
            text = _fitting(caption, font, side)
            ImageDraw.Draw(tile).text((side / 2, side + 8 + 13 * line), text, DARK, font, anchor="mm")
        tiles.append(pil_to_tensor(tile))
    return make_grid(torch.stack(tiles), nrow=5, padding=4, pad_value=255)


def _font(size: int) -> Any:
    """The font of all plots: Pillow's own has no letters beyond ASCII."""
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    # The other layout engine raises RuntimeError for some texts.
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


def _fitting(text: str, font: Any, width: int) -> str:
    """Return the text, cut to a width in pixels."""
    text, whole = text[:200], True
    while font.getlength(text if whole else f"{text}…") > width:
        text, whole = text[:-1], False
    return text if whole else f"{text}…"


def mistaken_texts(task: Any, data: Any) -> Table | None:
    """Misclassified texts with true and predicted class; None if the task does not classify texts."""
    mistakes, names = task.mistakes if isinstance(task, KeepsMistakes) else None, class_names(data)
    if mistakes is None or not len(mistakes.inputs) or names is None or not isinstance(data, TextData):
        return None
    pairs = zip(mistakes.inputs.cpu(), mistakes.labels.tolist(), mistakes.predictions.tolist(), strict=True)
    return Table(("text", "true", "predicted"), [(data.decode(x), names[y], names[guess]) for x, y, guess in pairs])


def scatter(true: Tensor, predicted: Tensor, side: int = 480, most: int = 5000) -> Tensor:
    """Scatter plot of predicted against true values, both (N,), with the line predicted = true; (3, H, W) uint8.

    Draws the first ``most`` points; those that are not finite are left out.
    """
    points = torch.stack([true[:most].double(), predicted[:most].double()])  # (2, N)
    points = points[:, points.isfinite().all(dim=0)]
    low, high = (float(points.min()), float(points.max())) if points.numel() else (0.0, 1.0)
    if low == high:  # an axis needs a range above zero
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    return as_tensor(pixels(partial(_plot_scatter, points, low, high), side, side, MARGINS))


def _plot_scatter(points: Tensor, low: float, high: float, axes: Any) -> None:
    # Both axes have the same limits, so the diagonal is where a perfect prediction lies.
    axes.plot([low, high], [low, high], color=colour(GREY), linewidth=1)
    size = 4 if points.shape[1] <= 500 else 2.5
    dots = {"color": colour(ACCENT), "markersize": size, "markeredgewidth": 0, "clip_on": False}
    axes.plot(*points.tolist(), "o", zorder=3, **dots)  # above the axis lines, which some points lie on
    axes.set(xlim=(low, high), ylim=(low, high), xlabel="true", ylabel="predicted")
    places, labels = axis_ticks(low, high)
    axes.set_xticks(places, labels)
    axes.set_yticks(places, labels, rotation=90, va="center")
    axes.grid()
