"""The Fréchet distance compared with closed forms, scipy, torchmetrics, and for singular covariances."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor
from torchmetrics.image.fid import _compute_fid

from netyard.metrics.fid import frechet_distance, gaussian_frechet_distance


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def covariance(size: int, seed: int) -> Tensor:
    factor = draw(size, size, seed=seed)
    return factor @ factor.T / size + 0.1 * torch.eye(size, dtype=torch.float64)


def with_moments(mean: Tensor, spread: Tensor, count: int = 50) -> Tensor:
    """Samples whose mean and unbiased covariance are exactly ``mean`` and ``spread``."""
    x = draw(count, len(mean))
    x = x - x.mean(dim=0)
    white = torch.linalg.qr(x).Q * (count - 1) ** 0.5
    return white @ torch.linalg.cholesky(spread).T + mean


@pytest.mark.parametrize(("count", "size"), [(100, 5), (5, 100), (2, 3), (30, 1)])
def test_the_distance_of_a_set_to_itself_is_zero(count: int, size: int):
    x = draw(count, size)
    assert frechet_distance(x, x).item() < 1e-6
    assert frechet_distance(x, x.flip(0)).item() < 1e-6
    assert (
        gaussian_frechet_distance(x.mean(0), x.T.cov().reshape(size, size), x.mean(0), x.T.cov().reshape(size, size))
        < 1e-6
    )


def test_the_distance_of_a_shifted_set_is_the_squared_shift():
    x, shift = draw(40, 6), torch.arange(6.0, dtype=torch.float64)
    assert frechet_distance(x, x + shift).item() == pytest.approx(float(shift.square().sum()), rel=1e-12)


def test_diagonal_gaussians_have_their_closed_form():
    mean, other_mean = draw(8, seed=1), draw(8, seed=2)
    std, other_std = draw(8, seed=3).abs(), draw(8, seed=4).abs()
    expected = (mean - other_mean).square().sum() + (std - other_std).square().sum()
    found = gaussian_frechet_distance(mean, std.square().diag(), other_mean, other_std.square().diag())
    assert found.item() == pytest.approx(float(expected), rel=1e-12)
    samples = frechet_distance(
        with_moments(mean, std.square().diag()), with_moments(other_mean, other_std.square().diag())
    )
    assert samples.item() == pytest.approx(float(expected), rel=1e-10)


def test_many_samples_of_the_same_distribution_have_a_small_distance():
    near = frechet_distance(draw(20_000, 4, seed=1), draw(20_000, 4, seed=2))
    assert 0 < near.item() < 0.01


@pytest.mark.parametrize("size", [2, 7, 20])
def test_covariances_that_do_not_commute_agree_with_scipy_and_torchmetrics(size: int):
    first, second = covariance(size, seed=1), covariance(size, seed=2)
    assert (first @ second - second @ first).abs().max() > 1e-3
    mean, other_mean = draw(size, seed=3), draw(size, seed=4)
    root = scipy.linalg.sqrtm((first @ second).numpy())
    expected = float((mean - other_mean).square().sum() + (first + second).trace()) - 2 * np.trace(root).real
    assert gaussian_frechet_distance(mean, first, other_mean, second).item() == pytest.approx(expected, rel=1e-9)
    assert _compute_fid(mean, first, other_mean, second).item() == pytest.approx(expected, rel=1e-9)
    samples = frechet_distance(with_moments(mean, first), with_moments(other_mean, second))
    assert samples.item() == pytest.approx(expected, rel=1e-9)


def test_covariances_that_commute_agree_with_scipy():
    basis = torch.linalg.qr(draw(6, 6)).Q
    first, second = (basis @ draw(6, seed=seed).square().diag() @ basis.T for seed in (1, 2))
    root = scipy.linalg.sqrtm((first @ second).numpy())
    expected = float((first + second).trace()) - 2 * np.trace(root).real
    zero = torch.zeros(6)
    assert gaussian_frechet_distance(zero, first, zero, second).item() == pytest.approx(expected, rel=1e-7)


def test_it_is_symmetric():
    x, y = draw(30, 8, seed=1), 2 * draw(40, 8, seed=2) + 1
    assert frechet_distance(x, y).item() == pytest.approx(frechet_distance(y, x).item(), rel=1e-12)


def test_fewer_samples_than_features_give_the_same_from_samples_and_from_covariances():
    x, y = draw(20, 64, seed=1), draw(30, 64, seed=2)
    from_samples = frechet_distance(x, y).item()
    from_covariances = gaussian_frechet_distance(x.mean(0), x.T.cov(), y.mean(0), y.T.cov()).item()
    assert from_samples == pytest.approx(from_covariances, rel=1e-9)
    # What a root of eigenvalues of the product makes of its 44 zeros is not as near.
    assert _compute_fid(x.mean(0), x.T.cov(), y.mean(0), y.T.cov()).item() == pytest.approx(from_samples, rel=1e-3)


def test_orthogonal_supports_do_not_overlap():
    x, y = draw(10, 4, seed=1), draw(10, 4, seed=2)
    x[:, 2:], y[:, :2] = 0, 0
    expected = (x.mean(0) - y.mean(0)).square().sum() + x.var(0).sum() + y.var(0).sum()
    assert frechet_distance(x, y).item() == pytest.approx(float(expected), rel=1e-12)


def test_constant_sets_have_the_squared_distance_of_their_points():
    assert frechet_distance(torch.zeros(5, 3), torch.full((9, 3), 2.0)).item() == 12
    zero = torch.zeros(3, 3)
    assert gaussian_frechet_distance(torch.zeros(3), zero, torch.ones(3), zero).item() == 3


def test_large_means_do_not_cancel_small_variances():
    x = draw(50, 3)
    far = frechet_distance(1e6 + x, 1e6 + 2 * x).item()
    assert far == pytest.approx(float(x.mean(0).square().sum() + x.var(0).sum()), rel=1e-6)


def test_the_result_is_float64_without_a_graph():
    x = torch.randn(9, 4, requires_grad=True)
    found = frechet_distance(x.half(), x)
    assert found.dtype == torch.float64 and found.shape == () and not found.requires_grad


@pytest.mark.parametrize(
    ("real", "generated", "message"),
    [
        (torch.zeros(4, 3), torch.zeros(1, 3), "the generated set has 1 sample; this score needs at least 2; try more"),
        (torch.zeros(0, 3), torch.zeros(4, 3), "the real set has 0 samples; .*; try more samples"),
        (torch.zeros(4, 3), torch.zeros(4, 2), "3 columns and the generated ones 2; both must .*; try"),
        (torch.zeros(4, 3, 2), torch.zeros(4, 3), r"real features have shape \(4, 3, 2\); they must be .*; try"),
        (torch.zeros(4, 0), torch.zeros(4, 0), r"real features have shape \(4, 0\); they must be .*; try"),
        (
            torch.zeros(4, 3),
            torch.tensor([[0.0], [float("nan")], [float("inf")]]).expand(3, 3),
            r"generated features of sample 1 hold NaN or infinity \(2 such sample\(s\)\); every value .*; try",
        ),
    ],
)
def test_bad_features_are_refused(real: Tensor, generated: Tensor, message: str):
    with pytest.raises(ValueError, match=message):
        frechet_distance(real, generated)


@pytest.mark.parametrize(
    ("mean", "spread", "message"),
    [
        (torch.zeros(3), torch.eye(4), r"second mean has shape \(3,\) and its covariance \(4, 4\); they must .*; try"),
        (torch.zeros(4), torch.eye(4), "first mean has 3 numbers and the second 4; both must .*; try"),
        (torch.tensor([0, 0, float("nan")]), torch.eye(3), "second mean or covariance holds NaN .*; every .*; try"),
        (torch.zeros(3), torch.full((3, 3), float("inf")), "second mean or covariance holds NaN .*; every .*; try"),
        (torch.zeros(3), -torch.eye(3), "second covariance has an eigenvalue of -1; none may .*; try"),
    ],
)
def test_bad_statistics_are_refused(mean: Tensor, spread: Tensor, message: str):
    with pytest.raises(ValueError, match=message):
        gaussian_frechet_distance(torch.zeros(3), torch.eye(3), mean, spread)
