"""Adversarial losses computed by hand, and penalties for critics with a known gradient."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from netyard.losses.adversarial import OBJECTIVES, AdversarialLoss, gradient_penalty, r1_penalty

REAL, GENERATED = torch.tensor([2.0, 0.0]), torch.tensor([-3.0, 0.5])


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


@pytest.mark.parametrize(
    ("objective", "discriminator", "generator"),
    [
        (
            "non_saturating",
            (softplus(-2) + softplus(0) + softplus(-3) + softplus(0.5)) / 2,
            (softplus(3) + softplus(-0.5)) / 2,
        ),
        (
            "minimax",
            (softplus(-2) + softplus(0) + softplus(-3) + softplus(0.5)) / 2,
            -(softplus(-3) + softplus(0.5)) / 2,
        ),
        ("least_squares", 0.5 * ((1 + 1) / 2 + (9 + 0.25) / 2), 0.5 * (16 + 0.25) / 2),
        ("wasserstein", -1.25 - 1.0, 1.25),
        ("hinge", (0 + 1) / 2 + (0 + 1.5) / 2, 1.25),
    ],
)
def test_losses_by_hand(objective: str, discriminator: float, generator: float) -> None:
    loss = AdversarialLoss(objective)
    assert loss.discriminator(REAL, GENERATED).item() == pytest.approx(discriminator)
    assert loss.generator(GENERATED).item() == pytest.approx(generator)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_generator_and_discriminator_have_opposite_gradients(objective: str) -> None:
    loss = AdversarialLoss(objective)
    real, generated = (torch.full((3,), loss.boundary, requires_grad=True) for _ in range(2))
    up, down = torch.autograd.grad(loss.discriminator(real, generated), (real, generated))
    assert (up < 0).all() and (down > 0).all()  # the loss falls as real rises and generated sinks
    (wanted,) = torch.autograd.grad(loss.generator(generated), generated)
    assert (wanted < 0).all()


def test_only_minimax_saturates() -> None:
    slopes = {}
    for objective in ("minimax", "non_saturating"):
        sure = torch.tensor([-10.0], requires_grad=True)
        (slopes[objective],) = torch.autograd.grad(AdversarialLoss(objective).generator(sure), sure)
    assert abs(slopes["minimax"].item()) < 1e-4 and slopes["non_saturating"].item() == pytest.approx(-1, abs=1e-4)


def test_logits_of_any_size_give_finite_losses() -> None:
    far = torch.tensor([-1e4, 1e4])
    for objective in OBJECTIVES:
        loss = AdversarialLoss(objective)
        assert loss.discriminator(far, far).isfinite() and loss.generator(far).isfinite()


def test_the_penalties_of_a_linear_critic_are_those_of_its_weights() -> None:
    """The slope of w.x is w everywhere: (|w| - 1)^2 and |w|^2 / 2, and their slopes in w."""
    critic = nn.Linear(4, 1)
    critic.weight.data = torch.tensor([[1.0, 2.0, 2.0, 4.0]])  # |w| = 5

    def judge(x: Tensor) -> Tensor:
        return critic(x.flatten(1))[:, 0]

    real, generated = torch.randn(2, 3, 1, 2, 2)
    penalty = gradient_penalty(judge, real, generated, torch.rand(3))
    assert penalty.item() == pytest.approx(16.0, rel=1e-5)
    (slope,) = torch.autograd.grad(penalty, critic.weight)
    torch.testing.assert_close(slope, 2 * (5 - 1) * critic.weight.detach() / 5)
    penalty = r1_penalty(judge, real)
    assert penalty.item() == pytest.approx(12.5, rel=1e-5)
    (slope,) = torch.autograd.grad(penalty, critic.weight)
    torch.testing.assert_close(slope, critic.weight.detach())


@pytest.mark.parametrize(("at", "where"), [(1.0, 3.0), (0.0, 1.0), (0.5, 2.0)])
def test_the_slope_is_measured_between_the_two(at: float, where: float) -> None:
    """The slope of x^2 / 2 is x."""
    real, generated = torch.full((2, 1), 3.0), torch.full((2, 1), 1.0)
    penalty = gradient_penalty(lambda x: x.square().sum(1) / 2, real, generated, torch.full((2,), at))
    assert penalty.item() == pytest.approx((where - 1) ** 2, abs=1e-5)


def test_a_critic_without_slope_has_a_finite_gradient() -> None:
    critic = nn.Linear(2, 1)
    nn.init.zeros_(critic.weight)
    gradient_penalty(lambda x: critic(x)[:, 0], torch.randn(3, 2), torch.randn(3, 2), torch.rand(3)).backward()
    assert critic.weight.grad is not None and critic.weight.grad.isfinite().all()


def test_an_unknown_objective_is_refused() -> None:
    with pytest.raises(ValueError, match=r"objective is 'hinges'; .*wasserstein.*try loss\.objective=hinge"):
        AdversarialLoss("hinges")


def test_the_objective_is_the_non_saturating_one_where_none_is_named() -> None:
    assert AdversarialLoss().objective == "non_saturating" and "objective=hinge" in repr(AdversarialLoss("hinge"))
    with pytest.raises(ValueError, match="one of non_saturating, minimax, least_squares, wasserstein, hinge;"):
        AdversarialLoss("none")
