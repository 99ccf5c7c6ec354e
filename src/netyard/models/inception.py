"""Inception v2 (BN-Inception), which neither timm nor torchvision has."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from netyard.ranges.bounds import Count, Probability
from netyard.ranges.signature import check

# Ioffe & Szegedy 2015, figure 5; one row for each module. Columns: 1x1, 3x3 reduce, 3x3, double 3x3 reduce, double
# 3x3, pool, pool projection. A module without a 1x1 branch halves the map, and its pool branch has no projection.
_TABLE: dict[str, tuple[int, int, int, int, int, str, int]] = {
    "3a": (64, 64, 64, 64, 96, "avg", 32),
    "3b": (64, 64, 96, 64, 96, "avg", 64),
    "3c": (0, 128, 160, 64, 96, "max", 0),
    "4a": (224, 64, 96, 96, 128, "avg", 128),
    "4b": (192, 96, 128, 96, 128, "avg", 128),
    "4c": (160, 128, 160, 128, 160, "avg", 128),
    "4d": (96, 128, 192, 160, 192, "avg", 128),
    "4e": (0, 128, 192, 192, 256, "max", 0),
    "5a": (352, 192, 320, 160, 224, "avg", 128),
    "5b": (352, 192, 320, 192, 224, "max", 128),
}


class BNInception(nn.Module):
    """Inception with batch normalisation after every convolution, and 5x5 branches as two 3x3.

    (B, in_channels, H, W) -> (B, num_outputs) logits, H and W any size from 1. Ioffe & Szegedy 2015,
    arXiv:1502.03167. Convolutions keep their biases, as in the authors' Caffe model: 11,295,240 parameters at
    1000 classes.

    Raises:
        ArgumentError: a size below 1, or a dropout outside [0, 1).
    """

    def __init__(self, num_outputs: Count, in_channels: Count, dropout: Probability = 0.0) -> None:
        super().__init__()
        check(BNInception, locals(), "model")
        # The stem of GoogLeNet: together with its two pools it divides the side by 8 before the first module.
        self.conv1 = ConvBlock(in_channels, 64, kernel_size=7, stride=2)
        self.pool1 = HalvingMaxPool()
        self.conv2_reduce = ConvBlock(64, 64, kernel_size=1)
        self.conv2 = ConvBlock(64, 192, kernel_size=3)
        self.pool2 = HalvingMaxPool()
        self.inception = nn.ModuleDict()
        width = 192
        for name, row in _TABLE.items():
            module = InceptionModule(width, *row)
            self.inception[name] = module
            width = module.out_channels
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(width, num_outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool1(self.conv1(x))  # (B, 64, H/4, W/4)
        x = self.pool2(self.conv2(self.conv2_reduce(x)))  # (B, 192, H/8, W/8)
        for module in self.inception.values():
            x = module(x)  # 3c and 4e halve H and W: (B, 1024, H/32, W/32) after the last
        x = self.pool(x).flatten(1)  # (B, 1024)
        return self.fc(self.dropout(x))


class InceptionModule(nn.Module):
    """Parallel branches: (B, C, H, W) -> (B, out_channels, H, W), or half of H and W, rounded up."""

    def __init__(
        self,
        in_channels: int,
        one: int,
        three_reduce: int,
        three: int,
        double_reduce: int,
        double: int,
        pool: str,
        projection: int,
    ) -> None:
        super().__init__()
        stride = 1 if one else 2
        # 1x1 convolutions before the 3x3 ones reduce the channels, and with them the cost ("reduce" in the table).
        self.one = ConvBlock(in_channels, one, kernel_size=1) if one else None
        self.three = nn.Sequential(
            ConvBlock(in_channels, three_reduce, kernel_size=1),
            ConvBlock(three_reduce, three, kernel_size=3, stride=stride),
        )
        # Two 3x3 convolutions see 5x5 pixels with 18 weights instead of 25, and an activation in between.
        self.two_threes = nn.Sequential(
            ConvBlock(in_channels, double_reduce, kernel_size=1),
            ConvBlock(double_reduce, double, kernel_size=3),
            ConvBlock(double, double, kernel_size=3, stride=stride),
        )
        if stride == 2:
            self.pool: nn.Module = HalvingMaxPool()
        elif pool == "max":
            self.pool = nn.MaxPool2d(3, stride=1, padding=1)
        else:
            self.pool = nn.AvgPool2d(3, stride=1, padding=1)
        self.projection = ConvBlock(in_channels, projection, kernel_size=1) if projection else nn.Identity()
        self.out_channels = one + three + double + (projection or in_channels)  # without projection all channels pass

    def forward(self, x: Tensor) -> Tensor:
        branches = [self.three(x), self.two_threes(x), self.projection(self.pool(x))]
        if self.one is not None:
            branches.insert(0, self.one(x))  # in the order of the columns, as published weights need it
        return torch.cat(branches, dim=1)


class ConvBlock(nn.Module):
    """Convolution that keeps the size of the map (or divides it by the stride), batch norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2)
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)  # in place, to save the memory of one map


class HalvingMaxPool(nn.Module):
    """3x3 max pool of stride 2, (B, C, H, W) -> (B, C, ceil(H/2), ceil(W/2)), for outputs of a ReLU.

    For even sides it is the published pool (ceil mode, no padding). For odd sides that pool would give one pixel less
    than the strided convolutions of the other branches. Zeros as padding do not change a maximum of outputs of a ReLU.
    """

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        # Left and top without padding, right and bottom with 1 pixel, or 2 if the side is odd.
        return F.max_pool2d(F.pad(x, (0, 1 + width % 2, 0, 1 + height % 2)), kernel_size=3, stride=2)
