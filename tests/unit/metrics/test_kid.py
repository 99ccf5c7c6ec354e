"""The kernel distance agrees with a slow loop, is unbiased, and depends only on its generator."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchmetrics.image.kid import poly_mmd

from netyard.metrics.kid import kernel_distance, polynomial_mmd


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def slow_mmd(x: Tensor, y: Tensor) -> float:
    """Lemma 6 of Gretton et al. literally: sums over pairs, i != j."""

    def kernel(a: Tensor, b: Tensor) -> float:
        return (float((a * b).sum()) / len(a) + 1) ** 3

    n, m = len(x), len(y)
    within_x = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    within_y = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    across = sum(kernel(x[i], y[j]) for i in range(n) for j in range(m)) / (n * m)
    return within_x + within_y - 2 * across


@pytest.mark.parametrize(("n", "m", "size"), [(7, 7, 3), (5, 9, 4), (2, 2, 1)])
def test_kernel_distance_agrees_with_a_double_loop(n: int, m: int, size: int):
    x, y = draw(n, size, seed=1), 2 * draw(m, size, seed=2) + 1
    assert polynomial_mmd(x, y).item() == pytest.approx(slow_mmd(x, y), rel=1e-10)


def test_kernel_distance_agrees_with_torchmetrics_for_equal_sizes():
    x, y = draw(20, 6, seed=1), draw(20, 6, seed=2) + 1
    assert polynomial_mmd(x, y).item() == pytest.approx(poly_mmd(x, y).item(), rel=1e-10)


def test_kernel_distance_is_unbiased():
    pairs = [(draw(10, 3, seed=2 * i), draw(10, 3, seed=2 * i + 1)) for i in range(2000)]
    values = torch.stack([polynomial_mmd(x, y) for x, y in pairs])
    error = values.std() / len(values) ** 0.5
    assert values.mean().abs() < 4 * error < 0.1
    assert (values < 0).any()

    def biased(x: Tensor, y: Tensor) -> Tensor:
        return ((x @ x.T / 3 + 1) ** 3 + (y @ y.T / 3 + 1) ** 3 - 2 * (x @ y.T / 3 + 1) ** 3).mean()

    # With each sample a pair with itself, ten samples of one distribution are far apart.
    assert torch.stack([biased(x, y) for x, y in pairs]).mean() > 1


def test_kernel_distance_grows_with_the_shift_between_distributions():
    x = draw(100, 5, seed=1)
    values = [polynomial_mmd(x, draw(100, 5, seed=2) + shift).item() for shift in (0.0, 0.5, 1.0, 2.0)]
    assert values == sorted(values) and values[1] > 5 * abs(values[0])


def test_a_subset_of_all_samples_is_the_whole_set():
    x, y = draw(8, 3, seed=1), draw(8, 3, seed=2) + 1
    mean, std = kernel_distance(x, y, num_subsets=5, subset_size=1000)
    assert mean.item() == pytest.approx(polynomial_mmd(x, y).item(), rel=1e-12)
    assert std.item() < 1e-12
    assert kernel_distance(x, y, num_subsets=1, subset_size=4).std == 0


def test_mean_and_std_are_over_the_subsets():
    x, y = draw(30, 3, seed=1), draw(40, 3, seed=2) + 1
    mean, std = kernel_distance(x, y, num_subsets=50, subset_size=20)
    assert mean.item() == pytest.approx(polynomial_mmd(x, y).item(), rel=0.1)
    assert 0 < std.item() < mean.item()
    generator = torch.Generator().manual_seed(0)

    def draws(count: int) -> Tensor:
        return torch.randperm(count, generator=generator)[:20]

    values = torch.stack([polynomial_mmd(x[draws(30)], y[draws(40)]) for _ in range(50)])
    assert mean.item() == pytest.approx(values.mean().item(), rel=1e-12)
    assert std.item() == pytest.approx((values - values.mean()).square().mean().sqrt().item(), rel=1e-9)


def test_the_generator_is_used_and_the_global_one_is_unchanged():
    x, y = draw(30, 3, seed=1), draw(30, 3, seed=2)

    def score(seed: int) -> Tensor:
        return kernel_distance(x, y, 5, 10, torch.Generator().manual_seed(seed)).mean

    before = torch.random.get_rng_state()
    assert score(1) == score(1) != score(2)
    assert kernel_distance(x, y, 5, 10) == kernel_distance(x, y, 5, 10)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_subsets": 0}, "num_subsets is 0; it must be at least 1; try num_subsets=100."),
        ({"subset_size": 1}, "subset_size is 1; it must be at least 2; try subset_size=1000."),
        ({"generated": torch.zeros(1, 3)}, "generated set has 1 sample; .*; try"),
        ({"generated": torch.full((4, 3), float("nan"))}, "NaN or infinity .*; every value .*; try"),
        ({"generated": torch.zeros(4, 2)}, "3 columns and the generated ones 2; .*; try"),
    ],
)
def test_invalid_arguments_are_refused(arguments: dict, message: str):
    with pytest.raises(ValueError, match=message):
        kernel_distance(**({"real": torch.zeros(4, 3), "generated": torch.zeros(4, 3)} | arguments))
