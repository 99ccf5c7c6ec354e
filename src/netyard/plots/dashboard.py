"""Converts plots into images for TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import Trainer
from PIL.PngImagePlugin import PngImageFile
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor


def as_tensor(drawn: np.ndarray[Any, Any]) -> Tensor:
    """Convert an image (H, W, 3) to a tensor (3, H, W)."""
    return torch.from_numpy(drawn).permute(2, 0, 1).contiguous()


def show_plot(trainer: Trainer, tag: str, path: Path) -> None:
    """Show a PNG file in TensorBoard; does nothing with other loggers or none."""
    board: Any = getattr(trainer.logger, "experiment", None)
    if hasattr(board, "add_image"):
        with PngImageFile(path) as picture:  # converted to RGB: the file has an alpha channel
            board.add_image(tag, pil_to_tensor(picture.convert("RGB")), trainer.global_step)
