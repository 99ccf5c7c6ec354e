"""`debug=batch_size`: what it suggests, and where it stops."""

from __future__ import annotations

import torch

from netyard.callbacks import batch_size_finder
from support.batch_size_search import check_suggested_size


def test_batch_sizes_are_timed_and_one_is_suggested(train, monkeypatch) -> None:
    check_suggested_size(train, ["model=cnn_tiny"], monkeypatch)


def test_what_does_not_fit_ends_the_search_without_ending_the_run(train, monkeypatch) -> None:
    def no_more(trainer: object, task: object, batch: tuple[torch.Tensor, ...]) -> None:
        if len(batch[0]) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(batch_size_finder, "_step", no_more)
    monkeypatch.setattr(batch_size_finder, "AT_LEAST", 0.001)
    ran = train("model=mlp_tiny", "debug=batch_size", "logger=none")
    assert ran.code == 0, ran.err
    assert "no larger one: 8 did not fit into the device's memory" in ran.out


def test_memory_that_would_be_taken_is_left(train, monkeypatch) -> None:
    monkeypatch.setattr(batch_size_finder, "_free", lambda: 1.0)
    monkeypatch.setattr(batch_size_finder, "_taken", lambda device: next(taken))
    monkeypatch.setattr(batch_size_finder, "AT_LEAST", 0.001)
    taken = iter([1e6, 1e6, 2e6])
    ran = train("model=mlp_tiny", "debug=batch_size", "logger=none")
    assert "no larger one: 4 might not fit into the memory that is free" in ran.out
