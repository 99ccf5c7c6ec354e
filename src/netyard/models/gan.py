"""The original generative adversarial network: a generator and a discriminator, both multilayer perceptrons."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netyard.errors import ArgumentError
from netyard.layers.activations import Activation
from netyard.layers.dense import dense_layers
from netyard.models.weight_files import load_pretrained
from netyard.ranges.bounds import Count, Probability
from netyard.ranges.signature import check


class GAN(nn.Module):
    """``generator(z[, y]) -> (B, *input_shape)``; ``discriminator(x[, y]) -> (B,)`` logits of being real.

    z: (B, latent_size). Images (C, H, W) are in [-1, 1], rows of a table (F,) have no bounds. Goodfellow et al. 2014,
    arXiv:1406.2661; with ``conditional`` the input of both also has the one-hot label: Mirza & Osindero 2014,
    arXiv:1411.1784.

    Raises:
        ArgumentError: data other than images and tables, or without classes for a conditional net, a size below 1, a
            dropout outside [0, 1), an unknown activation.
    """

    def __init__(
        self,
        input_shape: Sequence[Count],
        num_classes: Count | None,
        latent_size: Count = 64,
        hidden_sizes: Sequence[Count] = (256, 256),
        activation: Activation = "leaky_relu",
        dropout: Probability = 0.0,
        batch_norm: bool = True,
        conditional: bool = False,
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        check(GAN, locals(), "model")
        if len(input_shape) not in (1, 3):
            raise ArgumentError(
                f"input_shape is {list(input_shape)};",
                "a GAN makes images, of channels, height and width, or rows of a table;",
                "try data=digits.",
            )
        self.latent_size, self.input_shape, self.conditional = latent_size, tuple(input_shape), conditional
        if conditional and num_classes is None:
            raise without_labels("model.conditional is true")
        labels = (num_classes or 0) if conditional else 0
        # Batch norm for the generator only: in the discriminator a sample's logit would depend on the other samples,
        # and batches of real and of generated images would have different statistics.
        self.generator = Generator(input_shape, labels, latent_size, hidden_sizes, activation, batch_norm)
        self.discriminator = Discriminator(input_shape, labels, hidden_sizes[::-1], activation, dropout)
        load_pretrained(self, pretrained)


class Generator(nn.Module):
    """(B, latent_size) and labels (B,) if conditional -> (B, *input_shape); images are in [-1, 1]."""

    def __init__(
        self,
        input_shape: Sequence[int],
        num_classes: Count,
        latent_size: int,
        hidden_sizes: Sequence[int],
        activation: str,
        batch_norm: bool,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        sizes = [latent_size + num_classes, *hidden_sizes, math.prod(input_shape)]
        self.layers = _perceptron(sizes, activation, batch_norm=batch_norm)
        self.shape = tuple(input_shape)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        made = self.layers(append_label(z, y, self.num_classes))
        # tanh, as real images are scaled to [-1, 1]; the columns of a table are standardised, without bounds.
        made = made.tanh() if len(self.shape) == 3 else made
        return made.unflatten(1, self.shape)  # (B, C * H * W) -> (B, C, H, W)


class Discriminator(nn.Module):
    """(B, *input_shape) and labels (B,) if conditional -> (B,) logits."""

    def __init__(
        self,
        input_shape: Sequence[int],
        num_classes: Count,
        hidden_sizes: Sequence[int],
        activation: str,
        dropout: float,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.layers = _perceptron([math.prod(input_shape) + num_classes, *hidden_sizes, 1], activation, dropout=dropout)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.layers(append_label(x.flatten(1), y, self.num_classes))[:, 0]  # (B, 1) -> (B,)


def append_label(x: Tensor, y: Tensor | None, num_classes: int) -> Tensor:
    """Append one-hot labels (B,) to x: (B, F) -> (B, F + num_classes); return x unchanged without classes."""
    if not num_classes or y is None:  # a net that is not conditional ignores labels
        return x
    return torch.cat([x, F.one_hot(y, num_classes).to(x.dtype)], dim=1)


def without_labels(given: str) -> ArgumentError:
    """Return the error of a net that needs classes, for data without any."""
    return ArgumentError(
        f"{given}, and the data have no classes;",
        "a conditional GAN needs the class of each sample, as of class folders or a column data.target;",
        "try model=dcgan or model=gan, or sort the images into class folders.",
    )


def _perceptron(sizes: Sequence[int], activation: str, batch_norm: bool = False, dropout: float = 0.0) -> nn.Sequential:
    # The last layer is linear, without norm and dropout: its outputs are logits, or go through tanh.
    return nn.Sequential(*dense_layers(sizes[:-1], activation, batch_norm, dropout), nn.Linear(sizes[-2], sizes[-1]))
