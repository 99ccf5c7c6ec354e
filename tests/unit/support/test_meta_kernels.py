"""Kernels for the meta device that tests use: the same shapes as PyTorch's, and the same refusals."""

from __future__ import annotations

import contextlib

import pytest
import torch
from torch import nn

from support.meta_kernels import ShapesOnly


@pytest.mark.parametrize("activation", [nn.ReLU, nn.SiLU, nn.Hardswish, nn.GELU, nn.Sigmoid, nn.Tanh])
def test_shapes_are_those_of_the_kernels_of_pytorch(activation: type[nn.Module]) -> None:
    found = []
    for kernels in (ShapesOnly(), contextlib.nullcontext()):
        with torch.device("meta"), kernels:
            net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), activation())
            x = torch.empty(2, 3, 8, 8, requires_grad=True)
            output = net(x) * torch.empty(6) + 1
            output.sum().backward()
            tensors = [output, x.grad, *(each.grad for each in net.parameters())]
            found.append([(each.shape, each.dtype, each.device) for each in tensors])
    assert found[0] == found[1]


def test_shapes_that_do_not_fit_are_refused() -> None:
    with torch.device("meta"), ShapesOnly():
        with pytest.raises(RuntimeError, match="broadcast"):
            torch.empty(2, 3) + torch.empty(2, 4)
        with pytest.raises(AssertionError, match="does not fit in"):
            torch.empty(1, 3).add_(torch.empty(2, 3))
        with pytest.raises(RuntimeError, match="should contain 4 elements"):
            nn.BatchNorm2d(3)(torch.empty(2, 4, 8, 8))
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            nn.BatchNorm1d(3)(torch.empty(1, 3))
