"""Loaders, which yield batches ``(x, y, key)`` in a given order: from tensors, or decoded by worker processes."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from netyard.data.core.orders import Order
from netyard.errors import DataError, PlatformError

log = logging.getLogger(__name__)

_SMALL = 64 << 20  # bytes of shared memory: Docker's default
_POLL = 5.0  # seconds between two checks of the workers

Batch = tuple[Tensor, Tensor, Tensor]


def _taken(samples: Tensor, index: Tensor) -> Tensor:
    """``samples[index]``."""
    # index_select copies whole samples, in a fifth of the time of indexing; it takes one axis of indices.
    return samples.index_select(0, index) if index.ndim == 1 else samples[index]


class TensorLoader:
    """Batches from tensors: one indexing operation each, without workers and collation."""

    def __init__(self, x: Tensor, y: Tensor, order: Order) -> None:
        self.x, self.y, self.order = x, y, order

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[Batch]:
        for index, key in self.order:
            yield _taken(self.x, index), _taken(self.y, index), key

    # Lightning warns of a mid-epoch resume unless the loader has a state. It is empty:
    # the position is the loop's own counter.
    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        pass


class _Pairs:
    """An order as a batch sampler of a DataLoader: a list of ``(index, key)`` for each batch."""

    def __init__(self, order: Order) -> None:
        self.order = order

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for index, key in self.order:
            yield list(zip(index.tolist(), key.tolist(), strict=True))


def _unchanged(batch: Any) -> Any:
    return batch


def _for_pipes(batch: Any) -> Any:
    """NumPy arrays, which pickle copies: a tensor would be sent through shared memory."""
    return batch if isinstance(batch, DataError) else tuple(part.numpy() for part in batch)


def _is_small(place: Path) -> bool:
    return place.is_dir() and shutil.disk_usage(place).total <= _SMALL


class WorkerLoader:
    """Batches decoded by worker processes, which receive each sample's key with its index, and no epoch.

    ``dataset.__getitems__`` turns a list of ``(index, key)`` into a whole batch, or into the DataError that
    stopped it.

    Raises:
        DataError: a worker could not read a file.
        PlatformError: a worker was killed, or returned no batch for ``timeout`` seconds.
    """

    def __init__(self, dataset: Any, order: Order, num_workers: int, seed: int, timeout: float = 300) -> None:
        self.order, self.patience = order, timeout
        self.in_pipes = num_workers > 0 and _is_small(Path("/dev/shm"))
        if self.in_pipes:
            log.warning("/dev/shm is small, as in a container without --shm-size: workers send batches through pipes")
        self.loader: DataLoader[Any] = DataLoader(
            dataset,
            batch_sampler=_Pairs(order),
            collate_fn=_for_pipes if self.in_pipes else _unchanged,
            num_workers=num_workers,
            persistent_workers=num_workers > 0,
            timeout=min(_POLL, timeout) if num_workers > 0 else 0,
            pin_memory=torch.cuda.is_available(),
            # Without it each iteration would draw a number from the global generator, and so change all random numbers
            # of the training that follows.
            generator=torch.Generator().manual_seed(seed % 2**63),
        )

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[Batch]:
        # A generator: the DataLoader starts to prefetch in its iter(), before Lightning knows the length of
        # an epoch.
        batches = iter(self.loader)
        for _ in range(len(self)):
            batch = self._next(batches)
            if batch is None:
                return
            if isinstance(batch, DataError):
                raise batch
            # Arrays that came through a pipe become tensors again, without a copy.
            yield tuple(map(torch.from_numpy, batch)) if self.in_pipes else batch

    @property
    def _iterator(self) -> Any:
        """The attribute by which Lightning finds workers, which it stops at the end of the training.

        The garbage collector would stop them too, but wait up to five seconds for each.
        """
        return self.loader._iterator

    @_iterator.setter
    def _iterator(self, value: None) -> None:
        self.loader._iterator = value

    def close(self) -> None:
        """Stop the workers; a Trainer does so itself."""
        if self._iterator is not None:
            self._iterator._shutdown_workers()
            self._iterator = None

    def _next(self, batches: Iterator[Any]) -> Any:
        """The next batch, or None at the end.

        A DataLoader checks its workers only after its timeout, so the timeout is short: the
        signal of a dead worker is lost once Lightning has restored the previous signal handlers.
        """
        waited = 0.0
        while True:
            try:
                return next(batches, None)
            except RuntimeError as error:
                if "DataLoader" not in str(error):
                    raise
                waited += self.loader.timeout
                late = "timed out" in str(error)
                if late and waited < self.patience:
                    continue
                reason = f"gave no batch for {waited:g} s" if late else str(error).splitlines()[0]
                raise PlatformError(
                    f"a data worker stopped: {reason};",
                    "it was killed, ran out of memory or waits for a file;",
                    "try data.num_workers=0.",
                ) from error

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        pass
