"""Convolutional GANs: shapes at every size, labels, norms, initial weights, and sizes that are refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from netyard.config.catalog import families, variants
from netyard.models.dcgan import DCGAN, halve

NAMES = list(families()["dcgan"]["variants"])
SIZES = [(1, 8), (3, 8), (1, 28), (3, 28), (1, 32), (3, 32), (1, 64), (3, 64)]


def build(name: str, in_channels: int = 1, side: int = 8, **keys: Any) -> DCGAN:
    """A net of the catalogue, with the data's facts given."""
    facts = {"in_channels": in_channels, "image_size": side, "num_classes": 10}
    settings = {key: value for key, value in variants()[name].items() if key not in ("_target_", "defaults", *facts)}
    return DCGAN(**{**facts, **settings, **keys})


def logits_of(output: torch.Tensor | tuple[torch.Tensor, ...]) -> torch.Tensor:
    return output[0] if isinstance(output, tuple) else output


@pytest.mark.parametrize(("channels", "side"), SIZES)
@pytest.mark.parametrize("name", NAMES)
def test_shapes_of_images_and_logits_at_every_size(name: str, channels: int, side: int) -> None:
    net = build(name, channels, side, latent_size=8, channels=[4, 8])
    y = (torch.tensor([0, 9]),) if net.conditional else ()
    pictures = net.generator(torch.randn(2, 8), *y)
    assert pictures.shape == (2, channels, side, side) and pictures.abs().max() <= 1
    output = net.discriminator(pictures, *y)
    assert logits_of(output).shape == (2,)
    assert isinstance(output, tuple) == (name == "acgan")
    if isinstance(output, tuple):
        assert output[1].shape == (2, 10)


@pytest.mark.parametrize(
    ("size", "halvings", "smallest"),
    [
        ((8, 8), 2, (2, 2)),
        ((12, 12), 2, (3, 3)),
        ((28, 28), 2, (7, 7)),
        ((64, 64), 4, (4, 4)),
        ((224, 224), 5, (7, 7)),
        ((40, 48), 3, (5, 6)),
        ((29, 37), 2, (7, 9)),
    ],
)
def test_an_image_is_halved_until_it_is_small(size: tuple[int, int], halvings: int, smallest: tuple[int, int]) -> None:
    sizes = halve(size)
    assert (len(sizes) - 1, sizes[-1]) == (halvings, smallest)


@pytest.mark.parametrize("size", [[40, 48], [29, 37], [9, 50], 33])
@pytest.mark.parametrize("name", ["dcgan", "wgan_gp", "conditional_gan"])
def test_images_of_any_height_and_width_are_made(name: str, size: Any) -> None:
    net = build(name, 3, size, latent_size=8, channels=[4, 8])
    y = (torch.tensor([0, 9]),) if net.conditional else ()
    pictures = net.generator(torch.randn(2, 8), *y)
    assert pictures.shape == (2, *net.input_shape) and net.discriminator(pictures, *y).shape == (2,)


@pytest.mark.parametrize("side", [1, 4, 7])
def test_an_image_size_that_cannot_be_halved_is_refused(side: int) -> None:
    with pytest.raises(ValueError, match=rf"images have {side} x {side} pixels; .*so 8 or more; try model=gan"):
        build("dcgan", 1, side)


@pytest.mark.parametrize("labels", ["input", "auxiliary"])
def test_labels_of_data_without_classes_are_refused(labels: str) -> None:
    with pytest.raises(
        ValueError, match=rf"model\.labels is {labels}, and the data have no classes; .*try model=dcgan"
    ):
        build("dcgan", labels=labels, num_classes=None)
    assert not build("dcgan", num_classes=None).conditional


@pytest.mark.parametrize("name", ["conditional_gan", "acgan"])
def test_the_output_of_the_generator_depends_on_the_label(name: str) -> None:
    net = build(name).eval()
    one, other = net.generator(torch.ones(2, net.latent_size), torch.tensor([3, 4]))
    assert not torch.allclose(one, other)


def test_only_the_discriminator_of_the_conditional_gan_uses_the_label() -> None:
    x = torch.randn(1, 1, 8, 8).expand(2, -1, -1, -1)
    for name, differs in (("conditional_gan", True), ("acgan", False)):
        net = build(name).eval()
        one, other = logits_of(net.discriminator(x, torch.tensor([3, 4])))
        assert torch.isclose(one, other, atol=1e-6).item() != differs


def test_each_discriminator_has_the_norm_of_its_paper() -> None:
    kinds = {
        name: {type(layer) for layer in build(name).discriminator.modules()}
        for name in ("dcgan", "wgan_gp", "hinge_gan")
    }
    assert nn.BatchNorm2d in kinds["dcgan"]
    assert nn.BatchNorm2d not in kinds["wgan_gp"] and nn.GroupNorm in kinds["wgan_gp"]
    assert not kinds["hinge_gan"] & {nn.BatchNorm2d, nn.GroupNorm}


def test_spectral_norm_gives_every_layer_a_norm_of_one() -> None:
    discriminator = build("hinge_gan", channels=[8, 16]).discriminator
    for _ in range(50):  # of power iteration
        discriminator(torch.randn(1, 1, 8, 8))
    layers = [each for each in discriminator.eval().modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.02)
    assert len(layers) == 3


def test_initial_weights_are_those_of_the_paper() -> None:
    net = build("dcgan")
    kernels = [each.weight for each in net.modules() if isinstance(each, nn.Conv2d | nn.ConvTranspose2d)]
    for weight in kernels:
        assert weight.std().item() == pytest.approx(0.02, rel=0.1) and abs(weight.mean().item()) < 0.003
    assert len(kernels) == 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"discriminator_norm": "group"}, "discriminator_norm is 'group'"),
        ({"labels": "both"}, "labels is 'both'"),
        ({"channels": []}, "channels"),
    ],
)
def test_unknown_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("dcgan", **settings)
