"""The variational task: the bound against a model whose evidence is known, its terms, its metrics, its pictures."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from netyard.losses.likelihoods import Gaussian
from netyard.models.mlp import MLP
from netyard.tasks.parts.latents import interpolation_codes, traversal_codes
from netyard.tasks.variational import Bound, Variational
from support.variational_task import SHAPE, net_of, task_of


class Toy(nn.Module):
    """x = W z + b + noise of deviation s: its evidence N(b, W W' + s^2) and its posterior are known."""

    num_classes, latent_size, input_shape = None, 2, (4,)

    def __init__(self, std: float, exact: bool) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.weight, self.bias = nn.Parameter(torch.randn(4, 2)), nn.Parameter(torch.randn(4))
        precision = torch.eye(2) + self.weight.T @ self.weight / std**2
        self.to_mean = (torch.linalg.inv(precision) @ self.weight.T / std**2).detach()
        # Columns at right angles: then the exact posterior has no correlations, and the net can have it.
        with torch.no_grad():
            self.weight[:] = torch.linalg.qr(self.weight)[0] * torch.tensor([0.5, 1.5])
            variance = 1 / (1 + self.weight.square().sum(dim=0) / std**2)
            self.to_mean = variance[:, None] * self.weight.T / std**2
        self.log_variance = variance.log() if exact else variance.log() + 0.7
        evidence = self.weight @ self.weight.T + std**2 * torch.eye(4)
        self.evidence = MultivariateNormal(self.bias.detach(), evidence.detach())

    def encode(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return (x - self.bias) @ self.to_mean.T, self.log_variance.expand(len(x), -1)

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return z @ self.weight.T + self.bias


def toy(exact: bool, samples: int = 1) -> tuple[Variational, Tensor]:
    net = Toy(0.5, exact)
    return task_of(net, Gaussian(std=0.5), importance_samples=samples), net.evidence.sample((4000,))


def bound_of(task: Variational, x: Tensor, seed: int = 0) -> Bound:
    return task._bound((x, torch.zeros(len(x))), torch.Generator().manual_seed(seed))


def test_with_the_exact_posterior_the_bound_is_the_evidence_whatever_is_drawn() -> None:
    task, x = toy(exact=True, samples=3)
    wanted = task.net.evidence.log_prob(x)
    bound, noise = bound_of(task, x), torch.Generator().manual_seed(1)
    # A single importance weight is already the evidence: p(x|z) p(z) / q(z|x) is the same for every z.
    torch.testing.assert_close(task._log_evidence(bound, torch.zeros(len(x)), noise), wanted, rtol=1e-4, atol=1e-3)
    elbo = (bound.log_likelihood - bound.kl.sum(dim=1)).mean()
    assert elbo.item() == pytest.approx(wanted.mean().item(), abs=0.05)


def test_with_a_posterior_too_wide_the_bound_misses_the_divergence_of_the_two() -> None:
    task, x = toy(exact=False)
    elbo = torch.stack(
        [(each.log_likelihood - each.kl.sum(dim=1)).mean() for each in (bound_of(task, x, seed) for seed in range(20))]
    ).mean()
    gap = 2 * 0.5 * (math.exp(0.7) - 1 - 0.7)  # KL(N(m, e^0.7 v) || N(m, v)) in each of two dimensions
    assert elbo.item() == pytest.approx(task.net.evidence.log_prob(x).mean().item() - gap, abs=0.03)


def test_importance_weighting_climbs_from_the_bound_to_the_evidence() -> None:
    values = []
    for samples in (1, 5, 100):
        task, x = toy(exact=False, samples=samples)
        noise = torch.Generator().manual_seed(2)
        values.append(task._log_evidence(bound_of(task, x), torch.zeros(len(x)), noise).mean().item())
    evidence = task.net.evidence.log_prob(x).mean().item()
    gap = 0.5 * 2 * (math.exp(0.7) - 1.7)
    assert values[0] == pytest.approx(evidence - gap, abs=0.05)
    assert values[0] < values[1] - 0.1 < values[2] - 0.1
    assert values[2] == pytest.approx(evidence, abs=0.02)


@pytest.mark.parametrize("pixels", [2**14, 2**19])
def test_the_codes_of_a_sample_are_drawn_in_portions_that_change_nothing(pixels: int) -> None:
    task, x = toy(exact=False, samples=7)
    noise = torch.Generator().manual_seed(2)
    whole = task._log_evidence(bound_of(task, x[:8]), torch.zeros(8), noise)
    noise, bound = torch.Generator().manual_seed(2), bound_of(task, x[:8])
    bound.pixels.numel = lambda: pixels  # type: ignore[method-assign]
    torch.testing.assert_close(task._log_evidence(bound, torch.zeros(8), noise), whole)


def test_training_noise_depends_on_the_place_in_the_run_alone() -> None:
    task = task_of()
    draws = [torch.randn(3, generator=task.random_at(*place)) for place in ((0, 1, 0), (0, 1, 1), (0, 2, 0), (0, 1, 0))]
    assert torch.equal(draws[0], draws[3])
    assert not any(torch.equal(draws[i], draws[j]) for i in range(3) for j in range(i))


def test_pictures_of_pixels_and_of_one_class_or_all() -> None:
    task = task_of(net_of(num_classes=3))
    made = task.pictures(7, seed=1)
    assert made.shape == (7, *SHAPE) and made.min() >= 0 and made.max() <= 1 and not made.requires_grad
    assert torch.equal(made, task.pictures(7, seed=1)) and not torch.equal(made, task.pictures(7, seed=2))
    for label in range(3):
        assert torch.equal(task.pictures(7, seed=1, label=label)[label::3], made[label::3])


def test_codes_along_a_walk() -> None:
    z = traversal_codes(torch.tensor([2, 0, 1]), 2, 3, 1.5)
    assert z.tolist() == [[[0, 0, -1.5], [0, 0, 0], [0, 0, 1.5]], [[-1.5, 0, 0], [0, 0, 0], [1.5, 0, 0]]]
    z = interpolation_codes(2000, 1, 5, seed=0)
    torch.testing.assert_close(z.square().mean(dim=2), torch.ones(1, 5), atol=0.1, rtol=0)
    start, end = torch.randn(2, 1, 1, 2000, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(z[0, [0, -1]], torch.cat([start, end])[:, 0], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"net": MLP((1, 4, 4), 3)}, "MLP is not a variational autoencoder; .*; try model=vae"),
        ({"loss": nn.MSELoss()}, "loss MSELoss is not a likelihood; .*; try loss=bernoulli"),
        ({"beta": -1.0}, r"beta is -1\.0; it must be a number at least 0; try task\.beta=1"),
        ({"kl_warmup": 1.5}, r"kl_warmup is 1\.5; .* at least 0 and at most 1; try task\.kl_warmup=0\.1"),
        ({"free_bits": -0.1}, r"free_bits is -0\.1; .*; try task\.free_bits"),
        ({"importance_samples": 0}, "importance_samples is 0; .* at least 1; try"),
    ],
)
def test_a_refusal_has_three_parts(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        task_of(**{"net": net_of(), **arguments})


@pytest.mark.parametrize(("label", "num_classes"), [(3, 3), (-1, 3), (0, None)])
def test_a_label_that_is_none_is_refused(label: int, num_classes: int | None) -> None:
    with pytest.raises(
        ValueError, match=rf"label is {label}; (this net takes no label|it must be .*); (try class=0|leave class out)"
    ):
        task_of(net_of(num_classes)).pictures(2, label=label)
