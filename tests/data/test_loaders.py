"""Order and loaders: whole epochs, whole evaluations, on any number of devices and workers."""

from __future__ import annotations

import os
import signal
import time

import pytest
import torch

from netyard.data.keys import sample_keys
from netyard.data.loaders import EvalOrder, Shard, TensorLoader, TrainOrder, WorkerLoader
from netyard.errors import ConfigError, DataError, PlatformError


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


def test_tensor_loader_gives_samples_with_their_keys() -> None:
    x = torch.arange(40.0)[:, None]
    loader = TensorLoader(x, torch.arange(40), TrainOrder(40, 8, seed=3))
    for batch_x, batch_y, key in loader:
        assert torch.equal(batch_x[:, 0].long(), batch_y)
        assert torch.equal(key, sample_keys(3, 0, batch_y))
    assert len(loader) == 5 and loader.state_dict() == {}


class Pairs:
    """A data set that gives back what it was asked for."""

    def __getitems__(self, pairs: list[tuple[int, int]]) -> tuple[torch.Tensor, ...]:
        index, key = torch.tensor(pairs).unbind(dim=1)
        return index[:, None], index, key


class BadFile(Pairs):
    def __getitems__(self, pairs: list[tuple[int, int]]) -> DataError:  # type: ignore[override]
        return DataError("photo.jpg is broken;", "it must not be;", "delete it.")


class Killed(Pairs):
    def __getitems__(self, pairs: list[tuple[int, int]]) -> tuple[torch.Tensor, ...]:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("still alive")


class Hanging(Pairs):
    def __getitems__(self, pairs: list[tuple[int, int]]) -> tuple[torch.Tensor, ...]:
        time.sleep(30)
        raise AssertionError("nobody waits that long")


def test_number_of_workers_changes_nothing() -> None:
    def run(num_workers: int) -> list[list[list[int]]]:
        loader = WorkerLoader(Pairs(), TrainOrder(30, 4, seed=0), num_workers, seed=0)
        return [[part.flatten().tolist() for part in batch] for _ in range(2) for batch in loader]

    state = torch.get_rng_state()
    assert run(0) == run(2)
    assert torch.equal(state, torch.get_rng_state())  # its own generator, not the global one


def test_pass_that_stops_early_leaves_nothing_behind() -> None:
    loader = WorkerLoader(Pairs(), EvalOrder(20, 4), 2, seed=0)
    for _ in loader:
        break
    assert [index.tolist() for _, index, _ in loader] == batches(EvalOrder(20, 4))


@pytest.mark.parametrize("num_workers", [0, 1])
def test_bad_file_is_one_message(num_workers: int) -> None:
    with pytest.raises(DataError, match=r"^photo.jpg is broken; it must not be; delete it\.$"):
        next(iter(WorkerLoader(BadFile(), EvalOrder(8, 4), num_workers, seed=0)))


def test_killed_worker_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    # As after a first fit: Lightning puts back the handler that was there before torch's own.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    monkeypatch.setattr("netyard.data.loaders._POLL", 0.5)
    with pytest.raises(PlatformError, match=r"a data worker stopped: .*; try data\.num_workers=0"):
        next(iter(WorkerLoader(Killed(), EvalOrder(8, 4), 1, seed=0)))


def test_hanging_worker_is_waited_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netyard.data.loaders._POLL", 0.3)
    monkeypatch.setattr("torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL", 0.3)  # before it kills what hangs
    with pytest.raises(PlatformError, match=r"gave no batch for 0\.9 s"):
        next(iter(WorkerLoader(Hanging(), EvalOrder(8, 4), 1, seed=0, timeout=0.8)))


class Slow(Pairs):
    def __getitems__(self, pairs: list[tuple[int, int]]) -> tuple[torch.Tensor, ...]:
        time.sleep(0.5)
        return super().__getitems__(pairs)


def test_slow_worker_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netyard.data.loaders._POLL", 0.2)
    loader = WorkerLoader(Slow(), EvalOrder(8, 4), 1, seed=0)
    assert [index.tolist() for _, index, _ in loader] == batches(EvalOrder(8, 4))
