"""The VAE: shapes at all sizes, labels, gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from netyard.models.vae import KINDS, VAE, halved

SHAPES = [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 64, 64), (1, 5, 7)]


def vae(**arguments: Any) -> VAE:
    sizes = {"input_shape": (1, 8, 8), "latent_size": 4, "num_outputs_per_pixel": 1, "hidden_sizes": [16]}
    return VAE(**{**sizes, "channels": [4, 8], **arguments})


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_classes", [None, 3])
def test_shapes_of_codes_and_images(kind: str, shape: Any, num_classes: int | None) -> None:
    net = vae(kind=kind, input_shape=shape, num_outputs_per_pixel=2, num_classes=num_classes)
    x, y = torch.randn(2, *shape), None if num_classes is None else torch.tensor([0, 2])
    mean, log_variance = net.encode(x, y)
    assert mean.shape == log_variance.shape == (2, 4)
    output = net.decode(mean + log_variance, y)
    assert output.shape == (2, 2 * shape[0], *shape[1:]) and output.isfinite().all()
    output.square().sum().backward()
    assert all(each.grad is not None and each.grad.abs().sum() > 0 for each in net.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_of_a_conditional_network_depend_on_the_label(kind: str) -> None:
    net = vae(kind=kind, num_classes=3)
    x, y = torch.randn(1, 1, 8, 8).expand(3, -1, -1, -1), torch.arange(3)
    codes, pictures = net.encode(x, y)[0], net.decode(torch.zeros(3, 4), y)
    for each in (codes, pictures):
        assert not torch.allclose(each[0], each[1]) and not torch.allclose(each[1], each[2])
    shares = torch.nn.functional.one_hot(y, 3).float()
    assert torch.equal(net(x, shares), net(x, y))
    with pytest.raises(ValueError, match=r"given no label; it is conditional, on 3 classes; .*try model=vae"):
        net.encode(x)


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_that_is_not_conditional_ignores_the_label(kind: str) -> None:
    net, x = vae(kind=kind), torch.randn(2, 1, 8, 8)
    assert torch.equal(net(x), net(x, torch.tensor([0, 1])))


def test_tables_have_columns_in_place_of_pixels() -> None:
    net = vae(input_shape=[5], num_outputs_per_pixel=2)
    assert net(torch.randn(3, 5)).shape == (3, 10)


def test_halves_of_sides_are_rounded_up() -> None:
    assert halved((28, 5), 4) == [(28, 5), (14, 3), (7, 2), (4, 1), (2, 1)]


def test_the_dense_net_has_the_sizes_of_the_paper() -> None:
    """784-500-2d and back, the nets of Kingma & Welling's MNIST."""
    net = VAE((1, 28, 28), latent_size=20, num_outputs_per_pixel=1, hidden_sizes=[500])
    wanted = (784 * 500 + 500) + (500 * 40 + 40) + (20 * 500 + 500) + (500 * 784 + 784)
    assert sum(each.numel() for each in net.parameters()) == wanted


def test_a_gated_layer_has_two_linear_maps() -> None:
    net = VAE((1, 28, 28), latent_size=40, num_outputs_per_pixel=1, hidden_sizes=[300, 300], gated=True)
    encoder = (784 * 600 + 600) + (300 * 600 + 600) + (300 * 80 + 80)
    decoder = (40 * 600 + 600) + (300 * 600 + 600) + (300 * 784 + 784)
    assert sum(each.numel() for each in net.parameters()) == encoder + decoder
    assert net(torch.randn(2, 1, 28, 28)).shape == (2, 1, 28, 28)


def test_log_variances_are_clamped_and_means_are_not() -> None:
    torch.manual_seed(0)
    free, bounded = vae(), vae(log_variance_range=[-6, 2])
    bounded.load_state_dict(free.state_dict())
    near, far = torch.randn(8, 1, 8, 8), 1000 * torch.randn(8, 1, 8, 8)
    assert all(torch.equal(*each) for each in zip(free.encode(near), bounded.encode(near), strict=True))
    (wide_mean, wide), (mean, log_variance) = free.encode(far), bounded.encode(far)
    assert wide.min() < -6 and wide.max() > 2 and torch.equal(mean, wide_mean)
    assert torch.equal(log_variance, wide.clamp(-6, 2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gated": True, "kind": "convolutional"}, r"gated is true and kind convolutional; .*; try model\.kind=dense"),
        ({"latent_size": 0}, "latent_size is 0; .* at least 1; try"),
        ({"hidden_sizes": [8, 0]}, "hidden_sizes is 0"),
        ({"channels": [-1]}, "channels is -1"),
        ({"num_classes": -1}, "num_classes is -1"),
        (
            {"log_variance_range": [2, -6]},
            r"log_variance_range is \[2, -6\]; .*; try model\.log_variance_range=\[-6,2\]",
        ),
        ({"log_variance_range": [-6]}, r"log_variance_range is \[-6\]"),
        ({"kind": "conv"}, "kind is 'conv'; .* dense, convolutional; try model.kind=convolutional"),
        ({"activation": "swish"}, "activation is 'swish'"),
        ({"kind": "convolutional", "input_shape": [5]}, r"input_shape is \[5\]; .*; try model=vae, or data=digits"),
        ({"kind": "convolutional", "channels": []}, r"channels is \[\]; .*; try model\.channels=\[32,64\]"),
    ],
)
def test_an_error_message_has_three_parts(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        vae(**arguments)
