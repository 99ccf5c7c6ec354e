"""The batches of an agent: of training the numbers of environment steps, of an evaluation those of episodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor


class Rounds:
    """The batches of an epoch of training: the numbers of the environment steps of each."""

    def __init__(self, count: int, steps: int, position: Callable[[], int]) -> None:
        self.count, self.steps, self.position = count, steps, position

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[tuple[Tensor]]:
        for number in range(self.position(), self.count):
            yield (torch.arange(number * self.steps, (number + 1) * self.steps),)

    # Lightning warns of a mid-epoch resume unless the loader says it can do it. The position is the loop's own.
    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        pass


class Episodes:
    """The batches of an evaluation: the numbers of the episodes of each."""

    def __init__(self, purpose: int, count: int, batch_size: int | None) -> None:
        self.purpose, self.numbers, self.batch_size = purpose, torch.arange(count), batch_size or count

    def __len__(self) -> int:
        return -(-len(self.numbers) // self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        yield from self.numbers.split(self.batch_size)
