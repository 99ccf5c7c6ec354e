"""What a network makes, in the dashboard as training goes on: text it writes, sentences it translates, a forecast."""

from __future__ import annotations

from typing import Any

from lightning import Callback, LightningModule, Trainer

from netyard.callbacks.forecasts import forecast_picture
from netyard.callbacks.markdown import table, verbatim


class Samples(Callback):
    """After a validation and after the test, shows what the task can make; a task that makes nothing shows nothing.

    ``val/text`` of a language model, ``val/translations``, ``val/forecast``; ``test/...`` likewise. Drawing uses random
    numbers of its own, so a run with samples is the run without them.

    Args:
        every_n_epochs: epochs from one showing to the next.
    """

    def __init__(self, every_n_epochs: int = 1) -> None:
        self.every_n_epochs = every_n_epochs

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking and (trainer.current_epoch + 1) % self.every_n_epochs == 0:
            self._show(trainer, pl_module, "val")

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._show(trainer, pl_module, "test")

    def _show(self, trainer: Trainer, task: Any, stage: str) -> None:
        board: Any = getattr(trainer.logger, "experiment", None)
        if not hasattr(board, "add_text") or not trainer.is_global_zero:
            return
        data = trainer.datamodule
        if getattr(task, "forecast", None) is not None:
            board.add_image(f"{stage}/forecast", forecast_picture(*task.forecast), trainer.global_step)
        elif getattr(task, "translations", None) is not None:
            rows = [
                (data.decode_source(source), data.decode(true), data.decode(predicted))
                for source, true, predicted in zip(*task.translations, strict=True)
            ]
            board.add_text(f"{stage}/translations", table(("source", "true", "predicted"), rows), trainer.global_step)
        elif hasattr(task, "generate"):
            board.add_text(f"{stage}/text", verbatim(task.generate(data)), trainer.global_step)
