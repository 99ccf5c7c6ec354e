"""Pictures of a test for the dashboard: what was confused with what, the surest mistakes, predictions against truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.functional import pil_to_tensor
from torchvision.utils import make_grid

from netyard.plots.figure import ACCENT, INK, PAPER
from netyard.plots.image_grid import write_png
from netyard.plots.text import Table, show
from netyard.tasks.interfaces import (
    CountsConfusion,
    EvaluatesNumbers,
    ImageData,
    KeepsMistakes,
    KeepsProbabilities,
    TextData,
    class_names,
)

MOST_NAMED = 30  # classes; of more, no names fit beside the matrix, and their curves would be too many to look at


class Figures(Callback):
    """After a test, draws what the task has kept for it; a task without such results gets no pictures.

    ``test/confusion`` and ``test/mistakes`` (pictures or texts) for a classification, ``test/predicted_vs_true`` for a
    regression or a forecast; in the run directory too, as ``pictures/test_confusion.png``, ``texts/test_mistakes.csv``
    and so on. Of up to thirty classes, ``test/precision_recall/<class>`` is the curve of telling each from the others.
    """

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        board: Any = getattr(trainer.logger, "experiment", None)
        if not hasattr(board, "add_image") or not trainer.is_global_zero:
            return
        folder = Path(trainer.default_root_dir)
        for name, picture in draw(pl_module, trainer.datamodule).items():
            board.add_image(f"test/{name}", picture, trainer.global_step)
            write_png(picture, folder / "pictures" / f"test_{name}.png")
        if (texts := mistaken_texts(pl_module, trainer.datamodule)) is not None:
            show(board, folder, "test/mistakes", texts, trainer.global_step)
        names = class_names(trainer.datamodule)
        judged = pl_module.judged if isinstance(pl_module, KeepsProbabilities) else None
        if judged is not None and judged.probabilities.shape[1] <= MOST_NAMED:
            probabilities, labels = judged.probabilities.float().nan_to_num().cpu(), judged.labels.cpu()
            for index, each in enumerate(probabilities.unbind(dim=1)):
                tag = f"test/precision_recall/{names[index] if names else index}"
                board.add_pr_curve(tag, labels == index, each, trainer.global_step)


def draw(task: Any, data: Any) -> dict[str, Tensor]:
    """Every picture the task's test results allow, as uint8 (3, H, W)."""
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
    return pictures


def confusion_matrix(counts: Tensor, names: Sequence[str] | None = None, side: int = 640) -> Tensor:
    """Counts (C, C), rows true and columns predicted, shaded by the share of their row; (3, H, W) uint8."""
    num_classes = len(counts)
    labels = [str(name) for name in names or range(num_classes)]
    font = ImageFont.load_default(size=12)
    margin = 24 + max(int(font.getlength(label)) for label in labels) if num_classes <= MOST_NAMED else 24
    cell = max((side - margin) // num_classes, 1)
    canvas = Image.new("RGB", (margin + cell * num_classes + 8, margin + cell * num_classes + 8), PAPER)
    pen = ImageDraw.Draw(canvas)
    shares = counts / counts.sum(dim=1, keepdim=True).clamp(min=1)
    # At once, not cell by cell: a thousand classes have a million cells.
    paper, accent = torch.tensor(PAPER), torch.tensor(ACCENT)
    colours = (paper + (accent - paper) * shares[..., None]).round().byte()
    cells = colours.repeat_interleave(cell, dim=0).repeat_interleave(cell, dim=1)
    canvas.paste(Image.fromarray(cells.numpy()), (margin, margin))
    if cell >= 24:
        for row, column in counts.nonzero().tolist():
            place = margin + (column + 0.5) * cell, margin + (row + 0.5) * cell
            colour = PAPER if shares[row, column] > 0.5 else INK
            pen.text(place, str(int(counts[row, column])), colour, font, anchor="mm")
    if num_classes <= MOST_NAMED:
        for index, label in enumerate(labels):
            pen.text((margin - 4, margin + (index + 0.5) * cell), label, INK, font, anchor="rm")
            short = label if font.getlength(label) <= cell else label[: max(cell // 8, 1)]
            pen.text((margin + (index + 0.5) * cell, margin - 4), short, INK, font, anchor="mb")
    pen.text((4, 4), "true \\ predicted", INK, font)
    return pil_to_tensor(canvas)


def mistaken_images(
    images: Tensor,
    labels: Sequence[int],
    predictions: Sequence[int],
    names: Sequence[str] | None = None,
    side: int = 96,
) -> Tensor:
    """Images (K, C, H, W) in [0, 1] in a grid, under each what it is and what it was taken for; (3, H, W) uint8."""
    if images.shape[1] not in (1, 3):
        images = images.mean(dim=1, keepdim=True)
    images = F.interpolate(images.expand(-1, 3, -1, -1), (side, side), mode="nearest")
    font = ImageFont.load_default(size=11)
    tiles = []
    for image, true, predicted in zip(images, labels, predictions, strict=True):
        tile = Image.new("RGB", (side, side + 30), PAPER)
        tile.paste(Image.fromarray((image * 255).byte().permute(1, 2, 0).numpy()), (0, 0))
        truth, guess = (str(names[each]) if names else str(each) for each in (true, predicted))
        for line, caption in enumerate((truth, f"not {guess}")):
            ImageDraw.Draw(tile).text((side / 2, side + 8 + 13 * line), caption[:16], INK, font, anchor="mm")
        tiles.append(pil_to_tensor(tile))
    return make_grid(torch.stack(tiles), nrow=5, padding=4, pad_value=255)


def mistaken_texts(task: Any, data: Any) -> Table | None:
    """The mistakes of a classification of texts; None where no texts were classified."""
    mistakes, names = task.mistakes if isinstance(task, KeepsMistakes) else None, class_names(data)
    if mistakes is None or not len(mistakes.inputs) or names is None or not isinstance(data, TextData):
        return None
    pairs = zip(mistakes.inputs.cpu(), mistakes.labels.tolist(), mistakes.predictions.tolist(), strict=True)
    return Table(("text", "true", "predicted"), [(data.decode(x), names[y], names[guess]) for x, y, guess in pairs])


def scatter(true: Tensor, predicted: Tensor, side: int = 480, most: int = 5000) -> Tensor:
    """Points (true, predicted), both (N,), with the line on which a perfect net would put them; (3, H, W) uint8."""
    true, predicted = true[:most].float(), predicted[:most].float()
    low, high = float(torch.cat([true, predicted]).min()), float(torch.cat([true, predicted]).max())
    margin, span = 48, (high - low) or 1.0
    canvas = Image.new("RGB", (side, side), PAPER)
    pen = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=12)

    def place(x: float, y: float) -> tuple[float, float]:
        scale = (side - 2 * margin) / span
        return margin + (x - low) * scale, side - margin - (y - low) * scale

    pen.line((*place(low, low), *place(high, high)), fill=(160, 160, 160))
    for x, y in zip(true.tolist(), predicted.tolist(), strict=True):
        across, up = place(x, y)
        pen.ellipse((across - 2, up - 2, across + 2, up + 2), fill=ACCENT)
    for value in (low, (low + high) / 2, high):
        pen.text((place(value, low)[0], side - margin + 8), f"{value:.4g}", INK, font, anchor="ma")
        pen.text((margin - 6, place(low, value)[1]), f"{value:.4g}", INK, font, anchor="rm")
    pen.text((side / 2, side - 8), "true", INK, font, anchor="mb")
    pen.text((6, 6), "predicted", INK, font)
    return pil_to_tensor(canvas)
