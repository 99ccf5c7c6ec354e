"""Activations, initial weights, resizing, and fitting a network to small images."""

from __future__ import annotations

import pytest
import torch

from netyard.layers.resize import PadOrResize, Resize


def test_resize_enlarges_and_reduces_and_keeps_the_right_size() -> None:
    x = torch.rand(2, 3, 8, 8)
    assert Resize(8)(x) is x
    assert Resize(20)(x).shape == (2, 3, 20, 20)
    assert torch.allclose(Resize(1)(x).flatten(1), x.mean((2, 3)), atol=0.05)


def test_slightly_smaller_images_are_padded() -> None:
    x = torch.rand(2, 1, 28, 28)
    padded = PadOrResize(32)(x)
    assert torch.equal(padded[:, :, 2:30, 2:30], x) and padded.sum() == pytest.approx(x.sum().item(), rel=1e-5)
    assert PadOrResize(32)(torch.rand(2, 1, 8, 8)).shape == (2, 1, 32, 32)
