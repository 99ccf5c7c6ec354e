"""Ends a run whose loss is NaN or infinite, because it cannot recover from that."""

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
    """Checks the loss every ``every_n_steps`` steps and at the end of every epoch.

    An epoch is checked before it is saved, so the last checkpoint has a finite loss. The batch, learning rates and
    gradient norms are written to ``nan_report.json`` in the run directory. In 16-bit precision a step whose gradients
    overflow is skipped and the scale of the loss reduced; ``max_skipped_steps`` skipped steps in a row end the run too.

    Raises:
        NumericalError: the loss is NaN or infinite, or the gradients still overflow after all reductions of the scale.
    """

    def __init__(self, every_n_steps: Count = 20, max_skipped_steps: Count = 20) -> None:
        self.every_n_steps, self.max_skipped_steps = every_n_steps, max_skipped_steps
        self.skipped = 0  # steps, in total
        self._skipped_in_a_row, self._scale = 0, 0.0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        # Only the plugin of 16-bit precision has a scaler: bfloat16 has the range of float32 and does not overflow.
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        if scaler is not None:
            self._count_skipped(scaler.get_scale(), trainer, pl_module, batch)
        # Not at every step: float(loss) waits until the GPU has finished the step.
        if batch_idx % self.every_n_steps == 0:
            loss = outputs["loss"] if isinstance(outputs, dict) else outputs
            if isinstance(loss, Tensor):
                self._check("the training loss", float(loss), trainer, pl_module, batch)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # The mean over an epoch is NaN if any of its losses is, also between two checks of the step loss.
        for name, value in trainer.callback_metrics.items():
            if name.endswith("/loss"):
                self._check(name, float(value), trainer, pl_module, None)

    def _count_skipped(self, scale: float, trainer: Trainer, module: LightningModule, batch: Any) -> None:
        """Count skipped steps, and raise ``NumericalError`` after ``max_skipped_steps`` in a row."""
        # GradScaler has no record of skipped steps, but it halves its scale at each of them.
        skipped, self._scale = scale < self._scale, scale
        self.skipped += skipped
        self._skipped_in_a_row = self._skipped_in_a_row + 1 if skipped else 0
        if self._skipped_in_a_row < self.max_skipped_steps:
            return
        self._report({"loss": "the gradients", "scale": scale, "skipped_steps": self.skipped}, trainer, module, batch)
        raise NumericalError(
            f"the gradients overflowed in {self._skipped_in_a_row} steps in a row, {self.skipped} in total, up to epoch"
            f" {trainer.current_epoch}, step {trainer.global_step}, with the loss scaled by {scale:g};",
            "16-bit precision skips such a step and reduces the scale of the loss until the gradients are finite;",
            "try trainer.precision=bf16-mixed or 32-true, or a smaller optimizer.lr.",
        )

    def _check(self, name: str, value: float, trainer: Trainer, module: LightningModule, batch: Any) -> None:
        if math.isfinite(value):
            return
        self._report({"loss": name, "value": str(value)}, trainer, module, batch)
        raise NumericalError(
            f"{name} is {_as_text(value)} in epoch {trainer.current_epoch}, step {trainer.global_step};",
            "training continues only while the loss is a finite number;",
            "try a smaller optimizer.lr, or trainer.gradient_clip_val=1; see nan_report.json for the batch.",
        )

    def _report(self, found: dict[str, Any], trainer: Trainer, module: LightningModule, batch: Any) -> None:
        """Write ``nan_report.json``."""
        if trainer.is_global_zero:
            at = {"epoch": trainer.current_epoch, "step": trainer.global_step, **_samples(trainer, batch)}
            with open_atomically(Path(trainer.default_root_dir) / "nan_report.json") as file:
                json.dump({**found, **at, **report(trainer, module, batch)}, file, indent=1)


def _as_text(value: float) -> str:
    return "NaN" if math.isnan(value) else f"{value}"


def _samples(trainer: Trainer, batch: Any) -> dict[str, Any]:
    """Return the index of the batch in its epoch and the indices of its samples, if the loader has a known order.

    Order, augmentation and dropout follow from the seed, so a resumed run gets the same batch again.
    """
    # ``ready`` counts the batch in progress too, hence the -1.
    number = trainer.fit_loop.epoch_loop.batch_progress.current.ready - 1
    order: Any = getattr(trainer.train_dataloader, "order", None)
    if batch is None or not hasattr(order, "epoch"):
        return {}
    index = order.epoch(trainer.current_epoch)[0]
    return {"batch_index": number, "samples": index[number].tolist() if number < len(index) else []}


def report(trainer: Trainer, module: LightningModule, batch: Any) -> dict[str, Any]:
    """Return learning rates, the norm of each gradient, names of weights with NaN or infinity, and the batch's values.

    NaN and infinity are the strings "nan" and "inf", because JSON has no such numbers.
    """
    named = dict(module.named_parameters())
    return {
        "rates": [group["lr"] for optimizer in trainer.optimizers for group in optimizer.param_groups],
        "gradient_norms": {name: _number(each.grad.norm()) for name, each in named.items() if each.grad is not None},
        "weights_not_finite": [name for name, each in named.items() if not each.isfinite().all()],
        "batch": {name: _describe(tensor) for name, tensor in tensors(batch)},
    }


def tensors(batch: Any, name: str = "batch") -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor of a nested batch with its path, such as ``batch[0].image``."""
    if isinstance(batch, Tensor):
        yield name, batch
    elif isinstance(batch, Mapping):
        for key, value in batch.items():
            yield from tensors(value, f"{name}.{key}")
    elif isinstance(batch, list | tuple):
        for index, value in enumerate(batch):
            yield from tensors(value, f"{name}[{index}]")


def _describe(tensor: Tensor) -> dict[str, Any]:
    """Return shape, dtype, number of values that are not finite, and the range of the others."""
    finite = tensor[tensor.isfinite()].double()
    extremes = {"least": _number(finite.min()), "greatest": _number(finite.max())} if len(finite) else {}
    shape = {"shape": list(tensor.shape), "dtype": str(tensor.dtype).removeprefix("torch.")}
    return {**shape, "not_finite": int((~tensor.isfinite()).sum()), **extremes}


def _number(value: Tensor) -> float | str:
    number = float(value)
    return number if math.isfinite(number) else str(number)
