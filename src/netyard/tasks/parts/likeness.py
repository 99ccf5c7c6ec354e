"""Similarity of images: peak signal-to-noise ratio and structural similarity."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

SSIM_WINDOW = 7  # also the smallest side of an image; the paper's Gaussian window of 11 would need larger images


def psnr(mse: Tensor) -> Tensor:
    """The mean squared error of images in [0, 1] -> the peak signal-to-noise ratio in dB; 100 at the most."""
    # 10 log10(peak^2 / mse) with peak 1. The clamp keeps a perfect reconstruction from being infinite.
    return -10 * torch.log10(mse.clamp(min=1e-10))


def ssim(pictures: Tensor, true: Tensor) -> Tensor:
    """Two batches (B, C, H, W) in [0, 1] -> the mean structural similarity, a scalar of at most 1.

    With a uniform window of 7 x 7 around each pixel; the image is mirrored at its border. Wang et al. 2004.
    """
    value = structural_similarity_index_measure(
        pictures, true, gaussian_kernel=False, kernel_size=SSIM_WINDOW, data_range=1.0
    )
    # The annotated result is a union: with other settings torchmetrics returns the contrast or the full image too.
    return value if isinstance(value, Tensor) else value[0]
