"""What our drawings have in common: colours, sharpness, round numbers on axes, and the way into the dashboard."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from lightning import Trainer
from PIL.PngImagePlugin import PngImageFile
from torchvision.transforms.functional import pil_to_tensor

INK, PAPER, ACCENT = (32, 33, 36), (255, 255, 255), (26, 95, 180)
FAINT, SOFT = (225, 226, 230), (150, 152, 158)
SHARPNESS = 2  # drawn so many times as large, and reduced: Pillow's lines have no soft edges of their own


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers from low to high, at most ``most`` of them: multiples of 1, 2 or 5 times a power of ten."""
    power = 10 ** math.floor(math.log10((high - low) / most))
    for step in (power * factor for factor in (1, 2, 5, 10, 20)):
        multiples = range(math.ceil(low / step), math.floor(high / step) + 1)
        if len(multiples) <= most:
            break
    return [multiple * step for multiple in multiples]


def show_plot(trainer: Trainer, tag: str, path: Path) -> None:
    """Put a PNG file of the run's directory into the dashboard, where there is one."""
    board: Any = getattr(trainer.logger, "experiment", None)
    if hasattr(board, "add_image"):
        with PngImageFile(path) as picture:
            board.add_image(tag, pil_to_tensor(picture.convert("RGB")), trainer.global_step)
