"""Where a Trainer processes batches: its device, this process's share of each batch, the position in the epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightning as L
import torch

from netyard.data.core.orders import Position, Shard
from netyard.data.core.tensors import Split


@dataclass(frozen=True)
class Placement:
    """Which device reads which share of each batch, and where the training loop is in its epoch."""

    device: torch.device
    shard: Shard
    position: Position | None

    @classmethod
    def of(cls, trainer: L.Trainer | None) -> Placement:
        """The placement under a Trainer; without one the CPU, in one process, without a training loop."""
        if trainer is None:
            return cls(torch.device("cpu"), Shard(), None)
        shard = Shard(trainer.global_rank, trainer.world_size)
        return cls(trainer.strategy.root_device, shard, _position_in(trainer))

    def move(self, splits: dict[str, Split]) -> None:
        """Move splits to a CUDA device, all of them or none: they may take a quarter of its free memory.

        Batches are then indexed on the device, without a copy from the host in each step.
        """
        if self.device.type != "cuda":
            return
        # Splits whose samples are decoded from files cannot be moved: they have 0 bytes and stay where they are.
        needed = sum(split.num_bytes for split in splits.values() if split.device != self.device)
        # The network, its gradients and its activations need the rest.
        if 0 < needed < torch.cuda.mem_get_info(self.device)[0] / 4:
            splits.update({name: split.to(self.device) for name, split in splits.items()})


def _position_in(trainer: Any) -> Position:
    """Read the Trainer's own batch counter, which its checkpoints save and restore."""

    def position() -> tuple[int, int]:
        batches = int(trainer.num_training_batches)  # respects limit_train_batches
        done = trainer.fit_loop.epoch_loop.batch_progress.total.processed
        # With overfit_batches every epoch consists of the same batches, those of epoch 0.
        return (done % batches if trainer.overfit_batches else done), batches

    return position
