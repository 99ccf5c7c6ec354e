"""The variational autoencoder: a dense or convolutional encoder and decoder, conditional on the class or not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netyard.errors import ArgumentError
from netyard.layers.activations import Activation, activation_layer
from netyard.layers.dense import dense_layers
from netyard.ranges.bounds import Classes, Count, Length, OneOf
from netyard.ranges.signature import check

KINDS = ("dense", "convolutional")


class VAE(nn.Module):
    """(B, *input_shape) -> mean and log-variance of the code (B, latent_size); and a code -> each pixel's parameters.

    Kingma & Welling 2013, arXiv:1312.6114. With ``num_classes`` both parts are conditioned on the label: Sohn et al.
    2015, "Learning structured output representation using deep conditional generative models".

    Args:
        input_shape: (C, H, W); dense nets also take the (F,) of a table.
        latent_size: the numbers of a code.
        num_outputs_per_pixel: the parameters of the likelihood; all the first ones come before the second ones.
        kind: ``dense`` or ``convolutional``.
        hidden_sizes: of a dense encoder; its decoder has them in reverse.
        channels: of a convolutional encoder, which halves the picture with each; its decoder has them in reverse.
        num_classes: None for a net that is not conditional.
        gated: dense layers have gates in place of the activation, as Tomczak & Welling 2018, arXiv:1705.07120.
        log_variance_range: the least and the greatest log-variance of a code; None: unbounded. Theirs
            is (-6, 2). Without bounds, an image unlike the training data may get a variance of e^15.

    Raises:
        ArgumentError: a size below 1, an unknown kind or activation, a convolution without images or with
            gates, an empty range.
    """

    def __init__(
        self,
        input_shape: Sequence[Count],
        latent_size: Count,
        num_outputs_per_pixel: Count,
        kind: Annotated[str, OneOf(KINDS)] = "dense",
        hidden_sizes: Sequence[Count] = (256, 128),
        channels: Annotated[Sequence[Count], Length(1)] = (32, 64),
        num_classes: Classes | None = None,
        activation: Activation = "relu",
        gated: bool = False,
        log_variance_range: Annotated[Sequence[float], Length(2, 2)] | None = None,
    ) -> None:
        super().__init__()
        check(VAE, locals(), "model")
        self.input_shape, self.latent_size, self.num_classes = tuple(input_shape), latent_size, num_classes
        self.output_shape = (num_outputs_per_pixel * input_shape[0], *input_shape[1:])
        self.flat = kind == "dense"
        self.log_variance_range = None if log_variance_range is None else check_range(log_variance_range)
        if gated and not self.flat:
            raise ArgumentError(
                "gated is true and kind convolutional;",
                "dense layers have gates;",
                "try model.kind=dense.",
            )
        label_size = num_classes or 0
        if self.flat:
            sizes = [math.prod(input_shape) + label_size, *hidden_sizes]
            self.encoder = dense(sizes, 2 * latent_size, activation, gated)
            reverse = [latent_size + label_size, *reversed(hidden_sizes)]
            self.decoder = dense(reverse, math.prod(self.output_shape), activation, gated)
        else:
            check_image(self.input_shape)
            sides = halved(input_shape[1:], len(channels))
            features = channels[-1] * math.prod(sides[-1])
            down = downwards(input_shape[0] + label_size, channels, activation)
            self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(features, 2 * latent_size))
            up = upwards(channels, self.output_shape[0], sides, activation)
            lift = nn.Linear(latent_size + label_size, features)
            unfold = nn.Unflatten(1, (channels[-1], *sides[-1]))
            self.decoder = nn.Sequential(lift, activation_layer(activation), unfold, *up)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """The parameters (B, num_outputs_per_pixel * C, H, W) of the reconstruction of the posterior's mean."""
        return self.decode(self.encode(x, y)[0], y)

    def encode(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(B, *input_shape) and, of a conditional net, labels (B,) or shares (B, num_classes) -> two (B, latent_size).

        Raises:
            ArgumentError: a conditional net is called without labels.
        """
        mean, log_variance = self.encoder(self._with_label(x.flatten(1) if self.flat else x, y)).chunk(2, dim=1)
        return mean, log_variance if self.log_variance_range is None else log_variance.clamp(*self.log_variance_range)

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """(B, latent_size) and labels as in ``encode`` -> (B, num_outputs_per_pixel * C, H, W)."""
        return self.decoder(self._with_label(z, y)).reshape(-1, *self.output_shape)

    def _with_label(self, x: Tensor, y: Tensor | None) -> Tensor:
        """x with the label beside it: a number for each class, or a map where x has maps."""
        if self.num_classes is None:
            return x
        if y is None:
            raise ArgumentError(
                "this VAE was given no label;",
                f"it is conditional, on {self.num_classes} classes;",
                "give it y, or try model=vae.",
            )
        shares = (y if y.is_floating_point() else F.one_hot(y, self.num_classes)).to(x.dtype)
        return torch.cat([x, shares.reshape(*shares.shape, *[1] * (x.ndim - 2)).expand(-1, -1, *x.shape[2:])], dim=1)


def dense(sizes: Sequence[int], num_outputs: int, activation: str, gated: bool) -> nn.Sequential:
    """Hidden layers from size to size, and a linear output."""
    return nn.Sequential(*dense_layers(sizes, activation, gated=gated), nn.Linear(sizes[-1], num_outputs))


def downwards(in_channels: int, channels: Sequence[int], activation: str) -> list[nn.Module]:
    """Convolutions that halve the side, rounding up, with an activation after each."""
    layers: list[nn.Module] = []
    for width, next_width in zip([in_channels, *channels], channels, strict=False):
        layers += [nn.Conv2d(width, next_width, 3, stride=2, padding=1), activation_layer(activation)]
    return layers


def upwards(
    channels: Sequence[int], out_channels: int, sides: Sequence[tuple[int, ...]], activation: str
) -> list[nn.Module]:
    """Back through the sides that ``downwards`` made, with an activation between, to ``out_channels`` maps.

    Enlarged, then convolved: a transposed convolution leaves a checkerboard. Odena et al. 2016.
    """
    widths = [*reversed(channels), out_channels]
    layers: list[nn.Module] = []
    for width, next_width, side in zip(widths, widths[1:], reversed(sides[:-1]), strict=False):
        layers += [nn.Upsample(side), nn.Conv2d(width, next_width, 3, padding=1), activation_layer(activation)]
    return layers[:-1]  # the output is linear


def halved(side: Sequence[int], times: int) -> list[tuple[int, ...]]:
    """Height and width before and after each of so many halvings, rounded up."""
    sides = [tuple(side)]
    for _ in range(times):
        sides.append(tuple((each + 1) // 2 for each in sides[-1]))
    return sides


def check_range(log_variance_range: Sequence[float]) -> tuple[float, float]:
    """Return lower and upper bound; raise ArgumentError unless the lower one comes first and is smaller."""
    low, high = log_variance_range
    if not low < high:
        raise ArgumentError(
            f"log_variance_range is {list(log_variance_range)};",
            "it must be two numbers, the smaller one first;",
            "try model.log_variance_range=[-6,2].",
        )
    return low, high


def check_image(input_shape: Sequence[int]) -> None:
    """Raise ArgumentError unless the shape is that of an image."""
    if len(input_shape) != 3:
        raise ArgumentError(
            f"input_shape is {list(input_shape)};",
            "a convolution needs images (channels, height, width);",
            "try model=vae, or data=digits.",
        )
