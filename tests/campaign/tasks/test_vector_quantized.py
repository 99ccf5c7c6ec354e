"""Digits that vector-quantised autoencoders learn."""

from __future__ import annotations

from typing import Any

import pytest

from netyard.tasks.vector_quantized import VectorQuantized
from netyard.training import checkpoint

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")


@pytest.mark.parametrize("words", [["model=vq_vae_tiny"], ["model=vq_vae", "model.ema=false"]])
def test_digits_end_to_end_are_told_better_with_training(train: Any, words: list[str]) -> None:
    done = train(*words, "trainer=cpu", "logger=none")
    assert done.code == 0, done.err
    results = done.json("results.json")
    assert (results["task"], results["objective"]["name"]) == ("vector_quantized", "val/loss")
    metrics = results["metrics"]
    assert metrics["test/reconstruction"] < 0.7  # the mean picture: 0.56 of a variance of 1 is in places, not samples
    assert metrics["test/perplexity"] > 8
    task = checkpoint.load(done.path)
    assert isinstance(task, VectorQuantized) and task.code_counts.sum() > 0
    assert task.pictures(2).shape == (2, 1, 8, 8)
