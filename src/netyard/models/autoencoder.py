"""Autoencoders: networks that compress an image or a table row to a short code and reconstruct it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.layers.activations import Activation, activation_layer
from netyard.layers.codec import ConvDecoder, ConvEncoder, DenseDecoder, DenseEncoder
from netyard.layers.initialization import WeightInit
from netyard.models.weight_files import load_pretrained
from netyard.ranges.bounds import Count, Ge, Length, Odd, OneOf, Probability
from netyard.ranges.signature import check

KINDS = ("dense", "convolutional")


class Autoencoder(nn.Module):
    """An encoder to ``latent_size`` numbers, and a decoder with the same layers in reverse.

    (B, *input_shape) -> (B, *input_shape), in the units of the normalised input: the output has no activation. Hinton &
    Salakhutdinov 2006. Denoising, sparse and contractive autoencoders are the same network with another task.

    Args:
        kind: ``dense`` uses ``hidden_sizes`` and ``dropout``; ``convolutional`` uses ``channels`` and ``kernel_size``.
        code_activation: after the encoder; ``sigmoid`` for codes between 0 and 1, which KL sparsity needs.

    Raises:
        ArgumentError: an unknown kind, activation, code_activation or weight_init, a size below 1, a dropout outside
            [0, 1), a convolutional autoencoder of data other than images.
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
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        check(Autoencoder, locals(), "model")
        self.input_shape, self.latent_size = tuple(input_shape), latent_size  # read by the task
        rest: dict[str, Any] = {"activation": activation, "batch_norm": batch_norm, "weight_init": weight_init}
        self.encoder: nn.Module
        self.decoder: nn.Module
        if kind == "dense":
            rest["dropout"] = dropout
            self.encoder = DenseEncoder(input_shape, latent_size, hidden_sizes, **rest)
            self.decoder = DenseDecoder(latent_size, input_shape, hidden_sizes[::-1], **rest)
        else:
            # Refused instead of ignored: a run whose config says dropout must have some.
            if dropout:
                raise ArgumentError(
                    f"dropout is {dropout};",
                    "a convolutional autoencoder has no dropout;",
                    "try model.dropout=0, or model.kind=dense.",
                )
            self.encoder = ConvEncoder(input_shape, latent_size, channels, kernel_size, **rest)
            self.decoder = ConvDecoder(latent_size, input_shape, channels[::-1], kernel_size, **rest)
        # Linear by default: a code need not be bounded, and PCA's is not either.
        self.code_activation = activation_layer(code_activation)
        load_pretrained(self, pretrained)

    def encode(self, x: Tensor) -> Tensor:
        """(B, *input_shape) -> (B, latent_size)."""
        return self.code_activation(self.encoder(x))

    def decode(self, z: Tensor) -> Tensor:
        """(B, latent_size) -> (B, *input_shape)."""
        return self.decoder(z)

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))
