"""Moving averages of weights: the decay of each update, and what is left of the initial weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netyard.metrics.moving_average import decay_at, update_average


def test_the_decay_grows_to_its_value() -> None:
    found = [decay_at(updates, 0.99, True) for updates in (0, 1, 8, 80, 889, 890, 10_000)]
    assert found == pytest.approx([0.1, 2 / 11, 0.5, 0.9, 890 / 899, 0.99, 0.99], rel=1e-12)
    assert decay_at(0, 0.05, True) == 0.05, "a smaller decay is never exceeded"
    assert decay_at(0, 0.99, False) == 0.99


def test_the_initial_weights_are_forgotten_after_eighty_steps() -> None:
    left = dict.fromkeys((False, True), 1.0)
    for updates in range(80):
        left = {warmup: share * decay_at(updates, 0.99, warmup) for warmup, share in left.items()}
    assert left[False] == pytest.approx(0.4475, abs=1e-4) and left[True] < 1e-9


def test_parameters_are_averaged_and_buffers_copied() -> None:
    average, network = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    with torch.no_grad():
        network.weight.fill_(3.0)
    network.num_batches_tracked.fill_(7)
    update_average(average, network, 0.75)
    assert average.weight.tolist() == [1.5, 1.5] and average.num_batches_tracked == 7
