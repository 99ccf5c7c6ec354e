"""Ends a run whose loss is no number any more, instead of spending the rest of its budget."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from netyard.errors import NumericalError
from netyard.io.atomic import whole
from netyard.ranges.bounds import Count


class Finite(Callback):
    """Looks at the loss every ``every_n_steps`` steps (each look waits for the device) and at every epoch's metrics.

    The epoch's look comes before its checkpoint, so the last checkpoint is always of a state that was in order. What
    the step saw goes to ``nan_report.json`` in the run's directory. In 16-bit precision a step whose gradients overflow
    is skipped, and the loss scaled down; ``max_skipped_steps`` of them in a row are no number either.

    Raises:
        NumericalError: the loss is NaN or infinite, or its gradients are, however small it is scaled.
    """

    def __init__(self, every_n_steps: Count = 20, max_skipped_steps: Count = 20) -> None:
        self.every_n_steps, self.max_skipped_steps = every_n_steps, max_skipped_steps
        self.skipped = 0  # in all
        self._in_a_row, self._scale = 0, 0.0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        if scaler is not None:
            self._count(scaler.get_scale(), trainer, pl_module, batch)
        if batch_idx % self.every_n_steps == 0:
            loss = outputs["loss"] if isinstance(outputs, dict) else outputs
            if isinstance(loss, Tensor):
                self._check("the training loss", float(loss), trainer, pl_module, batch)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for name, value in trainer.callback_metrics.items():
            if name.endswith("/loss"):
                self._check(name, float(value), trainer, pl_module, None)

    def _count(self, scale: float, trainer: Trainer, module: LightningModule, batch: Any) -> None:
        """A scale that has become smaller tells of a step that was skipped."""
        skipped, self._scale = scale < self._scale, scale
        self.skipped += skipped
        self._in_a_row = self._in_a_row + 1 if skipped else 0
        if self._in_a_row < self.max_skipped_steps:
            return
        self._report({"loss": "the gradients", "scale": scale, "skipped_steps": self.skipped}, trainer, module, batch)
        raise NumericalError(
            f"the gradients overflowed in {self._in_a_row} steps in a row, {self.skipped} in all, up to epoch"
            f" {trainer.current_epoch}, step {trainer.global_step}, with the loss scaled by {scale:g};",
            "16-bit precision skips such a step and scales the loss down, which has to help at some time;",
            "try trainer.precision=bf16-mixed or 32-true, or a smaller optimizer.lr.",
        )

    def _check(self, name: str, value: float, trainer: Trainer, module: LightningModule, batch: Any) -> None:
        if math.isfinite(value):
            return
        self._report({"loss": name, "value": str(value)}, trainer, module, batch)
        raise NumericalError(
            f"{name} became {value} in epoch {trainer.current_epoch}, step {trainer.global_step};",
            "training goes on only while the loss is a finite number;",
            "try a smaller optimizer.lr, or trainer.gradient_clip_val=1; nan_report.json says what the step saw.",
        )

    def _report(self, found: dict[str, Any], trainer: Trainer, module: LightningModule, batch: Any) -> None:
        if trainer.is_global_zero:
            at = {"epoch": trainer.current_epoch, "step": trainer.global_step, **_samples(trainer, batch)}
            with whole(Path(trainer.default_root_dir) / "nan_report.json") as file:
                json.dump({**found, **at, **report(trainer, module, batch)}, file, indent=1)


def _samples(trainer: Trainer, batch: Any) -> dict[str, Any]:
    """Which batch of the epoch it was, and its samples' places in the training part, where its order tells.

    With the seed they decide order, augmentation and dropout: resumed from its last save, a run meets them again.
    """
    number = trainer.fit_loop.epoch_loop.batch_progress.current.ready - 1
    order: Any = getattr(trainer.train_dataloader, "order", None)
    if batch is None or not hasattr(order, "epoch"):
        return {}
    index = order.epoch(trainer.current_epoch)[0]
    return {"batch_index": number, "samples": index[number].tolist() if number < len(index) else []}


def report(trainer: Trainer, module: LightningModule, batch: Any) -> dict[str, Any]:
    """The rates, the norm of each gradient, the weights that are no numbers, and what is in the batch, for JSON.

    Numbers that JSON does not have are words, "nan" and "inf".
    """
    named = dict(module.named_parameters())
    return {
        "rates": [group["lr"] for optimizer in trainer.optimizers for group in optimizer.param_groups],
        "gradient_norms": {name: _number(each.grad.norm()) for name, each in named.items() if each.grad is not None},
        "weights_not_finite": [name for name, each in named.items() if not each.isfinite().all()],
        "batch": {name: _described(tensor) for name, tensor in tensors(batch)},
    }


def tensors(batch: Any, name: str = "batch") -> Iterator[tuple[str, Tensor]]:
    """Every tensor in a batch, with its place."""
    if isinstance(batch, Tensor):
        yield name, batch
    elif isinstance(batch, Mapping):
        for key, value in batch.items():
            yield from tensors(value, f"{name}.{key}")
    elif isinstance(batch, list | tuple):
        for index, value in enumerate(batch):
            yield from tensors(value, f"{name}[{index}]")


def _described(tensor: Tensor) -> dict[str, Any]:
    finite = tensor[tensor.isfinite()].double()
    extremes = {"least": _number(finite.min()), "greatest": _number(finite.max())} if len(finite) else {}
    shape = {"shape": list(tensor.shape), "dtype": str(tensor.dtype).removeprefix("torch.")}
    return {**shape, "not_finite": int((~tensor.isfinite()).sum()), **extremes}


def _number(value: Tensor) -> float | str:
    number = float(value)
    return number if math.isfinite(number) else str(number)
