"""`debug=batch_size`: the suggested size, and when the search stops."""

from __future__ import annotations

import torch

from netyard.callbacks import batch_size_finder
from support.batch_size_search import check_suggested_size


def test_batch_sizes_are_timed_and_one_is_suggested(train, monkeypatch) -> None:
    check_suggested_size(train, ["model=cnn_tiny"], monkeypatch)


def test_a_size_that_does_not_fit_ends_the_search_without_ending_the_run(train, monkeypatch) -> None:
    def no_more(trainer: object, task: object, batch: tuple[torch.Tensor, ...]) -> None:
        if len(batch[0]) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(batch_size_finder, "_step", no_more)
    monkeypatch.setattr(batch_size_finder, "MIN_SECONDS", 0.001)
    ran = train("model=mlp_tiny", "debug=batch_size", "logger=none")
    assert ran.code == 0, ran.err
    assert "no larger size was tried: 8 did not fit into the device's memory" in ran.out


def test_sizes_that_need_more_than_the_free_memory_are_not_tried(train, monkeypatch) -> None:
    monkeypatch.setattr(batch_size_finder, "_free_memory", lambda: 1.0)
    monkeypatch.setattr(batch_size_finder, "_peak_memory", lambda device: next(peaks))
    monkeypatch.setattr(batch_size_finder, "MIN_SECONDS", 0.001)
    peaks = iter([1e6, 1e6, 2e6])
    ran = train("model=mlp_tiny", "debug=batch_size", "logger=none")
    assert "no larger size was tried: 4 might not fit into the free memory" in ran.out
