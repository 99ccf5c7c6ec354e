"""Similarity of images: peak signal-to-noise ratio and structural similarity."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

SSIM_WINDOW = 7  # also the smallest side of an image; the paper's Gaussian window of 11 would need larger images


def psnr(mse: Tensor) -> Tensor:
    """The mean squared error of pictures in [0, 1] -> the peak signal-to-noise ratio in dB; 100 at the most."""
    return -10 * torch.log10(mse.clamp(min=1e-10))


def ssim(pictures: Tensor, true: Tensor) -> Tensor:
    """Two batches (B, C, H, W) in [0, 1] -> the mean structural similarity, a scalar of at most 1.

    With a window of 7 x 7 around each pixel; the image is mirrored at its border. Wang et al. 2004.
    """
    value = structural_similarity_index_measure(
        pictures, true, gaussian_kernel=False, kernel_size=SSIM_WINDOW, data_range=1.0
    )
    return value if isinstance(value, Tensor) else value[0]
