"""Encoders and decoders: every size of picture, mirrored exactly, counted by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from netyard.layers.codec import ConvDecoder, ConvEncoder, DenseDecoder, DenseEncoder, map_sizes

SHAPES = [(1, 8, 8), (3, 8, 8), (1, 28, 28), (3, 32, 32), (3, 64, 64), (2, 9, 14), (1, 1, 5)]


def count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.mark.parametrize("shape", [*SHAPES, (5,), (8, 3)], ids=str)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_shapes_of_dense_codes_and_outputs(shape: tuple[int, ...], batch_norm: bool) -> None:
    settings = {"activation": "tanh", "batch_norm": batch_norm, "dropout": 0.1, "weight_init": "xavier_uniform"}
    encoder, decoder = DenseEncoder(shape, 3, [7, 4], **settings), DenseDecoder(3, shape, [4, 7], **settings)
    z = encoder(torch.randn(2, *shape))
    x = decoder(z)
    assert z.shape == (2, 3) and x.shape == (2, *shape)
    x.square().sum().backward()
    for net in (encoder, decoder):
        assert all(parameter.grad is not None for parameter in net.parameters())


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("channels", [[4], [4, 6], [4, 6, 8, 10]], ids=str)
@pytest.mark.parametrize("kernel_size", [3, 5])
def test_shapes_of_convolutional_codes_and_outputs(
    shape: tuple[int, ...], channels: list[int], kernel_size: int
) -> None:
    encoder = ConvEncoder(shape, 3, channels, kernel_size)
    decoder = ConvDecoder(3, shape, channels[::-1], kernel_size)
    z = encoder(torch.randn(2, *shape))
    x = decoder(z)
    assert z.shape == (2, 3) and x.shape == (2, *shape)
    x.square().sum().backward()
    for net in (encoder, decoder):
        assert all(parameter.grad is not None for parameter in net.parameters())


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((8, 8), [(8, 8), (4, 4), (2, 2), (2, 2)]),
        ((28, 28), [(28, 28), (14, 14), (7, 7), (4, 4)]),
        ((9, 14), [(9, 14), (5, 7), (3, 4), (3, 4)]),
        ((3, 3), [(3, 3)] * 4),
    ],
)
def test_maps_are_halved_while_they_are_large_enough(size: tuple[int, int], wanted: list[tuple[int, int]]) -> None:
    assert map_sizes(size, 3) == wanted
    encoder = ConvEncoder((1, *size), 2, [3, 3, 3])
    x, seen = torch.zeros(1, 1, *size), []
    for block in encoder.blocks:
        x = block(x)
        seen.append(tuple(x.shape[2:]))
    assert seen == wanted[1:]


def test_dense_counts_by_hand() -> None:
    assert count(DenseEncoder((1, 8, 8), 3, [10, 5])) == (64 * 10 + 10) + (10 * 5 + 5) + (5 * 3 + 3)
    assert count(DenseDecoder(3, (1, 8, 8), [5, 10])) == (3 * 5 + 5) + (5 * 10 + 10) + (10 * 64 + 64)
    # Batch norm brings a scale and a shift, and takes the bias.
    assert count(DenseEncoder((4,), 3, [10], batch_norm=True)) == 40 + 20 + 33
    assert count(DenseEncoder((4,), 3, [])) == 15


def test_convolutional_counts_by_hand() -> None:
    # 8 -> 4 -> 2: convolutions 1 -> 4 -> 6, and a map of 6 x 2 x 2.
    assert count(ConvEncoder((1, 8, 8), 3, [4, 6])) == (9 * 4 + 4) + (9 * 4 * 6 + 6) + (24 * 3 + 3)
    assert count(ConvDecoder(3, (1, 8, 8), [6, 4])) == (3 * 24 + 24) + (9 * 6 * 4 + 4) + (9 * 4 + 1)
    assert count(ConvEncoder((1, 8, 8), 3, [4], batch_norm=True)) == 36 + 8 + (64 * 3 + 3)


def test_outputs_have_no_activation() -> None:
    torch.manual_seed(0)
    for decoder in (DenseDecoder(3, (1, 8, 8)), ConvDecoder(3, (1, 8, 8))):
        x = decoder(50 * torch.randn(20, 3))
        assert x.min() < -1 and x.max() > 1


PICTURE: dict[str, Any] = {"input_shape": (1, 8, 8), "latent_size": 2}


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (DenseEncoder, {"latent_size": 0}, r"latent_size is 0; .*at least 1"),
        (DenseEncoder, {"hidden_sizes": [4, -1]}, r"hidden_sizes is -1; .*at least 1; try model\.hidden_sizes=\["),
        (DenseEncoder, {"dropout": 1.0}, "dropout is 1.0; .*try model.dropout=0.1"),
        (
            DenseEncoder,
            {"activation": "rleu", "hidden_sizes": []},
            r"activation is 'rleu'; .*try model\.activation=relu",
        ),
        (DenseEncoder, {"weight_init": "xavier"}, r"weight_init is 'xavier'"),
        (ConvEncoder, {"input_shape": (4,)}, r"has the shape \[4\]; convolutions need images.*try model=autoencoder"),
        (ConvEncoder, {"channels": []}, r"channels is \[\]; .* a list of at least 1, .*try model\.channels=\["),
        (ConvEncoder, {"channels": [0]}, "channels is 0; .*at least 1"),
        (ConvEncoder, {"kernel_size": 4}, "kernel_size is 4; it must be an odd number"),
        (ConvEncoder, {"activation": "softmax"}, r"softmax is in the loss"),
    ],
)
def test_an_error_message_has_three_parts(kind: type[nn.Module], settings: dict[str, Any], message: str) -> None:
    given = {**PICTURE, **settings}
    with pytest.raises(ValueError, match=message):
        kind(**given)
    decoder = DenseDecoder if kind is DenseEncoder else ConvDecoder
    given["output_shape"] = given.pop("input_shape")
    with pytest.raises(ValueError, match=message):
        decoder(**given)
