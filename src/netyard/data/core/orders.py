"""The order in which samples are read: a pure function of (seed, epoch, position).

The position is read from the training loop's own batch counter, so a run that is resumed in the middle of an epoch
trains on exactly the remaining batches of that epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import torch
from torch import Tensor

from netyard.data.core.keys import BALANCE, permutation, sample_keys
from netyard.errors import ConfigError, DataError

Position = Callable[[], tuple[int, int]]
"""Returns the number of batches already processed and the number of batches in an epoch."""


Sampler: TypeAlias = Literal["uniform", "balanced"]
"""How often a sample is trained on: all equally often, or all classes equally often."""


@dataclass(frozen=True)
class Shard:
    """The rank of this process, among ``world`` processes of one device each."""

    rank: int = 0
    world: int = 1


class Order(Protocol):
    """Batches of ``(index, key)``, each int64 (b,)."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]: ...


class TrainOrder:
    """Full batches of a new permutation in every epoch; the remainder, other samples each time, is left out.

    ``batch_size`` is the global batch size: each of several devices takes a slice of every batch. A data set smaller
    than a batch is one batch. Without a ``position`` (no Trainer) each iteration is the next epoch.

    Raises:
        ConfigError: the batch cannot be divided equally among the devices.
        DataError: there are fewer samples than devices.
    """

    def __init__(
        self,
        num_samples: int,
        batch_size: int,
        seed: int,
        shard: Shard = Shard(),
        position: Position | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        # Averaging the gradients of unequal slices would give the samples of a batch unequal weights.
        if batch_size < 1 or batch_size % shard.world:
            raise ConfigError(
                f"data.batch_size is {batch_size} on {shard.world} device(s);",
                "the global batch must be a positive multiple of the number of devices;",
                f"try data.batch_size={max(batch_size // shard.world, 1) * shard.world}.",
            )
        _check_enough(num_samples, shard)
        self.num_samples, self.seed, self.shard, self.device = num_samples, seed, shard, device
        self.batch_size = min(batch_size, num_samples - num_samples % shard.world)
        self.position = position or self._next_epoch
        self._passes = 0

    def __len__(self) -> int:
        return self.num_samples // self.batch_size

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        # Read when the iteration starts: the Trainer may restore its counter after the loader was created.
        done, batches_per_epoch = self.position()
        epoch, start = divmod(done, batches_per_epoch)
        index, key = self.epoch(epoch)
        yield from zip(index[start:batches_per_epoch], key[start:batches_per_epoch], strict=True)

    def epoch(self, epoch: int) -> tuple[Tensor, Tensor]:
        """This device's indices and keys in an epoch: two int64 (num_batches, batch_size / world)."""
        index, occurrence = self._drawn(epoch)
        return self._batches(index), sample_keys(self.seed, epoch, self._batches(occurrence))

    def _drawn(self, epoch: int) -> tuple[Tensor, Tensor]:
        """The samples of an epoch in their order, and a number for each that is unique in it: two int64 (n,)."""
        order = permutation(self.num_samples, self.seed, epoch, self.device)
        return order, order

    def _batches(self, order: Tensor) -> Tensor:
        batches = order[: len(self) * self.batch_size].view(len(self), self.batch_size)
        # Every device computes the whole permutation, so that the batches do not depend on the number of devices.
        return batches.chunk(self.shard.world, dim=1)[self.shard.rank]

    def _next_epoch(self) -> tuple[int, int]:
        self._passes += 1
        return (self._passes - 1) * len(self), len(self)


class BalancedOrder(TrainOrder):
    """As many samples in an epoch as ``TrainOrder``, but equally many of each class, up to one.

    A class with fewer samples repeats them, each as often as the others up to one, and with keys of their own, so that
    an augmentation changes each repetition in another way. Of a class with more, every epoch has others.

    Args:
        labels: int64 (num_samples,).
        batch_size, seed, shard, position: see ``TrainOrder``.
    """

    def __init__(
        self, labels: Tensor, batch_size: int, seed: int, shard: Shard = Shard(), position: Position | None = None
    ) -> None:
        super().__init__(len(labels), batch_size, seed, shard, position, labels.device)
        # Classes without a training sample have no place in an epoch.
        self._classes = [(labels == label).nonzero().flatten() for label in labels.unique()]

    def _drawn(self, epoch: int) -> tuple[Tensor, Tensor]:
        quota, rest = divmod(self.num_samples, len(self._classes))
        drawn = []
        for number, members in enumerate(self._classes):
            # The classes that have one more take turns.
            size = quota + ((number - epoch) % len(self._classes) < rest)
            drawn.append(self._of_class(members, size, epoch))
        order = permutation(self.num_samples, self.seed, epoch, self.device)
        occurrence = torch.cat(drawn)[order]
        return occurrence % self.num_samples, occurrence

    def _of_class(self, members: Tensor, size: int, epoch: int) -> Tensor:
        """``size`` occurrences of a class: sample + num_samples * (how often it has occurred before)."""
        rounds = torch.arange(-(-size // len(members)), device=self.device)[:, None]  # (R, 1)
        occurrences = members + self.num_samples * rounds  # (R, M)
        # A new permutation in each round; BALANCE makes it independent of the order in which all are shuffled.
        places = sample_keys(self.seed, epoch, occurrences, BALANCE).argsort(dim=1, stable=True)
        return occurrences.gather(1, places).flatten()[:size]


class EvalOrder:
    """Every sample exactly once, in order, in batches of nearly equal size, as many on every device.

    Raises:
        DataError: there are fewer samples than devices.
    """

    def __init__(
        self, num_samples: int, batch_size: int, shard: Shard = Shard(), device: torch.device | str = "cpu"
    ) -> None:
        _check_enough(num_samples, shard)
        self.num_samples, self.shard, self.device = num_samples, shard, device
        # No batch may have fewer samples than there are devices: a device without samples would skip the metrics'
        # collective operation, and the others would wait for it forever.
        self.num_batches = max(1, min(-(-num_samples // batch_size), num_samples // shard.world))

    def __len__(self) -> int:
        return self.num_batches

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        index = torch.arange(self.num_samples, device=self.device)
        key = sample_keys(0, 0, index)  # the same in every evaluation: a sampled latent does not change the score
        for batch in index.tensor_split(self.num_batches):
            mine = batch.tensor_split(self.shard.world)[self.shard.rank]
            yield mine, key[mine]


def _check_enough(num_samples: int, shard: Shard) -> None:
    if num_samples < shard.world:
        raise DataError(
            f"a split has {num_samples} sample(s) for {shard.world} device(s);",
            "every device needs at least one;",
            "try trainer.devices=1, or a larger data set.",
        )


class Orders(Protocol):
    """The orders in which a kind of data is read: for training, for training samples as they are, for evaluation."""

    def training(
        self, num_samples: int, shard: Shard, position: Position | None, device: torch.device | str
    ) -> Order: ...

    def unaugmented(self, num_samples: int, shard: Shard, device: torch.device | str) -> Order: ...

    def evaluation(self, num_samples: int, shard: Shard, device: torch.device | str) -> Order: ...


@dataclass(frozen=True)
class SampleOrders:
    """Independent samples: shuffled in training, in their stored order in evaluation.

    With ``labels``, those of the training split, training shows each class equally often.
    """

    batch_size: int
    eval_batch_size: int
    seed: int
    labels: Tensor | None = None

    def training(
        self, num_samples: int, shard: Shard, position: Position | None, device: torch.device | str
    ) -> TrainOrder:
        if self.labels is not None:
            return BalancedOrder(self.labels.to(device), self.batch_size, self.seed, shard, position)
        return TrainOrder(num_samples, self.batch_size, self.seed, shard, position, device)

    def unaugmented(self, num_samples: int, shard: Shard, device: torch.device | str) -> TrainOrder:
        # Without a position the order starts at epoch 0, and a resumed run sees the same batches as one that was not.
        return TrainOrder(num_samples, self.batch_size, self.seed, shard, None, device)

    def evaluation(self, num_samples: int, shard: Shard, device: torch.device | str) -> EvalOrder:
        return EvalOrder(num_samples, self.eval_batch_size, shard, device)
