"""`debug=lr_finder`, `debug=batch_size` and `debug=profile`: what they suggest, write, and leave as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from netyard.callbacks import batch_size


def shows(path: Path, tag: str) -> bool:
    return tag in EventAccumulator(str(path)).Reload().Tags()["images"]


@pytest.mark.parametrize("model", ["cnn_tiny"])
def test_batch_sizes_are_timed_and_one_is_suggested(train, model: str, monkeypatch) -> None:
    monkeypatch.setattr(batch_size, "AT_LEAST", 0.01)
    name, *more = model.split()
    ran = train(f"model={name}", *more, "debug=batch_size", "callbacks.batch_size.max_size=32")
    assert ran.code == 0, ran.err
    rows = [line.strip("|").split("|") for line in ran.out.splitlines() if line.startswith("| ")][1:]
    rates = {int(row[0]): float(row[1].replace(",", "")) for row in rows if row[0].strip().isdecimal()}
    assert list(rates) == [1, 2, 4, 8, 16, 32]
    suggested = int(ran.out.partition("try data.batch_size=")[2].partition(",")[0])
    assert rates[suggested] >= 0.89 * max(rates.values())
    assert (ran.path / "batch_size.png").is_file() and shows(ran.path, "debug/batch_size")


def test_what_does_not_fit_ends_the_search_without_ending_the_run(train, monkeypatch) -> None:
    def no_more(trainer: object, task: object, batch: tuple[torch.Tensor, ...]) -> None:
        if len(batch[0]) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(batch_size, "_step", no_more)
    monkeypatch.setattr(batch_size, "AT_LEAST", 0.001)
    ran = train("model=mlp_tiny", "debug=batch_size", "logger=none")
    assert ran.code == 0, ran.err
    assert "no larger one: 8 did not fit into the device's memory" in ran.out


def test_memory_that_would_be_taken_is_left(train, monkeypatch) -> None:
    monkeypatch.setattr(batch_size, "_free", lambda: 1.0)
    monkeypatch.setattr(batch_size, "_taken", lambda device: next(taken))
    monkeypatch.setattr(batch_size, "AT_LEAST", 0.001)
    taken = iter([1e6, 1e6, 2e6])
    ran = train("model=mlp_tiny", "debug=batch_size", "logger=none")
    assert "no larger one: 4 might not fit into the memory that is free" in ran.out
