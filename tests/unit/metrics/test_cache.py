"""The disk cache: tensors are computed once by one of two threads, and again if the file is damaged."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest
import torch
from filelock import FileLock, Timeout
from torch import Tensor

from netyard.io.fingerprint import fingerprint
from netyard.metrics.cache import cached
from support.waiting import PATIENCE, wait_until

KEY = fingerprint(data="digits")


class Computation:
    """Counts its calls."""

    def __init__(self, **tensors: Tensor) -> None:
        self.tensors = tensors or {"mean": torch.arange(3.0), "scatter": torch.eye(3, dtype=torch.float64)}
        self.calls = 0

    def __call__(self) -> dict[str, Tensor]:
        self.calls += 1
        return self.tensors


def same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> bool:
    return found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_second_call_reads_the_file(tmp_path: Path, caplog):
    compute = Computation()
    for _ in range(3):
        assert same(cached(tmp_path / "new" / "folder", KEY, compute), compute.tensors)
    assert compute.calls == 1 and not caplog.records
    file = tmp_path / "new" / "folder" / f"{KEY}.pt"
    assert torch.load(file, weights_only=True)["key"] == KEY
    assert [each.name for each in file.parent.iterdir() if each.suffix == ".tmp"] == []


def test_another_key_has_another_file(tmp_path: Path):
    first, second = Computation(x=torch.zeros(2)), Computation(x=torch.ones(2))
    cached(tmp_path, fingerprint(seed=1), first)
    assert same(cached(tmp_path, fingerprint(seed=2), second), second.tensors)
    assert first.calls == second.calls == 1


def test_tensors_are_read_back_unchanged(tmp_path: Path):
    features = torch.randn(20, 5)
    for _ in range(2):
        back = cached(tmp_path, KEY, lambda: {"mean": features.mean(0), "covariance": torch.cov(features.T)})
        assert torch.equal(back["mean"], features.mean(0)) and torch.equal(back["covariance"], torch.cov(features.T))


def test_a_view_is_saved_without_the_rest_of_its_storage(tmp_path: Path):
    cached(tmp_path, KEY, Computation(x=torch.zeros(1_000_000)[:2]))
    assert (tmp_path / f"{KEY}.pt").stat().st_size < 10_000


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_recomputed_and_replaced(tmp_path: Path, caplog, keep: float):
    compute, path = Computation(), tmp_path / f"{KEY}.pt"
    cached(tmp_path, KEY, compute)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    assert same(cached(tmp_path, KEY, compute), compute.tensors)
    assert compute.calls == 2
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "computed anew" in caplog.text and str(path) in caplog.text
    assert same(cached(tmp_path, KEY, compute), compute.tensors) and compute.calls == 2


@pytest.mark.parametrize("error", [PermissionError("read-only"), NotImplementedError("no flock here")])
def test_a_file_system_without_locks_is_only_a_warning(tmp_path: Path, caplog, monkeypatch, error: Exception):
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr("netyard.metrics.cache.FileLock", refuse)
    compute = Computation()
    for _ in range(2):
        assert same(cached(tmp_path, KEY, compute), compute.tensors)
    assert compute.calls == 1 and f"cannot be locked ({error})" in caplog.text


class Foreigner:
    """A class that ``weights_only`` refuses."""


@pytest.mark.parametrize(
    "content",
    [
        Foreigner(),
        torch.zeros(3),
        3,
        None,
        {},
        {"schema": 0, "key": KEY, "tensors": {}},
        {"schema": 1, "key": "another", "tensors": {"mean": torch.zeros(3)}},
        {"schema": 1, "key": KEY, "tensors": {"mean": [1.0, 2.0]}},
        {"schema": 1, "key": KEY, "tensors": 3},
        {"schema": 1, "key": KEY, "tensors": {"mean": torch.tensor(float("nan"))}},
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_file_with_other_content_is_recomputed(tmp_path: Path, caplog, content: object):
    torch.save(content, tmp_path / f"{KEY}.pt")
    compute = Computation()
    assert same(cached(tmp_path, KEY, compute), compute.tensors)
    assert compute.calls == 1 and "computed anew" in caplog.text
    assert same(cached(tmp_path, KEY, compute), compute.tensors) and compute.calls == 1


def test_damaged_bytes_do_not_crash(tmp_path: Path):
    compute, path = Computation(), tmp_path / f"{KEY}.pt"
    cached(tmp_path, KEY, compute)
    whole = bytearray(path.read_bytes())
    generator = torch.Generator().manual_seed(0)
    for place in torch.randint(len(whole), (60,), generator=generator).tolist():
        damaged = bytearray(whole)
        damaged[place : place + 8] = bytes(255 - byte for byte in damaged[place : place + 8])
        path.write_bytes(damaged)
        assert cached(tmp_path, KEY, compute).keys() == compute.tensors.keys()


def test_nan_is_not_cached(tmp_path: Path):
    with pytest.raises(ValueError, match=r"mean of the real set holds NaN or infinity; every value .*; try"):
        cached(tmp_path, KEY, Computation(mean=torch.tensor(float("nan"))))
    assert not (tmp_path / f"{KEY}.pt").exists()


def test_a_failed_computation_leaves_nothing_and_no_lock(tmp_path: Path):
    def fail() -> dict[str, Tensor]:
        raise OSError("no such classifier")

    with pytest.raises(OSError, match="no such classifier"):
        cached(tmp_path, KEY, fail)
    compute = Computation()
    assert same(cached(tmp_path, KEY, compute), compute.tensors) and compute.calls == 1


@pytest.mark.parametrize("place", ["file", "directory"])
def test_a_path_that_cannot_be_written_is_only_a_warning(tmp_path: Path, caplog, place: str):
    if place == "file":
        (folder := tmp_path / "folder").write_text("in the way")
    else:
        (folder := tmp_path).joinpath(f"{KEY}.pt").mkdir()
    compute = Computation()
    assert same(cached(folder, KEY, compute), compute.tensors)
    assert "cannot be written" in caplog.text
    assert not list(tmp_path.glob("**/*.tmp"))


def test_two_threads_at_once_compute_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    inside, refused, found = threading.Event(), threading.Event(), []

    class Watched(FileLock):
        """A lock that sets an event if another thread has it, and then waits for it."""

        def __enter__(self) -> FileLock:
            try:
                self.acquire(blocking=False)
            except Timeout:
                refused.set()
                self.acquire()
            return self

    class Slow(Computation):
        def __call__(self) -> dict[str, Tensor]:
            inside.set()
            wait_until(refused.is_set, "the second thread to find the file locked")
            return super().__call__()

    monkeypatch.setattr("netyard.metrics.cache.FileLock", Watched)
    compute = Slow()
    first, second = (threading.Thread(target=lambda: found.append(cached(tmp_path, KEY, compute))) for _ in range(2))
    first.start()
    wait_until(inside.is_set, "the computation of the first thread")
    second.start()
    wait_until(lambda: not (first.is_alive() or second.is_alive()), "the end of both threads", 2 * PATIENCE)
    assert compute.calls == 1 and len(found) == 2 and all(same(each, compute.tensors) for each in found)
