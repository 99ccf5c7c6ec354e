"""Convolutional generative adversarial networks: DCGAN, and discriminators of later papers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import is_parametrized

from netyard.errors import ArgumentError
from netyard.models.gan import without_labels
from netyard.models.weight_files import load_pretrained
from netyard.ranges.bounds import Count, Length, OneOf
from netyard.ranges.image_size import ImageSize, height_and_width
from netyard.ranges.signature import check

Size = tuple[int, int]
"""Height and width."""

NORMS = ("batch", "layer", "spectral", "none")
LABELS = ("none", "input", "auxiliary")


class DCGAN(nn.Module):
    """``generator(z[, y]) -> (B, C, H, W)`` in [-1, 1]; ``discriminator(x[, y]) -> (B,)`` logits of being real.

    z: (B, latent_size). Radford et al. 2015, arXiv:1511.06434: strided convolutions in place of pooling, batch norm,
    weights drawn from N(0, 0.02). The image is halved until its shorter side has less than 8 pixels, at least twice;
    half of an odd side is rounded down.

    Args:
        image_size: the side of squares, or height and width.
        num_classes: of the data; None: they have none.
        channels: numbers of channels after each halving, starting at the image; the last one is repeated for a larger
            image.
        discriminator_norm: ``batch``; ``layer`` or ``none`` for a gradient penalty, which needs the gradient of each
            sample alone (Gulrajani et al. 2017, arXiv:1704.00028); ``spectral`` (Miyato et al. 2018,
            arXiv:1802.05957).
        labels: ``none``; ``input``, both networks take them (Mirza & Osindero 2014, arXiv:1411.1784); ``auxiliary``,
            the discriminator classifies them, ``discriminator(x) -> (B,), (B, num_classes)`` (Odena et al. 2017,
            arXiv:1610.09585).

    Raises:
        ArgumentError: a side below 8, a size below 1, an unknown norm or use of labels, labels of data without classes.
    """

    def __init__(
        self,
        in_channels: Count,
        image_size: ImageSize,
        num_classes: Count | None,
        latent_size: Count = 100,
        channels: Annotated[Sequence[Count], Length(1)] = (64, 128, 256, 512),
        discriminator_norm: Annotated[str, OneOf(NORMS)] = "batch",
        labels: Annotated[str, OneOf(LABELS)] = "none",
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        check(DCGAN, locals(), "model")
        self.conditional = labels != "none"
        if self.conditional and num_classes is None:
            raise without_labels(f"model.labels is {labels}")
        size, num_classes = height_and_width(image_size), num_classes or 0
        self.latent_size, self.input_shape = latent_size, (in_channels, *size)
        sizes = halve(size)
        halvings = len(sizes) - 1
        # A smaller image uses the first widths only, a larger one repeats the last.
        widths = [in_channels, *channels[:halvings], *[channels[-1]] * (halvings - len(channels))]
        # The generator of an ACGAN needs the label as an input too; its discriminator predicts it instead.
        num_inputs = num_classes if labels == "input" else 0
        num_auxiliary = num_classes if labels == "auxiliary" else 0
        self.generator = Generator(latent_size, num_classes if self.conditional else 0, widths[::-1], sizes[::-1])
        self.discriminator = Discriminator(widths, sizes[-1], discriminator_norm, num_inputs, num_auxiliary)
        self.apply(_initialize)
        load_pretrained(self, pretrained)


class Generator(nn.Module):
    """(B, latent_size) and labels (B,) if conditional -> (B, C, H, W) in [-1, 1], by transposed convolutions."""

    def __init__(self, latent_size: int, num_classes: int, widths: Sequence[int], sizes: Sequence[Size]) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.first = nn.Linear(
            latent_size + num_classes, widths[0] * math.prod(sizes[0]), bias=False
        )  # batch norm follows
        self.shape = (widths[0], *sizes[0])
        blocks: list[nn.Module] = []
        # Kernel 4, stride 2, padding 1 doubles a side exactly: (n - 1) * 2 - 2 + 4 = 2 n, and one more pixel is added
        # for an odd side. A kernel size that is a multiple of the stride covers all pixels equally often, which
        # weakens checkerboard patterns.
        added = [(high - 2 * low, wide - 2 * narrow) for (low, narrow), (high, wide) in pairwise(sizes)]
        for (width, next_width), more in zip(pairwise(widths[:-1]), added, strict=False):
            blocks += [*_norm_relu(width), nn.ConvTranspose2d(width, next_width, 4, 2, 1, more, bias=False)]
        self.blocks = nn.Sequential(*blocks, *_norm_relu(widths[-2]))
        # No batch norm on the output, which would fix its mean and scale; section 3 of Radford et al.
        self.last = nn.ConvTranspose2d(widths[-2], widths[-1], 4, 2, 1, added[-1])

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        if self.num_classes and y is not None:
            z = torch.cat([z, F.one_hot(y, self.num_classes).to(z.dtype)], dim=1)  # (B, latent_size + num_classes)
        # (B, widths[0], h, w) -> (B, C, H, W); tanh, as real images are scaled to [-1, 1].
        return self.last(self.blocks(self.first(z).unflatten(1, self.shape))).tanh()


class Discriminator(nn.Module):
    """(B, C, H, W) and labels (B,) if conditional -> (B,) logits; with an auxiliary head also (B, num_classes)."""

    def __init__(self, widths: Sequence[int], size: Size, norm: str, num_classes: int, num_auxiliary: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        blocks: list[nn.Module] = []
        width = widths[0] + num_classes  # one channel for each class: ones for the label, zeros for the others
        for number, next_width in enumerate(widths[1:]):
            # No norm in the first layer: it would remove brightness and contrast of the image; section 3 of the paper.
            normed = norm in ("batch", "layer") and number > 0
            bias = not (normed and norm == "batch")
            blocks.append(_spectral(nn.Conv2d(width, next_width, 4, 2, 1, bias=bias), norm))
            if normed:
                # One group is a layer norm over channels, height and width of a sample.
                blocks.append(nn.BatchNorm2d(next_width) if norm == "batch" else nn.GroupNorm(1, next_width))
            blocks.append(nn.LeakyReLU(0.2))  # the slope of Radford et al., section 4
            width = next_width
        self.blocks = nn.Sequential(*blocks, nn.Flatten())
        features = width * math.prod(size)
        self.head = _spectral(nn.Linear(features, 1), norm)
        self.auxiliary = nn.Linear(features, num_auxiliary) if num_auxiliary else None

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        if self.num_classes and y is not None:
            maps = F.one_hot(y, self.num_classes).to(x.dtype)[:, :, None, None]  # (B, num_classes, 1, 1)
            x = torch.cat([x, maps.expand(-1, -1, *x.shape[2:])], dim=1)  # (B, C + num_classes, H, W)
        features = self.blocks(x)  # (B, width * h * w)
        logits = self.head(features)[:, 0]
        return logits if self.auxiliary is None else (logits, self.auxiliary(features))


def halve(size: Size) -> list[Size]:
    """Return height and width before and after each halving, rounded down: at least two, until a side is below 8.

    Raises:
        ArgumentError: the shorter side ends below 2.
    """
    sizes = [size]
    # With a single one an 8x8 image would be made from 4x4 by one layer.
    while len(sizes) < 3 or min(sizes[-1]) >= 8:
        height, width = sizes[-1]
        sizes.append((height // 2, width // 2))
    if min(sizes[-1]) < 2:
        raise ArgumentError(
            f"images have {size[1]} x {size[0]} pixels;",
            "an image is made from a map of 2 to 7 pixels a side that is doubled at least twice, so 8 or more;",
            "try model=gan.",
        )
    return sizes


def _norm_relu(width: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(width), nn.ReLU()]


def _spectral(layer: nn.Module, norm: str) -> nn.Module:
    return spectral_norm(layer) if norm == "spectral" else layer


def _initialize(layer: nn.Module) -> None:
    if is_parametrized(layer):
        return  # the spectral norm divides the weight by its largest singular value, so that its scale has no effect
    if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, std=0.02)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    elif isinstance(layer, nn.BatchNorm2d):  # as in the authors' code; the paper does not mention it
        nn.init.normal_(layer.weight, mean=1.0, std=0.02)
