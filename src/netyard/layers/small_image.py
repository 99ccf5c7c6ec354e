"""Adapt a network made for 224x224 images to small images, and keep its trained weights.

An ImageNet network halves its input five times; an 8x8 digit would be one pixel after three. There are two changes:
early layers with a stride of 2 get a stride of 1 (``keep_early_size``), and a linear layer that would read the same
pixel many times reads it once (``fold_repeated_pool``). Both work for any architecture, by the paths of its layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

Size = tuple[int, int]
"""Height and width."""

TOTAL_STRIDE = 32  # of every ImageNet network here: five halvings, 224 -> 7
SMALLEST_MAP = 4  # pixels a side that the last map keeps, as CIFAR networks do (32 -> 4)


def num_kept(side: int, num_early: int) -> int:
    """Return how many early halvings to remove so that the last map has ``SMALLEST_MAP`` pixels a side, or all.

    ``side`` is the shorter one of the image.

    224 -> 0, 64 -> 1, 32 and 28 -> 2: at 32 a ResNet is then that of He et al. for CIFAR, with a 3x3 stem of stride 1
    and without a pool.
    """
    kept = 0
    # -(-a // b) is the division rounded up: strided convolutions with padding round up.
    while kept < num_early and -(-side * 2**kept // TOTAL_STRIDE) < SMALLEST_MAP:
        kept += 1
    return kept


def keep_early_size(network: nn.Module, paths: Sequence[str], shrink_weights: bool = False) -> None:
    """Change each of the layers so that its output has the size of its input.

    A pool becomes the identity; a convolution gets stride 1, and a kernel larger than 5 becomes 3x3. Its weights are
    initialised again, or with ``shrink_weights`` are the old kernel, resized as an image.
    """
    for path in paths:
        layer = network.get_submodule(path)
        if not isinstance(layer, nn.Conv2d):
            network.set_submodule(path, nn.Identity())
        elif layer.kernel_size[0] <= 5:
            layer.stride = (1, 1)
        else:  # the 7x7 of a ResNet: it would see most of an 8x8 image at once
            network.set_submodule(path, _three_by_three(layer, shrink_weights))


def _three_by_three(layer: nn.Conv2d, shrink_weights: bool) -> nn.Conv2d:
    bias = layer.bias is not None
    small = nn.Conv2d(layer.in_channels, layer.out_channels, kernel_size=3, padding=1, bias=bias)
    nn.init.kaiming_normal_(small.weight, mode="fan_out", nonlinearity="relu")
    if shrink_weights:
        with torch.no_grad():
            # A constant area gives the sum of the kernel, which must stay the same with fewer elements. Interpolation
            # keeps their mean, hence the factor.
            taps = layer.weight.shape[-1] ** 2 / 9
            shrunk = F.interpolate(layer.weight, (3, 3), mode="bilinear", align_corners=False, antialias=True)
            small.weight.copy_(shrunk * taps)
            if layer.bias is not None:
                cast(Tensor, small.bias).copy_(layer.bias)
    return small


def fold_repeated_pool(
    network: nn.Module, pool_path: str, linear_path: str, in_channels: int, image_size: Size
) -> None:
    """Merge a pool that enlarges its input with the linear layer after it; the network computes the same function.

    VGG and AlexNet pool any map to 7x7 and 6x6. The pixels of a smaller map are only repeated: VGG's first linear
    layer would read one pixel 49 times, with 103 million weights. The sum of the weights of all copies of a pixel gives
    the same output.
    """
    pool = cast(nn.AdaptiveAvgPool2d, network.get_submodule(pool_path))
    linear = cast(nn.Linear, network.get_submodule(linear_path))
    height, width = cast("tuple[int, int]", pool.output_size)
    given = _input_size(network, pool, in_channels, image_size)
    low, narrow = min(given[0], height), min(given[1], width)  # what the pool does not enlarge
    if (low, narrow) == (height, width):
        return
    with torch.no_grad():
        # The pool is linear. Applied to unit images it gives its matrix: row i holds the share of pixel i in each
        # pixel of the large map.
        pixels = torch.eye(low * narrow).view(low * narrow, 1, low, narrow)
        matrix = F.adaptive_avg_pool2d(pixels, (height, width)).flatten(1).to(linear.weight.device)  # (h * w, H * W)
        weight = linear.weight.unflatten(1, (-1, height * width)) @ matrix.T  # (outputs, channels, h * w)
        linear.weight = nn.Parameter(weight.flatten(1))
    linear.in_features = linear.weight.shape[1]
    network.set_submodule(pool_path, nn.AdaptiveAvgPool2d((low, narrow)))


def _input_size(network: nn.Module, layer: nn.Module, in_channels: int, image_size: Size) -> Size:
    """Return height and width of the map that is the input of a layer."""
    sizes: list[Size] = []
    hook = layer.register_forward_pre_hook(partial(_record_size, sizes))
    # The meta device computes shapes only; VGG's convolutions would take seconds on the CPU.
    shapes = {name: torch.empty_like(tensor, device="meta") for name, tensor in network.state_dict().items()}
    image = torch.empty(2, in_channels, *image_size, device="meta")  # batch norm in training needs two
    functional_call(network, shapes, (image,))
    hook.remove()
    return sizes[0]


def _record_size(sizes: list[Size], _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    sizes.append((inputs[0].shape[-2], inputs[0].shape[-1]))
