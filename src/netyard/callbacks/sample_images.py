"""Shows samples of a network in TensorBoard during training: text, images, rows of a table, a forecast."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from netyard.callbacks.forecasts import forecast_picture
from netyard.callbacks.latent_use import latent_kl_picture
from netyard.plots.image_grid import grid, rows, side_by_side, write_png
from netyard.plots.text import Table, show
from netyard.ranges.bounds import Count
from netyard.tasks.interfaces import (
    DatesForecasts,
    DrawsImages,
    DrawsRows,
    GeneratesText,
    Interpolates,
    KeepsForecast,
    MeasuresCodes,
    Reconstructs,
    Translates,
    Traverses,
    WritesCells,
    shows_images,
    shows_rows,
)

NUM_PICTURES = 64  # generated images in one grid
NUM_SHOWN = 10  # images that TensorBoard keeps of one tag by default; it samples from more at random


class Samples(Callback):
    """After a validation and after the test, shows what the task can generate; nothing if it generates nothing.

    ``val/text`` of a language model, ``val/translations``, ``val/forecast``, ``val/reconstructions``, ``val/samples``
    of images and of tables; of a VAE also ``val/latent_kl``, ``val/traversal`` (one row per dimension, in the order of
    those bars) and ``val/interpolation``; ``test/...`` likewise. The latest ones are also in the run directory, as
    ``pictures/val_samples.png``, ``texts/val_text.txt`` and so on. Sampling uses its own random generator, so training
    is the same with and without it.

    Args:
        every_n_epochs: interval in epochs; None is a tenth of the run, and 1 if ``max_epochs`` is unlimited.
    """

    def __init__(self, every_n_epochs: Count | None = None) -> None:
        self.every_n_epochs = every_n_epochs

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        every = self.every_n_epochs or max(math.ceil((trainer.max_epochs or -1) / NUM_SHOWN), 1)
        done, since = trainer.current_epoch + 1, trainer.check_val_every_n_epoch or 1
        # Whether a multiple of ``every`` lies in the epochs since the last validation: a test for a remainder of 0
        # would miss multiples at epochs without a validation.
        if not trainer.sanity_checking and done // every > (done - since) // every:
            self._show(trainer, pl_module, "val")

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._show(trainer, pl_module, "test")

    def _show(self, trainer: Trainer, task: Any, stage: str) -> None:
        board: Any = getattr(trainer.logger, "experiment", None)
        # Other loggers have no methods for images and texts. Every rank would write the same samples.
        if not hasattr(board, "add_text") or not trainer.is_global_zero:
            return
        folder = Path(trainer.default_root_dir)
        for name, picture in _pictures(task, trainer.datamodule, stage).items():
            board.add_image(f"{stage}/{name}", picture, trainer.global_step)
            write_png(picture, folder / "pictures" / f"{stage}_{name}.png")
        for name, text in _texts(task, trainer.datamodule).items():
            show(board, folder, f"{stage}/{name}", text, trainer.global_step)


def _pictures(task: Any, data: Any, stage: str) -> dict[str, Tensor]:
    """Return all images that the task can draw by name, each uint8 (3, H, W)."""
    pictures = {}
    if isinstance(task, KeepsForecast) and task.forecast is not None:
        # The datamodule knows the dates of the last window of a split, which this is unless batches are limited.
        dates = data.forecast_dates(stage, task.forecast.past) if isinstance(data, DatesForecasts) else None
        past, true, predicted, seasonal = task.forecast
        pictures["forecast"] = forecast_picture(past, true, predicted, seasonal, dates=dates)
    if isinstance(task, Reconstructs) and task.reconstructions is not None:
        pictures["reconstructions"] = side_by_side(*task.reconstructions)
    if isinstance(task, MeasuresCodes) and task.latent_use is not None:
        pictures["latent_kl"] = latent_kl_picture(task.latent_use.kl, task.latent_use.active)
    if shows_images(data):  # a VAE of tables generates too, but not images
        if isinstance(task, DrawsImages):
            pictures["samples"] = grid(task.pictures(NUM_PICTURES))
        if isinstance(task, Traverses):
            pictures["traversal"] = rows(task.traversal())
        if isinstance(task, Interpolates) and (strips := task.interpolation()) is not None:
            pictures["interpolation"] = rows(strips)
    return pictures


def _texts(task: Any, data: Any) -> dict[str, str | Table]:
    """Return the texts that the task can generate by name."""
    if isinstance(task, Translates) and task.translations is not None:
        rows = [
            (data.decode_source(source), data.decode(true), data.decode(predicted))
            for source, true, predicted in zip(*task.translations, strict=True)
        ]
        return {"translations": Table(("source", "true", "predicted"), rows)}
    if isinstance(task, DrawsRows) and isinstance(data, WritesCells) and shows_rows(data):
        cells = data.cells(task.rows(NUM_SHOWN))
        columns = [
            [f"{cell:.6g}" if isinstance(cell, float) else str(cell) for cell in each] for each in cells.values()
        ]
        return {"samples": Table(tuple(cells), list(zip(*columns, strict=True)))}
    if isinstance(task, GeneratesText) and not isinstance(task, Translates):
        return {"text": task.generate(data)}
    return {}
