"""Autoencoders: shapes of codes and outputs for every variant and size."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from netyard.config.catalog import variants
from netyard.models.autoencoder import Autoencoder

NAMES = [name for name, node in variants().items() if node["_target_"].split(".")[2] == "autoencoder"]
# At pictures of 1 x 8 x 8, worked out below.
DENSE = (64 * 256 + 256) + (256 * 128 + 128) + (128 * 16 + 16) + (16 * 128 + 128) + (128 * 256 + 256) + (256 * 64 + 64)
CONVOLUTIONAL = (
    (9 * 32 + 32) + (9 * 32 * 64 + 64) + (256 * 16 + 16) + (16 * 256 + 256) + (9 * 64 * 32 + 32) + (9 * 32 + 1)
)
COUNTS = {
    "autoencoder": DENSE,
    "autoencoder_tiny": (64 * 32 + 32) + (32 * 8 + 8) + (8 * 32 + 32) + (32 * 64 + 64),
    "conv_autoencoder": CONVOLUTIONAL,
    "denoising_autoencoder": DENSE,
    "sparse_autoencoder": (64 * 128 + 128) + (128 * 64 + 64),
    "contractive_autoencoder": DENSE,
}


def build(name: str, channels: int = 1, side: int = 8) -> Autoencoder:
    """As a run would, of what the variant says of the net."""
    keys = {key: value for key, value in variants()[name].items() if key not in ("_target_", "defaults")}
    return Autoencoder(**{**keys, "input_shape": [channels, side, side]})


@pytest.mark.parametrize("shape", [(1, 8), (1, 28), (3, 32), (3, 64)], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_every_variant_at_every_size(name: str, shape: tuple[int, int]) -> None:
    channels, side = shape
    net = build(name, channels, side)
    x = torch.randn(2, channels, side, side)
    z = net.encode(x)
    assert z.shape == (2, net.latent_size)
    assert net.decode(z).shape == x.shape
    output = net(x)
    assert torch.equal(output, net.decode(net.encode(x))) and output.isfinite().all()
    output.square().sum().backward()
    assert [path for path, parameter in net.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("name", NAMES)
def test_parameter_counts_are_those_computed_by_hand(name: str) -> None:
    assert sum(parameter.numel() for parameter in build(name).parameters()) == COUNTS[name]


def test_tables_can_be_encoded() -> None:
    assert Autoencoder([5], 2)(torch.randn(3, 5)).shape == (3, 5)


def test_the_decoder_has_the_layers_of_the_encoder_in_reverse() -> None:
    net = Autoencoder([6], 2, hidden_sizes=[5, 4, 3])
    sizes = [(each.in_features, each.out_features) for each in net.modules() if isinstance(each, nn.Linear)]
    assert sizes == [(6, 5), (5, 4), (4, 3), (3, 2), (2, 3), (3, 4), (4, 5), (5, 6)]


def test_a_sigmoid_puts_codes_between_zero_and_one() -> None:
    x = 100 * torch.randn(50, 6)
    torch.manual_seed(0)
    plain = Autoencoder([6], 2)
    torch.manual_seed(0)
    shares = Autoencoder([6], 2, code_activation="sigmoid")
    assert torch.equal(shares.encode(x), plain.encode(x).sigmoid())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "convolution"}, r"kind is 'convolution'; .*dense, convolutional; try model\.kind=convolutional"),
        ({"code_activation": "sigmod"}, r"code_activation is 'sigmod'; .*try model\.code_activation=sigmoid"),
        ({"latent_size": 0}, "latent_size is 0"),
        ({"dropout": -1}, r"dropout is -1; .*try model\.dropout=0\.1"),
        ({"kind": "convolutional", "dropout": 0.5}, r"dropout is 0.5; a convolutional .*try model\.dropout=0, or"),
        ({"kind": "convolutional", "input_shape": [4]}, "convolutions need images"),
    ],
)
def test_an_error_message_has_three_parts(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Autoencoder(**{"input_shape": [1, 8, 8], **settings})
