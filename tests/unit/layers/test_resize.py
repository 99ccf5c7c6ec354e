"""Activations, initial weights, resizing, and fitting a network to small images."""

from __future__ import annotations

import pytest
import torch

from netyard.layers.resize import PadOrResize, Resize


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
