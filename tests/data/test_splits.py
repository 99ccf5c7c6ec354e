"""Held-out parts: disjoint, complete, stratified, fixed."""

from __future__ import annotations

import pytest
import torch

from netyard.data.splits import holdout
from netyard.errors import ConfigError, DataError


@pytest.mark.parametrize("num_samples", [2, 3, 10, 997])
@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.5, 0.99])
def test_parts_are_every_sample_once(num_samples: int, fraction: float) -> None:
    stays, goes = holdout(torch.arange(num_samples) % 3, fraction, seed=0)
    assert torch.equal(torch.cat([stays, goes]).sort().values, torch.arange(num_samples))
    assert len(goes) == min(max(round(num_samples * fraction), 1), num_samples - 1)


def test_classes_keep_their_shares() -> None:
    labels = torch.tensor([0] * 700 + [1] * 200 + [2] * 95 + [3] * 5)
    stays, goes = holdout(labels, 0.2, seed=0)
    assert torch.bincount(labels[goes]).tolist() == [140, 40, 19, 1]
    assert torch.bincount(labels[stays]).tolist() == [560, 160, 76, 4]


def test_rare_class_stays_in_training() -> None:
    labels = torch.tensor([0] * 50 + [1])
    for seed in range(20):
        stays, _ = holdout(labels, 0.5, seed)
        assert 50 in stays


def test_one_sample_a_class_still_gives_a_part() -> None:
    stays, goes = holdout(torch.arange(100), 0.1, seed=0)
    assert (len(stays), len(goes)) == (90, 10)


def test_seed_decides() -> None:
    labels = torch.arange(100) % 4
    assert torch.equal(holdout(labels, 0.2, 1)[1], holdout(labels, 0.2, 1)[1])
    assert not torch.equal(holdout(labels, 0.2, 1)[1], holdout(labels, 0.2, 2)[1])


def test_regression_targets_are_cut_at_random() -> None:
    stays, goes = holdout(torch.randn(50, 2), 0.2, seed=0)
    assert (len(stays), len(goes)) == (40, 10)


def test_refusals() -> None:
    for fraction in (0.0, 1.0, -0.5, float("nan")):
        with pytest.raises(ConfigError, match="above 0 and below 1"):
            holdout(torch.arange(10), fraction, seed=0)
    with pytest.raises(DataError, match="has 1 sample"):
        holdout(torch.zeros(1, dtype=torch.long), 0.1, seed=0)
