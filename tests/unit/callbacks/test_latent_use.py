"""The bar chart of the KL of each latent dimension: heights, order, and colour of active dimensions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from netyard.callbacks import latent_use
from netyard.callbacks.latent_use import BAR_WIDTH, latent_kl_picture
from netyard.plots.figure import ACCENT, GREY, WHITE

TOP, BOTTOM = latent_use.TOP, 320 - latent_use.BOTTOM


def bars(picture: Tensor, colour: tuple[int, ...]) -> dict[int, int]:
    """Of each column of pixels with the colour below the legend, how many of them."""
    found = (picture[:, TOP - 4 :] == torch.tensor(colour, dtype=torch.uint8)[:, None, None]).all(dim=0).sum(dim=0)
    return {column: count for column, count in enumerate(found.tolist()) if count}


def test_the_largest_come_first_and_only_active_ones_are_in_colour():
    picture = latent_kl_picture(torch.tensor([0.5, 0.01, 2.0, 1.0]), torch.tensor([True, False, True, False]))
    assert picture.dtype == torch.uint8 and picture.shape == (3, 320, 720)
    blue, grey = bars(picture, ACCENT), bars(picture, GREY)
    whole = BOTTOM - TOP
    first, second, third, fourth = (min(blue) + index * BAR_WIDTH + BAR_WIDTH // 3 for index in range(4))
    for column, found, share in ((first, blue, 1.0), (second, grey, 0.5), (third, blue, 0.25), (fourth, grey, 0.005)):
        assert abs(found[column] - share * whole) <= 2


@pytest.mark.parametrize("size", [1, 2, 33, 128, 129, 2000])
@pytest.mark.parametrize("scale", [0.0, 1e-6, 1.0, 1e4])
def test_any_code_can_be_drawn(size: int, scale: float):
    torch.manual_seed(0)
    picture = latent_kl_picture(scale * torch.rand(size), torch.ones(size, dtype=torch.bool))
    assert max(bars(picture, ACCENT), default=0) <= 720 - 20
    assert (picture[:, TOP:, -15:] == WHITE[0]).all()


def test_a_kl_that_is_no_number_counts_as_none():
    broken = torch.tensor([float("nan"), 1.0, float("inf"), -1e-9])
    finite = torch.tensor([0.0, 1.0, 0.0, 0.0])
    active = torch.zeros(4, dtype=torch.bool)
    assert torch.equal(latent_kl_picture(broken, active)[:, :BOTTOM], latent_kl_picture(finite, active)[:, :BOTTOM])
