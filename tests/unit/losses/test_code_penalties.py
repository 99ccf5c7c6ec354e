"""The penalties on codes, worked by hand and by torch."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, kl_divergence

from netyard.losses.code_penalties import contraction, kl_sparsity, l1_sparsity


def test_l1_by_hand() -> None:
    assert l1_sparsity(torch.tensor([[1.0, -2.0, 0.0], [0.5, 0.0, -0.5]])).item() == 2.0  # the mean of 3 and 1


def test_kl_by_hand() -> None:
    codes = torch.tensor([[0.1, 0.5], [0.3, 0.7]])  # mean activations of 0.2 and 0.6
    wanted = 0.2 * math.log(0.2 / 0.6) + 0.8 * math.log(0.8 / 0.4)
    assert kl_sparsity(codes, 0.2).item() == pytest.approx(wanted, rel=1e-5)  # the first is as wanted


@pytest.mark.parametrize("target", [0.01, 0.05, 0.5])
def test_kl_is_that_of_bernoulli_variables(target: float) -> None:
    codes = torch.rand(40, 6)
    wanted = kl_divergence(Bernoulli(torch.tensor(target)), Bernoulli(codes.mean(0))).sum()
    torch.testing.assert_close(kl_sparsity(codes, target), wanted)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_kl_of_units_that_never_change_is_finite(value: float) -> None:
    codes = torch.full((4, 3), value, requires_grad=True)
    penalty = kl_sparsity(codes, 0.05)
    penalty.backward()
    assert penalty.isfinite() and codes.grad.isfinite().all()


@pytest.mark.parametrize("shape", [(5,), (1, 4, 4)])
def test_contraction_is_the_squared_norm_of_autograds_jacobian(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 3, 3), nn.Softplus(), nn.Flatten(), nn.Linear(12, 4)] if len(shape) == 3 else []
    net = nn.Sequential(*layers or [nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 4)]).double()
    x = torch.randn(3, *shape, dtype=torch.float64, requires_grad=True)
    wanted = torch.stack(
        [torch.autograd.functional.jacobian(lambda one: net(one[None])[0], each).square().sum() for each in x]
    ).mean()
    torch.testing.assert_close(contraction(net(x), x), wanted)


def test_contraction_of_a_linear_code_and_its_gradient_by_hand() -> None:
    weights = torch.tensor([[1.0, 2.0], [0.0, -1.0]], requires_grad=True)
    x = torch.randn(7, 2, requires_grad=True)
    penalty = contraction(x @ weights.T, x)
    assert penalty.item() == pytest.approx(6.0)  # 1 + 4 + 1, wherever x is
    penalty.backward()
    assert torch.allclose(weights.grad, 2 * weights)


def test_penalties_are_of_the_codes_dtype_and_device() -> None:
    x = torch.rand(3, 2, dtype=torch.float64, requires_grad=True)
    codes = (x @ torch.ones(2, 2, dtype=torch.float64)).sigmoid()
    with torch.device("meta"):  # the default device of what names none
        found = [kl_sparsity(codes, 0.1), contraction(codes, x)]
    assert [(each.dtype, each.device.type) for each in found] == [(torch.float64, "cpu")] * 2
