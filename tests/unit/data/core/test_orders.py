"""Orders of samples: whole epochs and whole evaluations, on any number of devices."""

from __future__ import annotations

import pytest
import torch

from netyard.data.core.keys import sample_keys
from netyard.data.core.orders import BalancedOrder, EvalOrder, Shard, TrainOrder
from netyard.errors import ConfigError, DataError


def batches(order: TrainOrder | EvalOrder) -> list[list[int]]:
    return [index.tolist() for index, _ in order]


def flat(lists: list[list[int]]) -> list[int]:
    return [number for numbers in lists for number in numbers]


def test_epoch_is_full_batches_without_repetition() -> None:
    order = TrainOrder(103, 10, seed=0)
    seen = flat(batches(order))
    assert len(order) == 10 and len(seen) == len(set(seen)) == 100


def test_every_sample_is_seen_in_the_long_run() -> None:
    order = TrainOrder(13, 5, seed=0)
    assert {number for _ in range(10) for number in flat(batches(order))} == set(range(13))


def test_seeds_and_epochs_have_their_own_order() -> None:
    first, second = TrainOrder(100, 10, seed=0), TrainOrder(100, 10, seed=0)
    epoch = batches(first)
    assert epoch == batches(second)
    assert epoch != batches(first)  # the next pass is the next epoch
    assert epoch != batches(TrainOrder(100, 10, seed=1))


def test_fewer_samples_than_a_batch_are_one_batch() -> None:
    order = TrainOrder(7, 10, seed=0)
    assert len(order) == 1 and sorted(batches(order)[0]) == list(range(7))


def test_position_is_where_the_epoch_goes_on() -> None:
    whole = TrainOrder(100, 10, seed=0)
    epochs = [batches(whole) for _ in range(3)]
    resumed = TrainOrder(100, 10, seed=0, position=lambda: (24, 10))
    assert batches(resumed) == epochs[2][4:]
    limited = TrainOrder(100, 10, seed=0, position=lambda: (7, 4))  # limit_train_batches=4: epoch 1, batch 3
    assert batches(limited) == epochs[1][3:4]


@pytest.mark.parametrize("world", [1, 2, 3])
def test_devices_share_every_batch(world: int) -> None:
    alone = TrainOrder(50, 12, seed=0).epoch(4)
    shares = [TrainOrder(50, 12, seed=0, shard=Shard(rank, world)).epoch(4) for rank in range(world)]
    assert torch.equal(torch.cat([index for index, _ in shares], dim=1), alone[0])
    assert torch.equal(torch.cat([key for _, key in shares], dim=1), alone[1])


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("num_samples", [3, 7, 64, 100, 101])
@pytest.mark.parametrize("batch_size", [1, 2, 8, 1000])
def test_evaluation_counts_every_sample_once(world: int, num_samples: int, batch_size: int) -> None:
    ranks = [batches(EvalOrder(num_samples, batch_size, Shard(rank, world))) for rank in range(world)]
    assert sorted(number for rank in ranks for number in flat(rank)) == list(range(num_samples))
    assert {len(rank) for rank in ranks} == {len(EvalOrder(num_samples, batch_size, Shard(0, world)))}
    sizes = [len(batch) for rank in ranks for batch in rank]
    assert min(sizes) >= 1
    assert max(sizes) <= max(batch_size, 2)  # 2: a rank must get one of three samples even if the batch is 1


def test_small_training_set_is_shared_equally() -> None:
    ranks = [TrainOrder(7, 12, seed=0, shard=Shard(rank, 3)).epoch(0)[0] for rank in range(3)]
    assert [rank.shape for rank in ranks] == [(1, 2)] * 3


def test_refusals() -> None:
    with pytest.raises(ConfigError, match=r"multiple of the number of devices; try data\.batch_size=9"):
        TrainOrder(50, 10, seed=0, shard=Shard(0, 3))
    for refused in (lambda: TrainOrder(2, 3, 0, Shard(0, 3)), lambda: EvalOrder(2, 3, Shard(0, 3))):
        with pytest.raises(DataError, match=r"2 sample\(s\) for 3 device"):
            refused()


def test_a_batch_of_one_is_one_and_of_none_is_refused() -> None:
    assert len(TrainOrder(5, 1, seed=0)) == 5
    with pytest.raises(ConfigError, match=r"data\.batch_size is 0 on 1 device\(s\);.*try data\.batch_size=1\.$"):
        TrainOrder(5, 0, seed=0)
    with pytest.raises(ConfigError, match=r"try data\.batch_size=3\.$"):
        TrainOrder(50, 2, seed=0, shard=Shard(0, 3))


def test_an_evaluation_has_the_keys_of_seed_and_epoch_zero() -> None:
    for index, key in EvalOrder(10, 4):
        assert torch.equal(key, sample_keys(0, 0, index))


def test_an_order_is_made_on_its_device() -> None:
    with torch.device("meta"):  # the default device of what names none
        orders = [TrainOrder(10, 4, seed=0), EvalOrder(10, 4)]
        assert {part.device.type for order in orders for pair in order for part in pair} == {"cpu"}
    assert TrainOrder(10, 4, seed=0, device="meta").epoch(0)[0].device.type == "meta"


LABELS = torch.tensor([0] * 90 + [1] * 7 + [3] * 3)  # no sample of class 2


def drawn(order: TrainOrder, epoch: int) -> tuple[torch.Tensor, torch.Tensor]:
    index, key = order.epoch(epoch)
    return index.flatten(), key.flatten()


def test_balanced_epochs_have_each_class_equally_often() -> None:
    order = BalancedOrder(LABELS, 10, seed=0)
    counts = [LABELS[drawn(order, epoch)[0]].bincount().tolist() for epoch in range(3)]
    assert counts == [[34, 33, 0, 33], [33, 34, 0, 33], [33, 33, 0, 34]]
    for epoch in range(3):
        index, key = drawn(order, epoch)
        times = index.bincount(minlength=100)
        assert times[:90].max() == 1, "of a frequent class each sample at most once"
        assert {*times[90:97].tolist()} <= {4, 5} and {*times[97:].tolist()} <= {11, 12}
        assert len(key.unique()) == len(key), "each repetition is augmented in its own way"
    assert len({*torch.cat([drawn(order, epoch)[0] for epoch in range(20)]).tolist()}) == 100


def test_balanced_epochs_are_functions_of_seed_and_epoch_shared_by_devices() -> None:
    alone = BalancedOrder(LABELS, 12, seed=0)
    assert torch.equal(drawn(alone, 3)[1], drawn(BalancedOrder(LABELS, 12, seed=0), 3)[1])
    assert not torch.equal(drawn(alone, 3)[0], drawn(BalancedOrder(LABELS, 12, seed=1), 3)[0])
    shares = [BalancedOrder(LABELS, 12, seed=0, shard=Shard(rank, 2)).epoch(3) for rank in range(2)]
    assert torch.equal(torch.cat([index for index, _ in shares], dim=1), alone.epoch(3)[0])


def test_balanced_classes_of_equal_size_are_all_seen_once() -> None:
    index, _ = drawn(BalancedOrder(torch.arange(40) % 4, 8, seed=5), 7)
    assert sorted(index.tolist()) == [*range(40)]
