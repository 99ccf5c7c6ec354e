"""The VQ-VAE: an autoencoder whose code is a small map of indices into a codebook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

from torch import Tensor, nn

from netyard.layers.activations import Activation, activation_layer
from netyard.layers.quantizer import Quantized, Quantizer
from netyard.models.vae import check_image, downwards, halved, upwards
from netyard.models.weight_files import load_pretrained
from netyard.ranges.bounds import Classes, Count, Length, Part
from netyard.ranges.signature import check


class Described(NamedTuple):
    """A reconstruction and the output of the quantizer."""

    output: Tensor  # (B, C, H, W)
    quantized: Quantized


class VQVAE(nn.Module):
    """(B, *input_shape) -> ``Described``. van den Oord, Vinyals & Kavukcuoglu 2017, arXiv:1711.00937.

    Args:
        input_shape: (C, H, W).
        channels: of the encoder, each layer of which halves the map; the decoder has them in reverse.
        codebook_size, embedding_size, ema, decay: see ``Quantizer``.

    Raises:
        ArgumentError: a size below 1, an unknown activation, data other than images, a decay outside (0, 1).
    """

    def __init__(
        self,
        input_shape: Sequence[Count],
        channels: Annotated[Sequence[Count], Length(1)] = (32, 64),
        codebook_size: Classes = 128,
        embedding_size: Count = 16,
        ema: bool = True,
        decay: Part = 0.95,
        activation: Activation = "relu",
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        check(VQVAE, locals(), "model")
        check_image(input_shape)
        self.input_shape = tuple(input_shape)
        sides = halved(input_shape[1:], len(channels))
        self.codebook_size, self.code_shape = codebook_size, sides[-1]  # a code is (h, w) indices
        self.quantizer = Quantizer(codebook_size, embedding_size, ema, decay)
        down = downwards(input_shape[0], channels, activation)
        # Batch norm before the quantizer: without it the outputs of the encoder can grow faster than the codes follow,
        # and most codes are never used. Lancucki et al. 2020, arXiv:2005.08520. Not affine, for the same reason.
        norm = nn.BatchNorm2d(embedding_size, affine=False)
        self.encoder = nn.Sequential(*down, nn.Conv2d(channels[-1], embedding_size, 1), norm)
        up = upwards(channels, input_shape[0], sides, activation)
        # Codes are short (D = 16), the maps of the decoder are not; 1x1 and 3x3 convolutions convert between them.
        lift = nn.Conv2d(embedding_size, channels[-1], 3, padding=1)
        self.decoder = nn.Sequential(lift, activation_layer(activation), *up)
        load_pretrained(self, pretrained)

    def forward(self, x: Tensor) -> Described:
        quantized = self.quantizer(self.encoder(x))  # of maps (B, embedding_size, h, w)
        return Described(self.decoder(quantized.output), quantized)

    def decode(self, codes: Tensor) -> Tensor:
        """Return images (B, *input_shape) of codes (B, *code_shape), int64."""
        return self.decoder(self.quantizer.look_up(codes))
