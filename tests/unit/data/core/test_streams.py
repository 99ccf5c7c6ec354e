"""The order of a long text: streams that go on, epochs that differ, evaluations that count every target once."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from netyard.data.core.keys import sample_keys
from netyard.data.core.orders import Shard
from netyard.data.core.streams import StreamEvalOrder, StreamOrder
from netyard.errors import ConfigError, DataError


def indices(order: StreamOrder | StreamEvalOrder) -> list[torch.Tensor]:
    return [index for index, _ in order]


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return len(one) == len(other) and all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(("num_tokens", "batch_size", "length"), [(1000, 4, 16), (5000, 32, 128), (999, 1, 10)])
def test_rows_go_on_from_batch_to_batch(num_tokens: int, batch_size: int, length: int) -> None:
    order = StreamOrder(num_tokens, batch_size, length, seed=0)
    for _ in range(3):
        batches = indices(order)
        assert len(batches) == len(order)
        assert {tuple(batch.shape) for batch in batches} == {(batch_size, length)}
        streams = torch.cat(batches, dim=1)
        assert (streams.diff(dim=1) == 1).all()
        # No token twice in an epoch, and each has a next one.
        assert len(streams.unique()) == streams.numel() and streams.max() < num_tokens - 1


def test_an_epoch_leaves_out_no_more_than_it_must() -> None:
    for num_tokens in range(130, 400):
        order = StreamOrder(num_tokens, 4, 16, seed=0)
        used = len(order) * 4 * 16
        assert used <= num_tokens - 1 - 15 < used + 4 * 16


def test_chunks_begin_elsewhere_in_every_epoch() -> None:
    order = StreamOrder(5000, 4, 16, seed=0)
    starts = [int(order.starts(epoch)[0]) for epoch in range(200)]
    assert len({start % 16 for start in starts}) == 16
    assert len(order) == StreamOrder(5000, 4, 16, seed=1).num_batches
    tight = StreamOrder(4 * 16 * 3 + 16, 4, 16, seed=0)  # not a token more than three batches and their leftovers
    assert len(tight) == 3 and len({int(tight.starts(epoch)[0]) for epoch in range(200)}) == 16


def test_every_token_is_seen_in_the_long_run() -> None:
    order = StreamOrder(150, 4, 16, seed=0)
    seen = torch.cat([index.flatten() for _ in range(300) for index in indices(order)])
    assert sorted(seen.unique().tolist()) == list(range(149))


def test_seeds_and_epochs_have_their_own_order() -> None:
    first, second = StreamOrder(5000, 4, 16, seed=0), StreamOrder(5000, 4, 16, seed=0)
    epoch = indices(first)
    assert same(epoch, indices(second))
    assert not same(epoch, indices(first))
    assert not same(epoch, indices(StreamOrder(5000, 4, 16, seed=1)))


def test_position_is_where_the_epoch_goes_on() -> None:
    whole = StreamOrder(700, 4, 16, seed=0)
    assert len(whole) == 10
    epochs = [indices(whole) for _ in range(3)]
    resumed = StreamOrder(700, 4, 16, seed=0, position=lambda: (24, 10))
    assert same(indices(resumed), epochs[2][4:])
    limited = StreamOrder(700, 4, 16, seed=0, position=lambda: (7, 4))  # limit_train_batches=4: epoch 1, batch 3
    assert same(indices(limited), epochs[1][3:4])


@pytest.mark.parametrize("world", [1, 2, 3])
def test_devices_share_every_batch(world: int) -> None:
    alone = indices(StreamOrder(3000, 12, 16, seed=0))
    shares = [indices(StreamOrder(3000, 12, 16, seed=0, shard=Shard(rank, world))) for rank in range(world)]
    assert same([torch.cat(parts) for parts in zip(*shares, strict=True)], alone)
    assert {len(batch) for share in shares for batch in share} == {12 // world}


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("num_tokens", [4, 5, 17, 63, 64, 65, 200, 527])
def test_a_short_text_is_a_smaller_batch(world: int, num_tokens: int) -> None:
    for rank in range(world):
        order = StreamOrder(num_tokens, 6, 64, seed=0, shard=Shard(rank, world))
        batches = indices(order)
        assert len(batches) == len(order) >= 1
        assert batches[0].shape == (order.num_streams // world, order.length)
        assert 1 <= order.num_streams <= 6 and 1 <= order.length <= 64
        assert max(int(batch.max()) for batch in batches) < num_tokens - 1
    assert StreamOrder(1000, 6, 64, seed=0).length == 64 and StreamOrder(1000, 6, 64, seed=0).num_streams == 6


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("length", [2, 3, 16, 64])
def test_evaluation_counts_every_target_once(world: int, length: int) -> None:
    for num_tokens, batch_size in product((4, 5, 7, 50, 64, 65, 66, 129, 1003), (1, 4, 32)):
        ranks = [indices(StreamEvalOrder(num_tokens, batch_size, length, Shard(rank, world))) for rank in range(world)]
        last = num_tokens - 1  # the token that has no target
        seen = torch.cat([batch.flatten() for rank in ranks for batch in rank])
        assert sorted(seen[seen < last].tolist()) == list(range(last)) and seen.max() <= last
        for rank in ranks:
            assert len(rank) == len(StreamEvalOrder(num_tokens, batch_size, length, Shard(0, world)))
            # Every row of every batch has a target: no mean of nothing, on no device.
            assert all((batch < last).any(dim=1).all() and batch.shape[1] <= length for batch in rank)
            streams = torch.cat(rank, dim=1)
            # Rows go on, and only their very last step may be without a target.
            assert (streams[:, :-1].diff(dim=1) == 1).all() and (streams[:, :-1] < last).all()


def test_evaluation_is_the_same_on_any_number_of_devices() -> None:
    alone = indices(StreamEvalOrder(1003, 8, 16))
    shares = [indices(StreamEvalOrder(1003, 8, 16, Shard(rank, 3))) for rank in range(3)]
    assert same([torch.cat(parts) for parts in zip(*shares, strict=True)], alone)
    assert len(alone[0]) == 8


def test_keys_are_one_for_each_row() -> None:
    for order in (StreamOrder(1000, 4, 16, seed=0), StreamEvalOrder(1000, 4, 16)):
        for index, key in order:
            assert key.shape == index.shape[:1] and key.dtype == index.dtype == torch.int64


def test_refusals() -> None:
    with pytest.raises(ConfigError, match=r"multiple of the number of devices; try data\.batch_size=9"):
        StreamOrder(5000, 10, 16, seed=0, shard=Shard(0, 3))
    for order in (lambda: StreamOrder(5000, 3, 1, seed=0), lambda: StreamEvalOrder(5000, 3, 1)):
        with pytest.raises(ConfigError, match=r"sequence_length is 1; .*at least two tokens"):
            order()
    for order in (
        lambda: StreamOrder(3, 3, 16, seed=0, shard=Shard(0, 3)),
        lambda: StreamEvalOrder(3, 3, 16, Shard(0, 3)),
    ):
        with pytest.raises(DataError, match=r"3 token\(s\) for 3 device\(s\)"):
            order()


def test_the_order_of_a_text_is_pinned() -> None:
    """A change here changes every run on texts: make it on purpose or not at all."""
    order = StreamOrder(50, 2, 4, seed=5)
    (first, key), (second, _) = list(order)[:2]
    assert first.tolist() == [[0, 1, 2, 3], [20, 21, 22, 23]] and second[0].tolist() == [4, 5, 6, 7]
    assert torch.equal(key, sample_keys(5, 0, first[:, 0]))
    for index, key in StreamEvalOrder(50, 2, 4):
        assert torch.equal(key, sample_keys(0, 0, index[:, 0]))


def test_an_order_of_a_text_is_made_on_its_device() -> None:
    with torch.device("meta"):  # the default device of what names none
        orders = [StreamOrder(50, 2, 4, seed=5), StreamEvalOrder(50, 2, 4)]
        assert {part.device.type for order in orders for pair in order for part in pair} == {"cpu"}


def test_a_refused_batch_of_streams_says_what_to_type() -> None:
    assert StreamOrder(50, 1, 4, seed=0).num_streams == 1
    with pytest.raises(ConfigError, match=r"data\.batch_size is 0 on 1 device\(s\);.*try data\.batch_size=1\.$"):
        StreamOrder(50, 0, 4, seed=0)
    with pytest.raises(ConfigError, match=r"try data\.batch_size=3\.$"):
        StreamOrder(50, 2, 4, seed=0, shard=Shard(0, 3))
