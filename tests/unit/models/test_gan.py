"""Dense GANs: shapes, labels, and errors."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from netyard.config.catalog import variants
from netyard.models.gan import GAN


def build(name: str, channels: int = 1, side: int = 8, **keys: Any) -> GAN:
    """A net of the catalogue, with the data's facts given."""
    facts = {"input_shape": (channels, side, side), "num_classes": 10}
    settings = {key: value for key, value in variants()[name].items() if key not in ("_target_", "defaults", *facts)}
    return GAN(**{**facts, **settings, **keys})


@pytest.mark.parametrize(("channels", "side"), [(1, 8), (3, 8), (1, 28), (3, 28), (1, 32), (3, 32), (1, 64), (3, 64)])
@pytest.mark.parametrize("name", ["gan", "gan_tiny"])
def test_shapes_of_images_and_logits_at_every_size(name: str, channels: int, side: int) -> None:
    net = build(name, channels, side)
    pictures = net.generator(torch.randn(3, net.latent_size))
    assert pictures.shape == (3, channels, side, side) and pictures.abs().max() <= 1
    assert net.discriminator(pictures).shape == (3,)


def test_the_parameter_count_is_that_computed_by_hand() -> None:
    net = build("gan_tiny")
    generator = 8 * 32 + 2 * 32 + 32 * 64 + 64  # batch norm in place of a bias
    discriminator = 64 * 32 + 32 + 32 + 1
    assert [sum(each.numel() for each in player.parameters()) for player in (net.generator, net.discriminator)] == [
        generator,
        discriminator,
    ]


def test_both_networks_use_the_label_if_conditional() -> None:
    net = build("gan_tiny", conditional=True, batch_norm=False)
    z, y = torch.randn(1, net.latent_size).expand(2, -1), torch.tensor([1, 2])
    one, other = net.generator(z, y)
    assert not torch.equal(one, other)
    same = one.detach().expand(2, -1, -1, -1)
    assert net.discriminator(same, y).unique().numel() == 2


def test_rows_of_a_table_have_no_bounds() -> None:
    net = build("gan", input_shape=[5])
    rows = net.generator(100 * torch.randn(64, net.latent_size))
    assert rows.shape == (64, 5) and rows.abs().max() > 1
    assert net.discriminator(rows).shape == (64,)


def test_sequences_are_refused() -> None:
    with pytest.raises(ValueError, match=r"input_shape is \[10, 2\]; .*images.*rows of a table; try data=digits"):
        build("gan", input_shape=[10, 2])
