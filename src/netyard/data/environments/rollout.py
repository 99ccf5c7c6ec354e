"""The batches of an agent: step numbers in training, episode numbers in evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor


class RolloutBatches:
    """The batches of a training epoch; a batch holds the numbers of the environment steps of one rollout.

    Args:
        count: batches in an epoch.
        steps: environment steps in a batch.
        position: returns the number of batches of this epoch that are done, for a run resumed within an epoch.
    """

    def __init__(self, count: int, steps: int, position: Callable[[], int]) -> None:
        self.count, self.steps, self.position = count, steps, position

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[tuple[Tensor]]:
        for number in range(self.position(), self.count):
            yield (torch.arange(number * self.steps, (number + 1) * self.steps),)

    # Lightning warns of a mid-epoch resume unless the loader has a state. It is empty,
    # because ``position`` reads the loop's own counter, which checkpoints restore.
    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        pass


class EpisodeBatches:
    """The batches of an evaluation; a batch holds episode numbers.

    Args:
        purpose: whose seeds the episodes have, VALIDATION or TEST.
        count: episodes in all.
        batch_size: episodes in a batch; None for all.
    """

    def __init__(self, purpose: int, count: int, batch_size: int | None) -> None:
        self.purpose, self.numbers, self.batch_size = purpose, torch.arange(count), batch_size or count

    def __len__(self) -> int:
        return -(-len(self.numbers) // self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        yield from self.numbers.split(self.batch_size)
