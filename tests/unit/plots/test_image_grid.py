"""Many pictures as one: each pixel where it belongs, in the right size, and back from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from netyard.plots.image_grid import BETWEEN_PAIRS, GAP, WHITE, grid, rows, side_by_side, sprite, write_png


def shades(*shape: int) -> Tensor:
    """Pictures of all different greys below white, as uint8."""
    return (torch.arange(torch.Size(shape).numel()) % 255).byte().reshape(shape)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("count", "columns", "expected"),
    [(1, None, (1, 1)), (64, None, (8, 8)), (7, None, (3, 3)), (7, 4, (2, 4)), (3, 8, (1, 3)), (5, 1, (5, 1))],
)
def test_a_grid_has_the_rows_and_columns_asked_for(channels: int, count: int, columns: int | None, expected: tuple):
    page = grid(torch.rand(count, channels, 8, 5), columns, scale=3)
    assert page.dtype == torch.uint8
    assert page.shape == (3, expected[0] * (24 + GAP) + GAP, expected[1] * (15 + GAP) + GAP)


def test_every_pixel_is_a_square_of_its_colour_in_its_place():
    pictures = shades(5, 3, 4, 6)
    page = grid(pictures, columns=3, scale=2)
    for index, picture in enumerate(pictures):
        top, left = GAP + index // 3 * (8 + GAP), GAP + index % 3 * (12 + GAP)
        tile = page[:, top : top + 8, left : left + 12]
        for down in (0, 1):
            for right in (0, 1):
                assert torch.equal(tile[:, down::2, right::2], picture)
    paper = page.sum(dim=0) == 3 * WHITE
    assert paper.sum() == paper.numel() - 5 * 8 * 12  # between, around, and where the sixth is missing


@pytest.mark.parametrize(("side", "scale"), [(8, 8), (28, 2), (32, 2), (64, 1), (224, 1)])
def test_small_pictures_are_enlarged(side: int, scale: int):
    assert grid(torch.rand(1, 1, side, side)).shape == (3, side * scale + 2 * GAP, side * scale + 2 * GAP)


def test_shades_are_rounded_clamped_and_never_nan():
    values = torch.tensor([0.0, 0.5, 1.0, -3.0, 7.0, float("nan"), float("inf"), -float("inf"), 0.0019, 0.0021])
    page = grid(values.reshape(1, 1, 1, -1), scale=1)
    assert page[:, GAP, GAP:-GAP].unique(dim=0).tolist() == [[0, 128, 255, 0, 255, 0, 255, 0, 0, 1]]


def test_floats_and_bytes_are_one_picture():
    pictures = shades(4, 1, 8, 8)
    assert torch.equal(grid(pictures), grid(pictures / 255))
    assert torch.equal(grid(pictures), grid((pictures / 255).requires_grad_()))


def test_grey_is_grey_in_all_channels_and_other_channels_are_their_mean():
    page = grid(torch.rand(4, 1, 8, 8))
    assert torch.equal(page[0], page[1]) and torch.equal(page[0], page[2])
    two = torch.rand(4, 2, 8, 8)
    assert torch.equal(grid(two), grid(two.mean(dim=1, keepdim=True)))


def test_an_output_lies_under_its_input():
    inputs, outputs = torch.full((3, 1, 2, 2), 0.2), torch.full((3, 1, 2, 2), 0.6)
    outputs[2] = 0.0
    page = side_by_side(inputs, outputs, columns=2, scale=1)
    pair = 2 + 1 + 2
    assert page.shape == (3, GAP + pair + BETWEEN_PAIRS + pair + GAP, 2 * (2 + GAP) + GAP)
    paper = [255] * GAP, [255] * BETWEEN_PAIRS
    assert page[0, :, GAP].tolist() == [*paper[0], 51, 51, 255, 153, 153, *paper[1], 51, 51, 255, 0, 0, *paper[0]]
    assert (page[:, GAP + pair :, 2 * GAP + 2 :] == WHITE).all()


@pytest.mark.parametrize(("count", "columns", "lines"), [(1, 2, 1), (8, 4, 2), (32, 8, 4)])
def test_pairs_fill_about_a_square(count: int, columns: int, lines: int):
    page = side_by_side(*torch.rand(2, count, 1, 8, 8), scale=1)
    assert page.shape == (3, lines * (17 + BETWEEN_PAIRS) - BETWEEN_PAIRS + 2 * GAP, min(columns, count) * 10 + GAP)


def test_a_grey_output_may_stand_under_a_colour_input():
    assert side_by_side(torch.rand(2, 3, 8, 8), torch.rand(2, 1, 8, 8)).shape == (3, 129 + 2 * GAP, 128 + 3 * GAP)


def test_rows_stay_rows():
    pictures = shades(2, 5, 1, 8, 8)
    page = rows(pictures, scale=1)
    assert page.shape == (3, 2 * (8 + GAP) + GAP, 5 * (8 + GAP) + GAP)
    assert torch.equal(page, grid(pictures.flatten(0, 1), columns=5, scale=1))


def test_a_sprite_is_square_and_each_picture_is_where_its_number_says():
    pictures = shades(7, 3, 2, 2)
    sheet, side = sprite(pictures, side=4)
    assert side == 4 and sheet.shape == (3, 12, 12) and sheet.dtype == torch.uint8
    for index, picture in enumerate(pictures):
        top, left = index // 3 * 4, index % 3 * 4
        assert torch.equal(sheet[:, top : top + 4 : 2, left : left + 4 : 2], picture)
    assert (sheet[:, 8:, 4:] == 0).all()  # where there are no more


@pytest.mark.parametrize("count", [1, 2, 1000])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 12, 8), (2, 8, 12), (4, 100, 20), (3, 1, 200)])
def test_any_pictures_make_a_sprite(count: int, shape: tuple[int, int, int]):
    sheet, side = sprite(torch.rand(count, *shape))
    columns = -(-(count**0.5) // 1)
    assert 32 < side <= 64 and sheet.shape == (3, columns * side, columns * side)


def test_a_sprite_is_never_larger_than_a_graphics_card_can_take():
    sheet, side = sprite(torch.zeros(200**2, 1, 1, 1))
    assert side == 40 and sheet.shape[1:] == (8000, 8000)


def test_what_is_not_square_or_too_large_is_padded_and_made_smaller():
    high = torch.ones(1, 1, 8, 4)
    assert sprite(high, side=8)[0][0].eq(255).nonzero()[:, 1].unique().tolist() == [2, 3, 4, 5]
    large = torch.tensor([[0.0, 1.0], [1.0, 1.0]]).repeat_interleave(64, 0).repeat_interleave(64, 1)
    assert sprite(large[None, None], side=2)[0][0].tolist() == [[0, 255], [255, 255]]
    assert torch.equal(sprite(large[None, None])[0], sprite((large * 255).byte()[None, None])[0])


@pytest.mark.parametrize("channels", [1, 3])
def test_a_file_holds_the_pixels(tmp_path: Path, channels: int):
    picture = shades(channels, 5, 7)
    for given in (picture, picture / 255):
        write_png(given, tmp_path / "new" / "one.png")
        with Image.open(tmp_path / "new" / "one.png") as image:
            assert (image.format, image.mode, image.size) == ("PNG", "RGB", (7, 5))
            assert np.array_equal(np.asarray(image), picture.expand(3, -1, -1).permute(1, 2, 0).numpy())
    assert [each.name for each in (tmp_path / "new").iterdir()] == ["one.png"]


def test_a_grid_can_be_written(tmp_path: Path):
    page = grid(torch.rand(9, 3, 8, 8))
    write_png(page, tmp_path / "samples.png")
    with Image.open(tmp_path / "samples.png") as image:
        assert np.array_equal(np.asarray(image), page.permute(1, 2, 0).numpy())


def test_what_is_no_set_of_pictures_is_refused():
    pair = torch.rand(2, 1, 8, 8)
    with pytest.raises(ValueError, match=r"shape \(0, 1, 8, 8\); they must be \(N, C, H, W\), one or more; try"):
        grid(pair[:0])
    with pytest.raises(ValueError, match=r"shape \(0, 1, 8, 8\); they must be \(N, C, H, W\), one or more; try"):
        sprite(pair[:0])
    with pytest.raises(ValueError, match=r"shape \(8, 8\); they must be .*; try pictures\[None\]"):
        grid(pair[0, 0])
    with pytest.raises(ValueError, match=r"columns is 0; it must be .*; try columns=8"):
        grid(pair, columns=0)
    with pytest.raises(ValueError, match=r"scale is 0; it must be .*; try scale=1"):
        grid(pair, scale=0)
    with pytest.raises(ValueError, match=r"inputs have shape .* outputs \(1, 1, 8, 8\); they must be pairs .*; try"):
        side_by_side(pair, pair[:1])
    with pytest.raises(ValueError, match=r"shape \(2, 1, 8, 8\); they must be \(R, K, C, H, W\); try"):
        rows(pair)
    with pytest.raises(ValueError, match=r"shape \(2, 1, 8, 8\); it must be \(C, H, W\); try grid"):
        write_png(pair, "never.png")
