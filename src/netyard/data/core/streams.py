"""The order of a long text: parallel streams, read chunk by chunk for truncated backpropagation through time.

Row b of a batch continues row b of the previous batch, so that the state of a recurrent network can be passed on
(Williams & Peng 1990). Orders yield ``(index, key)``, index int64 (B, T) into the tokens, key int64 (B,). Of
``num_tokens`` tokens all but the last have a next token to predict.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from netyard.data.core.keys import ORDER, integers, sample_keys
from netyard.data.core.orders import Position, Shard
from netyard.errors import ConfigError, DataError

_ALONE = Shard()


class StreamOrder:
    """A training epoch: ``batch_size`` streams, each read in full chunks of ``length`` tokens.

    The streams follow each other without a gap. At least ``length - 1`` tokens are left over, a random number of them
    before the first stream and the rest after the last one. The number depends on (seed, epoch): chunks start at other
    tokens in every epoch, and no token is always left out. Several devices share the streams. A short text has fewer
    streams, and a very short one shorter chunks.

    Raises:
        ConfigError: the streams cannot be divided equally among the devices, or a chunk has fewer than two tokens.
        DataError: fewer tokens to predict than devices.
    """

    def __init__(
        self,
        num_tokens: int,
        batch_size: int,
        length: int,
        seed: int,
        shard: Shard = _ALONE,
        position: Position | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        world = shard.world
        if batch_size < 1 or batch_size % world:
            raise ConfigError(
                f"data.batch_size is {batch_size} on {world} device(s);",
                "the number of streams must be a positive multiple of the number of devices;",
                f"try data.batch_size={max(batch_size // world, 1) * world}.",
            )
        # A target is a token with one before it: all but the first.
        targets = _targets(num_tokens, length, shard)
        # One chunk for each device and the left-over tokens must fit: world * length + (length - 1) targets.
        self.length = min(length, (targets + 1) // (world + 1))
        spare = targets - (self.length - 1)
        streams = min(batch_size, spare // self.length)
        self.num_streams = streams - streams % world  # every device has the same number
        self.num_batches = spare // (self.num_streams * self.length)
        # The number of positions at which the first stream can start.
        self._offsets = targets - self.num_batches * self.num_streams * self.length + 1
        self.seed, self.shard, self.device = seed, shard, device
        self.position = position or self._next_epoch
        self._passes = 0

    def __len__(self) -> int:
        return self.num_batches

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        done, batches_per_epoch = self.position()
        epoch, first = divmod(done, batches_per_epoch)
        chunk = self.starts(epoch)[:, None] + torch.arange(self.length, device=self.device)
        for number in range(first, min(batches_per_epoch, len(self))):
            # (B, T); the key of a row is that of its first token
            index = chunk + number * self.length
            yield index, sample_keys(self.seed, epoch, index[:, 0])

    def starts(self, epoch: int) -> Tensor:
        """The first token of each stream of this device in an epoch: int64 (num_streams / world,)."""
        key = sample_keys(self.seed, epoch, torch.zeros(1, dtype=torch.int64, device=self.device), ORDER)
        stream = torch.arange(self.num_streams, device=self.device).chunk(self.shard.world)[self.shard.rank]
        return integers(key, 0, self._offsets) + stream * self.num_batches * self.length

    def _next_epoch(self) -> tuple[int, int]:
        self._passes += 1
        return (self._passes - 1) * len(self), len(self)


class StreamEvalOrder:
    """An evaluation: every target exactly once, in streams and chunks of nearly equal length, as many on every device.

    The lengths of two streams differ by at most one. A shorter stream is padded with the last token of the text, which
    has no target: at most one such step per row, always after a step with a target. A short text has fewer streams,
    because each stream starts without context.

    Raises:
        ConfigError: a chunk has fewer than two tokens.
        DataError: fewer tokens to predict than devices.
    """

    def __init__(
        self,
        num_tokens: int,
        batch_size: int,
        length: int,
        shard: Shard = _ALONE,
        device: torch.device | str = "cpu",
    ) -> None:
        self.num_targets = _targets(num_tokens, length, shard)
        self.num_streams = max(shard.world, min(batch_size, self.num_targets // length))
        self.stream_length = -(-self.num_targets // self.num_streams)
        self.num_batches = -(-self.stream_length // length)
        self.shard, self.device = shard, device

    def __len__(self) -> int:
        return self.num_batches

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        stream = torch.arange(self.num_streams, device=self.device)
        # N targets in S streams: N mod S of them are one target longer, as by tensor_split.
        short, extra = divmod(self.num_targets, self.num_streams)  # the first ``extra`` streams are one longer
        starts = stream * short + stream.clamp(max=extra)
        step = torch.arange(self.stream_length, device=self.device)
        index = torch.where(step < short + (stream < extra)[:, None], starts[:, None] + step, self.num_targets)
        index = index.tensor_split(self.shard.world)[self.shard.rank]
        # Bounds by rounding down make the longer chunks come last, so the padded step is never alone in a chunk.
        ends = [number * self.stream_length // self.num_batches for number in range(1, self.num_batches)]
        for chunk in index.tensor_split(ends, dim=1):
            yield chunk, sample_keys(0, 0, chunk[:, 0])


@dataclass(frozen=True)
class StreamOrders:
    """The orders of one long text, in training and in evaluation.

    ``batch_size`` and ``eval_batch_size`` count streams, ``length`` the tokens of each in a batch.
    """

    batch_size: int
    eval_batch_size: int
    length: int
    seed: int

    def training(
        self, num_samples: int, shard: Shard, position: Position | None, device: torch.device | str
    ) -> StreamOrder:
        return StreamOrder(num_samples, self.batch_size, self.length, self.seed, shard, position, device)

    def unaugmented(self, num_samples: int, shard: Shard, device: torch.device | str) -> StreamOrder:
        return self.training(num_samples, shard, None, device)

    def evaluation(self, num_samples: int, shard: Shard, device: torch.device | str) -> StreamEvalOrder:
        return StreamEvalOrder(num_samples, self.eval_batch_size, self.length, shard, device)


def _targets(num_tokens: int, length: int, shard: Shard) -> int:
    """The number of tokens that have a next token to predict."""
    if length < 2:
        raise ConfigError(
            f"data.sequence_length is {length};",
            "a chunk of text has at least two tokens;",
            "try data.sequence_length=128.",
        )
    if num_tokens <= shard.world:
        raise DataError(
            f"a split of the text has {num_tokens} token(s) for {shard.world} device(s);",
            "each needs one to read and one to predict;",
            "try a longer text, or trainer.devices=1.",
        )
    return num_tokens - 1
