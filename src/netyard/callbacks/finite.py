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
from netyard.files import whole


class Finite(Callback):
    """Looks at the loss every ``every_n_steps`` steps (each look waits for the device) and at every epoch's metrics.

    The epoch's look comes before its checkpoint, so the last checkpoint is always of a state that was in order. What
    the step saw goes to ``nan_report.json`` in the run's directory.

    Raises:
        NumericalError: the loss is NaN or infinite.
    """

    def __init__(self, every_n_steps: int = 20) -> None:
        self.every_n_steps = every_n_steps

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx % self.every_n_steps == 0:
            loss = outputs["loss"] if isinstance(outputs, dict) else outputs
            if isinstance(loss, Tensor):
                self._check("the training loss", float(loss), trainer, pl_module, batch)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for name, value in trainer.callback_metrics.items():
            if name.endswith("/loss"):
                self._check(name, float(value), trainer, pl_module, None)

    def _check(self, name: str, value: float, trainer: Trainer, module: LightningModule, batch: Any) -> None:
        if math.isfinite(value):
            return
        if trainer.is_global_zero:
            found = {"loss": name, "value": str(value), "epoch": trainer.current_epoch, "step": trainer.global_step}
            with whole(Path(trainer.default_root_dir) / "nan_report.json") as file:
                json.dump({**found, **report(trainer, module, batch)}, file, indent=1)
        raise NumericalError(
            f"{name} became {value} in epoch {trainer.current_epoch}, step {trainer.global_step};",
            "training goes on only while the loss is a finite number;",
            "try a smaller optimizer.lr, or trainer.gradient_clip_val=1; nan_report.json says what the step saw.",
        )


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
