"""Activations, initial weights, resizing, and fitting a network to small images."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netyard.layers.small_image import fold_repeated_pool, keep_early_size, num_kept


@pytest.mark.parametrize(("size", "kept"), [(224, 0), (128, 0), (96, 1), (64, 1), (32, 2), (28, 2), (8, 3)])
def test_the_last_map_keeps_four_pixels_a_side(size: int, kept: int) -> None:
    assert num_kept(size, num_early=3) == kept


def test_a_shrunk_kernel_answers_a_flat_image_as_before() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 7, stride=2, padding=3), nn.MaxPool2d(2))
    with torch.no_grad():
        net[0].weight.copy_(torch.rand(4, 3, 1, 1).expand(4, 3, 7, 7))
    flat = torch.ones(1, 3, 32, 32)
    before = net(flat)[..., 4, 4]
    keep_early_size(net, ["0", "1"], shrink_weights=True)
    assert net(flat).shape == (1, 4, 32, 32)
    assert torch.allclose(net(flat)[..., 16, 16], before, atol=1e-4)


@pytest.mark.parametrize("side", [4, 8, 12, 24])
def test_a_folded_pool_is_the_same_function(side: int) -> None:
    net = nn.Sequential(nn.AvgPool2d(4), nn.AdaptiveAvgPool2d((6, 6)), nn.Flatten(), nn.Linear(3 * 36, 5))
    x = torch.randn(2, 3, side, side)
    before = net(x)
    fold_repeated_pool(net, "1", "3", in_channels=3, image_size=(side, side))
    assert net[3].in_features == 3 * min(side // 4, 6) ** 2
    assert torch.allclose(net(x), before, atol=1e-5)
