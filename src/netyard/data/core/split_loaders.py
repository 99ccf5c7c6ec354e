"""The loaders of a data set's splits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from netyard.data.core.keys import permutation
from netyard.data.core.loaders import TensorLoader, WorkerLoader
from netyard.data.core.orders import EvalOrder, Orders
from netyard.data.core.placement import Placement
from netyard.data.core.tensors import Split

Loader = TensorLoader | WorkerLoader


@dataclass(frozen=True)
class SplitLoaders:
    """Loaders that read ``splits`` in the given orders, on the device of the placement if the splits fit there."""

    splits: dict[str, Split]
    """By name. Changed in place when they are moved, so that they are copied to the device once."""
    orders: Orders
    placement: Placement

    def train(self) -> Loader:
        """Shuffled, and augmented where samples are decoded by workers."""
        split = self._placed("train")
        at = self.placement
        order = self.orders.training(len(split), at.shard, at.position, split.device)
        return split.loader(order, training=True)

    def train_unaugmented(self) -> Loader:
        """The training split in the order of epoch 0, whatever the position of the training loop, not augmented."""
        split = self._placed("train")
        order = self.orders.unaugmented(len(split), self.placement.shard, split.device)
        return split.loader(order, training=False)

    def evaluation(self, name: str) -> Loader:
        """Every sample of a split once, not augmented."""
        split = self._placed(name)
        order = self.orders.evaluation(len(split), self.placement.shard, split.device)
        return split.loader(order, training=False)

    def stored(self, name: str, most: int | None, batch_size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """``(x, y)`` of up to ``most`` samples as they are stored, chosen and shuffled by the seed.

        The same batches in every process, so that a score of them does not depend on the number of devices.
        """
        split = self._placed(name)
        # Without the shard of the placement: every process reads all of the chosen samples.
        chosen = split.take(permutation(len(split), seed)[:most])
        order = EvalOrder(len(chosen), batch_size, device=chosen.device)
        for x, y, _ in chosen.loader(order, training=False):
            yield x, y

    def _placed(self, name: str) -> Split:
        self.placement.move(self.splits)
        return self.splits[name]
