"""Autoencoders: a picture or a row through a narrow code and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.layers.activations import Activation, activation_layer
from netyard.layers.codec import ConvDecoder, ConvEncoder, DenseDecoder, DenseEncoder
from netyard.layers.initialization import WeightInit
from netyard.ranges.bounds import Count, Ge, Length, Odd, OneOf, Probability
from netyard.ranges.signature import check

KINDS = ("dense", "convolutional")


class Autoencoder(nn.Module):
    """An encoder to ``latent_size`` numbers, and a decoder that is its mirror.

    (B, *input_shape) -> (B, *input_shape), in the normalised space of the input: the output is not squashed. Hinton &
    Salakhutdinov 2006. What makes it a denoising, a sparse or a contractive one is how it is learned: the task.

    Args:
        kind: ``dense`` has ``hidden_sizes`` and ``dropout``; ``convolutional`` has ``channels`` and ``kernel_size``.
        code_activation: of the code; ``sigmoid`` for the codes between 0 and 1 that KL sparsity needs.

    Raises:
        ArgumentError: an unknown kind, activation, code_activation or weight_init, a size below 1, a dropout outside
            [0, 1), a convolutional one of data that are no pictures.
    """

    def __init__(
        self,
        input_shape: Sequence[Count],
        latent_size: Count = 16,
        kind: Annotated[str, OneOf(KINDS)] = "dense",
        hidden_sizes: Sequence[Count] = (256, 128),
        channels: Annotated[Sequence[Count], Length(1)] = (32, 64),
        kernel_size: Annotated[int, Ge(1), Odd()] = 3,
        activation: Activation = "relu",
        code_activation: Activation = "identity",
        batch_norm: bool = False,
        dropout: Probability = 0.0,
        weight_init: WeightInit = "default",
    ) -> None:
        super().__init__()
        check(Autoencoder, locals(), "model")
        self.input_shape, self.latent_size = tuple(input_shape), latent_size
        rest: dict[str, Any] = {"activation": activation, "batch_norm": batch_norm, "weight_init": weight_init}
        self.encoder: nn.Module
        self.decoder: nn.Module
        if kind == "dense":
            rest["dropout"] = dropout
            self.encoder = DenseEncoder(input_shape, latent_size, hidden_sizes, **rest)
            self.decoder = DenseDecoder(latent_size, input_shape, hidden_sizes[::-1], **rest)
        else:
            if dropout:
                raise ArgumentError(
                    f"dropout is {dropout};",
                    "a convolutional autoencoder has none;",
                    "try model.dropout=0, or model.kind=dense.",
                )
            self.encoder = ConvEncoder(input_shape, latent_size, channels, kernel_size, **rest)
            self.decoder = ConvDecoder(latent_size, input_shape, channels[::-1], kernel_size, **rest)
        self.code_activation = activation_layer(code_activation)

    def encode(self, x: Tensor) -> Tensor:
        """(B, *input_shape) -> (B, latent_size)."""
        return self.code_activation(self.encoder(x))

    def decode(self, z: Tensor) -> Tensor:
        """(B, latent_size) -> (B, *input_shape)."""
        return self.decoder(z)

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))
