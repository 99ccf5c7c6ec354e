"""PSNR and SSIM, from their definitions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from netyard.tasks.parts.likeness import SSIM_WINDOW, psnr, ssim


@pytest.mark.parametrize(("mse", "wanted"), [(1.0, 0), (0.1, 10), (0.01, 20), (0.0, 100)])
def test_psnr_by_hand(mse: float, wanted: float) -> None:
    assert psnr(torch.tensor(mse)).item() == pytest.approx(wanted, abs=1e-4)


def ssim_by_definition(a: Tensor, b: Tensor) -> Tensor:
    """Equation 13 of Wang et al. 2004 around every pixel of the mirrored picture."""
    windows = [
        F.pad(each, (3, 3, 3, 3), mode="reflect")
        .double()
        .unfold(2, SSIM_WINDOW, 1)
        .unfold(3, SSIM_WINDOW, 1)
        .flatten(-2)
        for each in (a, b)
    ]  # (B, C, H, W, 49)
    (mean_a, mean_b), (var_a, var_b) = ([f(each) for each in windows] for f in (_mean, _variance))
    covariance = _mean(windows[0] * windows[1]) - mean_a * mean_b
    one, two = 0.01**2, 0.03**2
    above = (2 * mean_a * mean_b + one) * (2 * covariance + two)
    return (above / ((mean_a**2 + mean_b**2 + one) * (var_a + var_b + two))).mean()


def _mean(x: Tensor) -> Tensor:
    return x.mean(-1)


def _variance(x: Tensor) -> Tensor:
    return x.var(-1, correction=0)


@pytest.mark.parametrize("shape", [(3, 1, 8, 8), (2, 3, 28, 28), (1, 1, 13, 20)], ids=str)
def test_ssim_by_definition(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    true = torch.rand(shape)
    noisy = (true + 0.2 * torch.randn(shape)).clamp(0, 1)
    assert ssim(noisy, true).item() == pytest.approx(ssim_by_definition(noisy, true).item(), abs=1e-4)
    assert ssim(true, true).item() == pytest.approx(1.0, abs=1e-5)


def test_the_smallest_picture_is_one_window() -> None:
    assert ssim(torch.rand(2, 1, SSIM_WINDOW, SSIM_WINDOW), torch.rand(2, 1, SSIM_WINDOW, SSIM_WINDOW)).isfinite()
