"""Fit a network made for 224x224 photographs to small images, keeping what its weights know.

An ImageNet network halves its input five times; an 8x8 digit would be one pixel after three. Two things help:
the early layers that halve are made to keep the size (``keep_early_size``), and a linear layer that would
read the same pixel many times is made to read it once (``fold_repeated_pool``). Neither knows any
architecture: the paths of the layers are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

TOTAL_STRIDE = 32  # of every ImageNet network here: five halvings, 224 -> 7
SMALLEST_MAP = 4  # pixels a side that the last map keeps, as CIFAR networks do (32 -> 4)


def num_kept(image_size: int, num_early: int) -> int:
    """How many early halvings to undo, so that the last map has ``SMALLEST_MAP`` pixels a side, or all.

    224 -> 0, 64 -> 1, 32 and 28 -> 2: at 32 a ResNet then is the CIFAR one, a 3x3 stem of stride 1 without
    pool.
    """
    kept = 0
    while kept < num_early and -(-image_size * 2**kept // TOTAL_STRIDE) < SMALLEST_MAP:
        kept += 1
    return kept


def keep_early_size(network: nn.Module, paths: Sequence[str], shrink_weights: bool = False) -> None:
    """Make each layer, given by its path, keep the size of its input.

    A pool becomes the identity; a convolution gets stride 1, and a kernel wider than 5 becomes 3x3. Its new
    weights are drawn afresh, or, with ``shrink_weights``, are the old kernel scaled down as the image is.
    """
    for path in paths:
        layer = network.get_submodule(path)
        if not isinstance(layer, nn.Conv2d):
            network.set_submodule(path, nn.Identity())
        elif layer.kernel_size[0] <= 5:
            layer.stride = (1, 1)
        else:
            network.set_submodule(path, _three_by_three(layer, shrink_weights))


def _three_by_three(layer: nn.Conv2d, shrink_weights: bool) -> nn.Conv2d:
    bias = layer.bias is not None
    small = nn.Conv2d(layer.in_channels, layer.out_channels, kernel_size=3, padding=1, bias=bias)
    nn.init.kaiming_normal_(small.weight, mode="fan_out", nonlinearity="relu")
    if shrink_weights:
        with torch.no_grad():
            # The sum of a kernel is its answer to a flat area; it must not change with the number of taps.
            taps = layer.weight.shape[-1] ** 2 / 9
            shrunk = F.interpolate(layer.weight, (3, 3), mode="bilinear", align_corners=False, antialias=True)
            small.weight.copy_(shrunk * taps)
            if layer.bias is not None:
                cast(Tensor, small.bias).copy_(layer.bias)
    return small


def fold_repeated_pool(network: nn.Module, pool_path: str, linear_path: str, in_channels: int, image_size: int) -> None:
    """Fold a pool that enlarges its map into the linear layer behind it. The function stays the same.

    VGG and AlexNet pool to 7x7 and 6x6, whatever comes. A map smaller than that is only repeated: VGG's first
    linear layer would read one pixel 49 times through 103 million weights. Its weights, summed over the
    repeats, do the same.
    """
    pool = cast(nn.AdaptiveAvgPool2d, network.get_submodule(pool_path))
    linear = cast(nn.Linear, network.get_submodule(linear_path))
    height, width = cast("tuple[int, int]", pool.output_size)
    side = _input_side(network, pool, in_channels, image_size)
    if side >= height:
        return
    with torch.no_grad():
        # Row i of `spread` is where pixel i of the small map goes in the large one.
        pixels = torch.eye(side * side).view(side * side, 1, side, side)
        spread = F.adaptive_avg_pool2d(pixels, (height, width)).flatten(1).to(linear.weight.device)
        weight = linear.weight.unflatten(1, (-1, height * width)) @ spread.T
        linear.weight = nn.Parameter(weight.flatten(1))
    linear.in_features = linear.weight.shape[1]
    network.set_submodule(pool_path, nn.AdaptiveAvgPool2d((side, side)))


def _input_side(network: nn.Module, layer: nn.Module, in_channels: int, image_size: int) -> int:
    """The side of the map that reaches a layer."""
    sides: list[int] = []
    hook = layer.register_forward_pre_hook(partial(_record_side, sides))
    # On the meta device shapes are worked out without arithmetic: VGG's features would take seconds.
    shapes = {name: torch.empty_like(tensor, device="meta") for name, tensor in network.state_dict().items()}
    image = torch.empty(2, in_channels, image_size, image_size, device="meta")
    functional_call(network, shapes, (image,))
    hook.remove()
    return sides[0]


def _record_side(sides: list[int], _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    sides.append(inputs[0].shape[-1])
