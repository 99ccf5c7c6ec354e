from __future__ import annotations

import math

import pytest
import torch

from netyard.metrics.diversity import diversity


def test_ratio_of_mean_distances_by_hand() -> None:
    real = torch.tensor([[0.0, 0.0], [3.0, 4.0]])  # 5 apart
    generated = torch.tensor([[0.0, 0.0], [0.0, 1.0], [0.0, 2.0]])  # 1, 1 and 2 apart
    assert diversity(real, generated).item() == pytest.approx((4 / 3) / 5)


def test_diversity_is_0_for_copies_and_1_for_the_same_distribution() -> None:
    real, other = torch.randn(2, 500, 8, generator=torch.Generator().manual_seed(0))
    assert diversity(real, other[:1].expand(500, -1)) == 0
    assert diversity(real, other).item() == pytest.approx(1, abs=0.05)


def test_only_the_first_samples_are_used() -> None:
    real = torch.cat([torch.eye(3), 100 * torch.eye(3)])
    assert diversity(real, torch.eye(3), max_samples=3).item() == pytest.approx(1)
    assert diversity(real, torch.eye(3)).item() < 0.1


def test_equal_real_samples_do_not_divide_by_zero() -> None:
    assert math.isfinite(diversity(torch.ones(4, 2), torch.randn(4, 2)))


@pytest.mark.parametrize("generated", [torch.zeros(1, 2), torch.tensor([[0.0, math.nan]] * 2), torch.zeros(2, 3)])
def test_invalid_features_are_refused(generated: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"; try "):
        diversity(torch.randn(4, 2), generated)
