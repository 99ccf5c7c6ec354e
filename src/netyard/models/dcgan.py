"""Convolutional generative adversarial networks: DCGAN, and what later papers changed in its discriminator."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import is_parametrized

from netyard.errors import ArgumentError
from netyard.ranges.bounds import Count, Length, OneOf
from netyard.ranges.signature import check

NORMS = ("batch", "layer", "spectral", "none")
LABELS = ("none", "input", "auxiliary")


class DCGAN(nn.Module):
    """``generator(z[, y]) -> (B, C, H, W)`` in [-1, 1]; ``discriminator(x[, y]) -> (B,)`` logits of being real.

    z: (B, latent_size). Radford et al. 2015, arXiv:1511.06434: strided convolutions in place of pooling, batch norm,
    weights drawn from N(0, 0.02). The picture is halved down to less than 8 pixels a side, twice at least.

    Args:
        channels: widths from the picture inwards, one a halving; a larger picture repeats the last.
        discriminator_norm: ``batch``; ``layer`` or ``none`` if a penalty needs single gradients (Gulrajani et
            al. 2017, arXiv:1704.00028); ``spectral`` (Miyato et al. 2018, arXiv:1802.05957).
        labels: ``none``; ``input``, both networks take them (Mirza & Osindero 2014, arXiv:1411.1784); ``auxiliary``,
            the discriminator classifies them, ``discriminator(x) -> (B,), (B, num_classes)`` (Odena et al. 2017,
            arXiv:1610.09585).

    Raises:
        ArgumentError: a picture that cannot be halved so, a size below 1, an unknown norm or use of labels.
    """

    def __init__(
        self,
        in_channels: Count,
        image_size: Count,
        num_classes: Count,
        latent_size: Count = 100,
        channels: Annotated[Sequence[Count], Length(1)] = (64, 128, 256, 512),
        discriminator_norm: Annotated[str, OneOf(NORMS)] = "batch",
        labels: Annotated[str, OneOf(LABELS)] = "none",
    ) -> None:
        super().__init__()
        check(DCGAN, locals(), "model")
        self.conditional = labels != "none"
        self.latent_size, self.input_shape = latent_size, (in_channels, image_size, image_size)
        halvings, side = halve(image_size)
        widths = [in_channels, *channels[:halvings], *[channels[-1]] * (halvings - len(channels))]
        seen = num_classes if labels == "input" else 0
        self.generator = Generator(latent_size, num_classes if self.conditional else 0, widths[::-1], side)
        self.discriminator = Discriminator(
            widths, side, discriminator_norm, seen, num_classes if labels == "auxiliary" else 0
        )
        self.apply(_initialize)


class Generator(nn.Module):
    """(B, latent_size), labels (B,) where there are any -> (B, C, H, W) in [-1, 1], doubled again and again."""

    def __init__(self, latent_size: int, num_classes: int, widths: Sequence[int], side: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.first = nn.Linear(latent_size + num_classes, widths[0] * side * side, bias=False)
        self.shape = (widths[0], side, side)
        blocks: list[nn.Module] = []
        for width, next_width in pairwise(widths[:-1]):
            blocks += [*_norm_relu(width), nn.ConvTranspose2d(width, next_width, 4, 2, 1, bias=False)]
        self.blocks = nn.Sequential(*blocks, *_norm_relu(widths[-2]))
        self.last = nn.ConvTranspose2d(widths[-2], widths[-1], 4, 2, 1)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        if self.num_classes and y is not None:
            z = torch.cat([z, F.one_hot(y, self.num_classes).to(z.dtype)], dim=1)
        return self.last(self.blocks(self.first(z).unflatten(1, self.shape))).tanh()


class Discriminator(nn.Module):
    """(B, C, H, W), labels (B,) where it sees any -> (B,) logits; with an auxiliary head, class logits (B, K) too."""

    def __init__(self, widths: Sequence[int], side: int, norm: str, num_classes: int, num_auxiliary: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        blocks: list[nn.Module] = []
        width = widths[0] + num_classes  # a map for each class: one for the label, zeros for the others
        for number, next_width in enumerate(widths[1:]):
            normed = norm in ("batch", "layer") and number > 0  # not the picture itself
            bias = not (normed and norm == "batch")
            blocks.append(_spectral(nn.Conv2d(width, next_width, 4, 2, 1, bias=bias), norm))
            if normed:
                blocks.append(nn.BatchNorm2d(next_width) if norm == "batch" else nn.GroupNorm(1, next_width))
            blocks.append(nn.LeakyReLU(0.2))
            width = next_width
        self.blocks = nn.Sequential(*blocks, nn.Flatten())
        self.head = _spectral(nn.Linear(width * side * side, 1), norm)
        self.auxiliary = nn.Linear(width * side * side, num_auxiliary) if num_auxiliary else None

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        if self.num_classes and y is not None:
            maps = F.one_hot(y, self.num_classes).to(x.dtype)[:, :, None, None]
            x = torch.cat([x, maps.expand(-1, -1, *x.shape[2:])], dim=1)
        features = self.blocks(x)
        logits = self.head(features)[:, 0]
        return logits if self.auxiliary is None else (logits, self.auxiliary(features))


def halve(image_size: int) -> tuple[int, int]:
    """How often a side is halved, and what is left: twice at least, then until it is below 8.

    Raises:
        ArgumentError: that is no whole number of at least 2.
    """
    halvings = 2
    while image_size >> halvings >= 8:
        halvings += 1
    side = image_size >> halvings
    if side < 2 or side << halvings != image_size:
        nearest = max(2, round(image_size / 2**halvings)) << halvings
        raise ArgumentError(
            f"image_size is {image_size};",
            "a picture is made from one of 2 to 7 pixels a side that is doubled twice or more often"
            " (8, 12, 16, 28, 32, 64);",
            f"try data whose pictures have {nearest}, or model=gan.",
        )
    return halvings, side


def _norm_relu(width: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(width), nn.ReLU()]


def _spectral(layer: nn.Module, norm: str) -> nn.Module:
    return spectral_norm(layer) if norm == "spectral" else layer


def _initialize(layer: nn.Module) -> None:
    if is_parametrized(layer):
        return  # the spectral norm takes the scale out anyway
    if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, std=0.02)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, mean=1.0, std=0.02)
