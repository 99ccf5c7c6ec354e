"""Loaders: batches in a given order, from tensors or by worker processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from netyard.data.core import loaders
from netyard.data.core.keys import sample_keys
from netyard.data.core.loaders import TensorLoader, WorkerLoader
from netyard.data.core.orders import EvalOrder, TrainOrder
from netyard.errors import DataError, PlatformError


def test_tensor_loader_gives_samples_with_their_keys() -> None:
    x = torch.arange(40.0)[:, None]
    loader = TensorLoader(x, torch.arange(40), TrainOrder(40, 8, seed=3))
    for batch_x, batch_y, key in loader:
        assert torch.equal(batch_x[:, 0].long(), batch_y)
        assert torch.equal(key, sample_keys(3, 0, batch_y))
    assert len(loader) == 5 and loader.state_dict() == {}


class Devices(dict[str, Any]):
    def __getattr__(self, name: str) -> Any:
        return self[name]


def test_what_small_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for size, small in ((64 << 20, True), (65 << 20, False)):
        monkeypatch.setattr("shutil.disk_usage", lambda place, size=size: Devices(total=size))
        assert loaders._is_small(tmp_path) is small
    assert not loaders._is_small(tmp_path / "of another system")


def test_rows_of_positions_are_taken_as_they_stand() -> None:
    tokens, rows = torch.arange(10) * 10, torch.tensor([[1, 2], [5, 6]])
    assert loaders._taken(tokens, rows).tolist() == [[10, 20], [50, 60]]
    assert loaders._taken(tokens[:, None], rows[0]).tolist() == [[10], [20]]


class Squares:
    """A data set that tells the index and key of each of its samples; from ``broken`` on it cannot."""

    def __init__(self, broken: int = 1000) -> None:
        self.broken = broken

    def __getitems__(self, pairs: list[tuple[int, int]]) -> Any:
        if any(index >= self.broken for index, _ in pairs):
            return DataError("a bad file")
        index, key = (torch.tensor(part) for part in zip(*pairs, strict=True))
        return index * index, index, key


def test_a_loader_of_workers_gives_what_the_order_says() -> None:
    loader = WorkerLoader(Squares(), EvalOrder(10, 4), num_workers=0, seed=2**63 + 5)
    assert len(loader) == 3 and loader.state_dict() == {} and not loader.in_pipes
    for (x, y, key), (index, expected) in zip(loader, EvalOrder(10, 4), strict=True):
        assert torch.equal(x, index * index) and torch.equal(y, index) and torch.equal(key, expected)
    assert loader.loader.timeout == 0 and not loader.loader.persistent_workers
    assert loader.loader.generator.initial_seed() == 5 and loader.patience == 300


def test_a_bad_file_ends_the_epoch_at_its_batch() -> None:
    batches = iter(WorkerLoader(Squares(broken=6), EvalOrder(10, 4), num_workers=0, seed=0))
    assert next(batches)[1].tolist() == [0, 1, 2, 3]
    with pytest.raises(DataError, match="a bad file"):
        next(batches)


def test_an_order_that_ends_early_ends_the_epoch() -> None:
    loader = WorkerLoader(Squares(), EvalOrder(10, 4), num_workers=0, seed=0)
    loader.loader = [(torch.zeros(1),) * 3]  # type: ignore[assignment]
    assert len(list(loader)) == 1


@pytest.mark.parametrize("small", [False, True])
def test_batches_go_through_pipes_where_shared_memory_is_small(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, small: bool
) -> None:
    monkeypatch.setattr(loaders, "_is_small", lambda place: small and place == Path("/dev/shm"))
    with caplog.at_level("WARNING"):
        loader = WorkerLoader(Squares(), EvalOrder(10, 4), num_workers=1, seed=0, timeout=60)  # starts none yet
    assert loader.in_pipes is small and ("/dev/shm is small" in caplog.text) is small
    inner = loader.loader
    assert (inner.num_workers, inner.timeout, inner.persistent_workers) == (1, 5.0, True)
    assert WorkerLoader(Squares(), EvalOrder(10, 4), 1, 0, timeout=2).loader.timeout == 2
    sent = inner.collate_fn((torch.tensor([1]), torch.tensor([2])))
    assert all(isinstance(part, np.ndarray if small else torch.Tensor) for part in sent)
    bad = DataError("a bad file")
    assert inner.collate_fn(bad) is bad
    loader.loader = [sent] * 3  # type: ignore[assignment]
    assert [[int(part) for part in batch] for batch in loader] == [[1, 2]] * 3
    assert all(isinstance(part, torch.Tensor) for batch in loader for part in batch)


class Stuck:
    """Batches that come after so many errors."""

    def __init__(self, *errors: str) -> None:
        self.errors = list(errors)

    def __next__(self) -> str:
        if self.errors:
            raise RuntimeError(self.errors.pop(0))
        return "batch"


def waiting(patience: float) -> WorkerLoader:
    loader = WorkerLoader(Squares(), EvalOrder(10, 4), num_workers=0, seed=0, timeout=patience)
    loader.loader.timeout = 5.0
    return loader


LATE = "DataLoader timed out after 5 seconds"


def test_a_slow_worker_is_waited_for_as_long_as_the_patience_lasts() -> None:
    assert waiting(15)._next(Stuck(LATE, LATE)) == "batch"
    with pytest.raises(PlatformError, match=r"^a data worker stopped: gave no batch for 15 s;.*data\.num_workers=0"):
        waiting(15)._next(Stuck(LATE, LATE, LATE))


def test_a_dead_worker_is_told_in_a_line_and_other_errors_pass() -> None:
    with pytest.raises(PlatformError, match=r"stopped: DataLoader worker \(pid 7\) is killed; it was"):
        waiting(15)._next(Stuck("DataLoader worker (pid 7) is killed\nby signal 9"))
    with pytest.raises(RuntimeError, match=r"^of the data set$"):
        waiting(15)._next(Stuck("of the data set"))


def test_closing_stops_the_workers_once() -> None:
    stopped: list[str] = []

    class Workers:
        def _shutdown_workers(self) -> None:
            stopped.append("stopped")

    loader = WorkerLoader(Squares(), EvalOrder(10, 4), num_workers=0, seed=0)
    loader.close()
    loader._iterator = Workers()  # type: ignore[assignment]
    loader.close()
    loader.close()
    assert stopped == ["stopped"] and loader._iterator is None
