"""Ends a run whose loss is NaN or infinite, instead of spending the rest of its budget."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from netyard.errors import NumericalError
from netyard.io.atomic import open_atomically
from netyard.ranges.bounds import Count


class Finite(Callback):
    """Checks the loss every ``every_n_steps`` steps (each check waits for the device) and the metrics of every epoch.

    An epoch is checked before it is saved, so the last checkpoint always holds finite weights. What the step was given
    is written to ``nan_report.json`` in the run's directory. In 16-bit precision a step whose gradients overflow is
    skipped, and the loss is scaled down; ``max_skipped_steps`` of them in a row end the run as well.

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
        # Only the plugin of 16-bit precision has a scaler.
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
        """Count skipped steps: the gradient scaler lowers its scale whenever it skips one."""
        skipped, self._scale = scale < self._scale, scale
        self.skipped += skipped
        self._in_a_row = self._in_a_row + 1 if skipped else 0
        if self._in_a_row < self.max_skipped_steps:
            return
        self._report({"loss": "the gradients", "scale": scale, "skipped_steps": self.skipped}, trainer, module, batch)
        raise NumericalError(
            f"the gradients overflowed in {self._in_a_row} steps in a row, {self.skipped} in all, up to epoch"
            f" {trainer.current_epoch}, step {trainer.global_step}, with the loss scaled by {scale:g};",
            "16-bit precision skips such a step and scales the loss down until the gradients are finite;",
            "try trainer.precision=bf16-mixed or 32-true, or a smaller optimizer.lr.",
        )

    def _check(self, name: str, value: float, trainer: Trainer, module: LightningModule, batch: Any) -> None:
        if math.isfinite(value):
            return
        self._report({"loss": name, "value": str(value)}, trainer, module, batch)
        raise NumericalError(
            f"{name} is {_spelled(value)} in epoch {trainer.current_epoch}, step {trainer.global_step};",
            "training continues only while the loss is a finite number;",
            "try a smaller optimizer.lr, or trainer.gradient_clip_val=1; see nan_report.json for the batch.",
        )

    def _report(self, found: dict[str, Any], trainer: Trainer, module: LightningModule, batch: Any) -> None:
        if trainer.is_global_zero:
            at = {"epoch": trainer.current_epoch, "step": trainer.global_step, **_samples(trainer, batch)}
            with open_atomically(Path(trainer.default_root_dir) / "nan_report.json") as file:
                json.dump({**found, **at, **report(trainer, module, batch)}, file, indent=1)


def _spelled(value: float) -> str:
    return "NaN" if math.isnan(value) else f"{value}"


def _samples(trainer: Trainer, batch: Any) -> dict[str, Any]:
    """The index of the batch in its epoch, and the indices of its samples where the loader's order is known.

    Order, augmentation and dropout follow from the seed: a run resumed from its last save meets the same batch again.
    """
    number = trainer.fit_loop.epoch_loop.batch_progress.current.ready - 1
    order: Any = getattr(trainer.train_dataloader, "order", None)
    if batch is None or not hasattr(order, "epoch"):
        return {}
    index = order.epoch(trainer.current_epoch)[0]
    return {"batch_index": number, "samples": index[number].tolist() if number < len(index) else []}


def report(trainer: Trainer, module: LightningModule, batch: Any) -> dict[str, Any]:
    """Learning rates, the norm of each gradient, names of weights with NaN or infinity, and the batch's contents.

    Values that JSON cannot hold are the strings "nan" and "inf".
    """
    named = dict(module.named_parameters())
    return {
        "rates": [group["lr"] for optimizer in trainer.optimizers for group in optimizer.param_groups],
        "gradient_norms": {name: _number(each.grad.norm()) for name, each in named.items() if each.grad is not None},
        "weights_not_finite": [name for name, each in named.items() if not each.isfinite().all()],
        "batch": {name: _described(tensor) for name, tensor in tensors(batch)},
    }


def tensors(batch: Any, name: str = "batch") -> Iterator[tuple[str, Tensor]]:
    """Every tensor in a nested batch, with its path, as ``batch[0].image``."""
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
