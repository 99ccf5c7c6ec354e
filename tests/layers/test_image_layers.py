"""Activations, initial weights, resizing, and fitting a network to small images."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netyard.layers.initialization import WEIGHT_INITS, initialize_weights
from netyard.layers.resize import PadOrResize, Resize
from netyard.layers.small_image import fold_repeated_pool, keep_early_size, num_kept


@pytest.mark.parametrize("scheme", WEIGHT_INITS)
@pytest.mark.parametrize("activation", ["identity", "tanh", "relu", "gelu", "selu"])
def test_every_scheme_sets_weights_and_clears_biases(scheme: str, activation: str) -> None:
    layer = nn.Linear(64, 32)
    before = layer.weight.detach().clone()
    initialize_weights(layer, scheme, activation)
    assert torch.equal(layer.weight, before) == (scheme == "default")
    assert (layer.bias == 0).all() == (scheme != "default")


def test_kaiming_keeps_the_variance_of_a_relu_layer() -> None:
    layer = nn.Linear(1000, 1000)
    initialize_weights(layer, "kaiming_normal", "relu")
    assert layer.weight.std().item() == pytest.approx((2 / 1000) ** 0.5, rel=0.02)


def test_resize_grows_and_shrinks_and_passes_what_fits() -> None:
    x = torch.rand(2, 3, 8, 8)
    assert Resize(8)(x) is x
    assert Resize(20)(x).shape == (2, 3, 20, 20)
    assert torch.allclose(Resize(1)(x).flatten(1), x.mean((2, 3)), atol=0.05)


def test_pad_or_resize_pads_what_nearly_fits() -> None:
    x = torch.rand(2, 1, 28, 28)
    padded = PadOrResize(32)(x)
    assert torch.equal(padded[:, :, 2:30, 2:30], x) and padded.sum() == pytest.approx(x.sum().item(), rel=1e-5)
    assert PadOrResize(32)(torch.rand(2, 1, 8, 8)).shape == (2, 1, 32, 32)


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
    fold_repeated_pool(net, "1", "3", in_channels=3, image_size=side)
    assert net[3].in_features == 3 * min(side // 4, 6) ** 2
    assert torch.allclose(net(x), before, atol=1e-5)
