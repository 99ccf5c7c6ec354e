"""The KL of a diagonal Gaussian, and free bits."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from netyard.losses.divergences import free_bits, kl_from_standard_normal


def test_kl_is_that_of_torch() -> None:
    mean, log_variance = torch.randn(2, 50, 7, dtype=torch.float64) * 2
    wanted = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(kl_from_standard_normal(mean, log_variance), wanted)


def test_kl_by_hand_and_without_cancellation() -> None:
    assert kl_from_standard_normal(torch.tensor([[3.0]]), torch.zeros(1, 1)).item() == 4.5
    # s^2 = 1 + e: KL = e^2 / 4; in float32 exp(v) - 1 - v would be nothing but rounding.
    assert kl_from_standard_normal(torch.zeros(1), torch.tensor([1e-2])).item() == pytest.approx(2.508e-5, rel=1e-2)


def test_free_bits_are_of_the_batch_mean_of_each_dimension() -> None:
    kl = torch.tensor([[0.0, 3.0, 0.1], [0.4, 1.0, 0.1]], requires_grad=True)  # means 0.2, 2, 0.1
    assert free_bits(kl, 0.0).item() == pytest.approx(2.3)
    loss = free_bits(kl, 0.15)
    assert loss.item() == pytest.approx(0.2 + 2 + 0.15)
    loss.backward()
    assert kl.grad is not None and kl.grad.tolist() == [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0]]
