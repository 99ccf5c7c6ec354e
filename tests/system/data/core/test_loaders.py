"""Workers: batches that do not depend on their number, and one message where one fails, hangs or is killed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from netyard.data.core import loaders
from netyard.data.core.loaders import WorkerLoader
from netyard.data.core.orders import EvalOrder, TrainOrder
from netyard.errors import DataError, PlatformError


def batches(order: TrainOrder | EvalOrder) -> list[list[int]]:
    return [index.tolist() for index, _ in order]


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
        time.sleep(600)
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
    monkeypatch.setattr("netyard.data.core.loaders._POLL", 0.5)
    with pytest.raises(PlatformError, match=r"a data worker stopped: .*; try data\.num_workers=0"):
        next(iter(WorkerLoader(Killed(), EvalOrder(8, 4), 1, seed=0)))


def test_hanging_worker_is_waited_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netyard.data.core.loaders._POLL", 0.3)
    monkeypatch.setattr("torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL", 0.3)  # before it kills what hangs
    with pytest.raises(PlatformError, match=r"gave no batch for 0\.9 s"):
        next(iter(WorkerLoader(Hanging(), EvalOrder(8, 4), 1, seed=0, timeout=0.8)))


class Slow(Pairs):
    def __getitems__(self, pairs: list[tuple[int, int]]) -> tuple[torch.Tensor, ...]:
        time.sleep(0.5)
        return super().__getitems__(pairs)


def test_slow_worker_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netyard.data.core.loaders._POLL", 0.2)
    loader = WorkerLoader(Slow(), EvalOrder(8, 4), 1, seed=0)
    assert [index.tolist() for _, index, _ in loader] == batches(EvalOrder(8, 4))


class FloatPairs:
    def __getitems__(self, pairs: list[tuple[int, int]]) -> Any:
        index, key = torch.tensor(pairs).unbind(dim=1)
        return index[:, None].float(), index, key


class Bad(FloatPairs):
    def __getitems__(self, pairs: list[tuple[int, int]]) -> Any:
        return DataError("photo.jpg is broken;", "it must not be;", "delete it.")


def test_batches_go_through_pipes_where_shared_memory_is_small(monkeypatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(loaders, "_is_small", lambda place: True)
    with caplog.at_level("WARNING", "netyard"):
        loader = WorkerLoader(FloatPairs(), EvalOrder(10, 4), 1, seed=0)
    assert "/dev/shm is small" in caplog.text and loader.in_pipes
    wanted = [*WorkerLoader(FloatPairs(), EvalOrder(10, 4), 0, seed=0)]
    for got, want in zip(loader, wanted, strict=True):
        assert all(one.dtype == other.dtype and torch.equal(one, other) for one, other in zip(got, want, strict=True))
        assert not got[0].is_shared()
    with pytest.raises(DataError, match=r"photo\.jpg"):
        next(iter(WorkerLoader(Bad(), EvalOrder(8, 4), 1, seed=0)))


KILLED = """
import os, signal, sys
from netyard.cli import main as cli
from netyard.data.images import preparation

read = preparation.read_crop

def deadly(path, *rest):
    if path.name == "3.png" and os.getpid() != main:
        os.kill(os.getpid(), signal.SIGKILL)
    return read(path, *rest)

preparation.read_crop, main = deadly, os.getpid()
sys.argv = ["train.py", *sys.argv[1:]]
sys.exit(cli.train())
"""


def test_a_worker_that_is_killed_ends_the_run_in_order(tmp_path: Path, train, processes) -> None:
    for label in ("cat", "dog"):
        (tmp_path / "pictures" / label).mkdir(parents=True)
        for number in range(12):
            Image.new("RGB", (8, 8), (20 * number, 0, 0)).save(tmp_path / "pictures" / label / f"{number}.png")
    words = ("data=image_folder", f"data.root={tmp_path / 'pictures'}", "data.image_size=8", "data.batch_size=4")
    words = (*words, "model=cnn_tiny", "trainer=cpu", "trainer.max_epochs=2", "logger=none", "data.num_workers=0")
    begun = train(*words, "trainer.max_epochs=1")
    assert begun.code == 0, begun.err
    more = (f"resume={begun.path}", "trainer.max_epochs=2", "data.num_workers=1")
    done = processes.run("-c", KILLED, *more, cwd=tmp_path, warm=True)
    assert done.returncode == 5, done.stderr
    assert done.stderr.count("error: ") == 1 and "Traceback" not in done.stderr
    assert "killed" in done.stderr and "try data.num_workers=0" in done.stderr
    resumed = train(f"resume={begun.path}", "trainer.max_epochs=2")
    assert resumed.code == 0 and begun.json("results.json")["epochs"] == 2, resumed.err
