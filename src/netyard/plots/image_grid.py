"""Many small images in one, for the dashboard and for PNG files: samples, reconstructions, traversals.

Pictures come in as floats in [0, 1] or as uint8, with 1 or 3 channels; other numbers of channels are shown as their
mean. What leaves [0, 1] is clamped and NaN is black, so that outputs of a diverged network can still be shown. A small
picture is enlarged by a whole factor, each pixel a square: an interpolated digit would look better than it is.
"""

from __future__ import annotations

import math
from io import BytesIO
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from netyard.errors import ArgumentError
from netyard.io.atomic import open_atomically

GAP = 2  # pixels between images
BETWEEN_PAIRS = 8  # so that an output is nearer to its input than to the next
PAPER = 255  # white
VISIBLE = 64  # pixels: a picture is enlarged to about this side
LARGEST = 8192  # pixels of a side of a sprite: a limit of WebGL, in which the projector draws


def grid(pictures: Tensor, columns: int | None = None, scale: int | None = None) -> Tensor:
    """Pictures (N, C, H, W), row by row  ->  one, uint8 (3, H', W'); by default about as many columns as rows.

    Raises:
        ArgumentError: no pictures, another shape, ``columns`` or ``scale`` below 1.
    """
    return _in_columns(_tiles(pictures, scale), columns)


def side_by_side(inputs: Tensor, outputs: Tensor, columns: int | None = None, scale: int | None = None) -> Tensor:
    """Inputs and outputs, both (N, C, H, W)  ->  one picture, uint8 (3, H', W'): each output under its input.

    Raises:
        ArgumentError: see ``grid``; or there are not as many outputs as inputs, of the same height and width.
    """
    if inputs.ndim != 4 or outputs.ndim != 4 or (inputs[:, 0].shape != outputs[:, 0].shape):
        raise ArgumentError(
            f"inputs have shape {tuple(inputs.shape)} and outputs {tuple(outputs.shape)};",
            "they must be pairs of pictures (N, C, H, W) of one size;",
            "try outputs.view_as(inputs).",
        )
    above, below = _tiles(inputs, scale), _tiles(outputs, scale)
    line = torch.full_like(above[:, :, :1], PAPER)
    if columns is None:
        columns = math.ceil(math.sqrt(2 * len(above)))  # a pair is twice as high as wide
    return _in_columns(torch.cat([above, line, below], dim=2), columns, BETWEEN_PAIRS)


def rows(pictures: Tensor, scale: int | None = None) -> Tensor:
    """Pictures (R, K, C, H, W), R rows of K: a row a latent dimension or a pair of ends  ->  one, uint8 (3, H', W').

    Raises:
        ArgumentError: see ``grid``.
    """
    if pictures.ndim != 5:
        raise ArgumentError(
            f"the rows of pictures have shape {tuple(pictures.shape)};",
            "they must be (R, K, C, H, W);",
            "try pictures.unflatten(0, (R, K)).",
        )
    return _in_columns(_tiles(pictures.flatten(0, 1), scale), columns=pictures.shape[1])


def sprite(pictures: Tensor, side: int = VISIBLE) -> tuple[Tensor, int]:
    """Pictures (N, C, H, W)  ->  one that is square, uint8 (3, S, S), row by row, and the side of each in it.

    Each is square too, padded in black, enlarged to about ``side`` or made smaller. The sheet is at most 8,192 pixels
    wide, the texture size that every graphics card supports.

    Raises:
        ArgumentError: see ``grid``.
    """
    columns = math.ceil(math.sqrt(len(pictures)))
    side = max(min(side, LARGEST // max(columns, 1)), 1)
    longest = max(pictures.shape[-2:])
    if pictures.ndim == 4 and longest > side:
        size = [max(length * side // longest, 1) for length in pictures.shape[2:]]
        shades = pictures.float() / 255 if pictures.dtype == torch.uint8 else pictures
        pictures = F.interpolate(shades, size, mode="area")
    tiles = _tiles(pictures, scale=max(side // max(pictures.shape[-2:]), 1))
    height, width = tiles.shape[2:]
    side = max(height, width)
    left, top = (side - width) // 2, (side - height) // 2
    tiles = F.pad(tiles, (left, side - width - left, top, side - height - top))
    empty = tiles.new_zeros(columns**2 - len(tiles), *tiles.shape[1:])
    sheet = torch.cat([tiles, empty]).unflatten(0, (columns, columns))
    return sheet.permute(2, 0, 3, 1, 4).flatten(3, 4).flatten(1, 2), side


def write_png(picture: Tensor, path: str | Path) -> None:
    """Write a picture (C, H, W), as it is and whole: a reader of ``path`` never sees half a file.

    Raises:
        ArgumentError: the shape is not (C, H, W).
    """
    with open_atomically(path, "wb") as file:
        file.write(png_of(picture))


def png_of(picture: Tensor) -> bytes:
    """The same as bytes; see ``write_png`` for what it raises."""
    if picture.ndim != 3:
        raise ArgumentError(
            f"the picture has shape {tuple(picture.shape)};",
            "it must be (C, H, W);",
            "try grid(pictures) for many.",
        )
    pixels = _tiles(picture[None], scale=1)[0].permute(1, 2, 0).contiguous()
    file = BytesIO()
    Image.fromarray(pixels.numpy()).save(file, format="PNG")
    return file.getvalue()


def _tiles(pictures: Tensor, scale: int | None) -> Tensor:
    """Pictures (N, C, H, W)  ->  enlarged, in colour, on the CPU: uint8 (N, 3, scale * H, scale * W)."""
    if pictures.ndim != 4 or not pictures.numel():
        raise ArgumentError(
            f"the pictures have shape {tuple(pictures.shape)};",
            "they must be (N, C, H, W), one or more;",
            "try pictures[None] for a single one.",
        )
    if scale is None:
        scale = max(VISIBLE // max(pictures.shape[2:]), 1)
    if scale < 1:
        raise ArgumentError(
            f"scale is {scale};",
            "it must be a whole number of at least 1;",
            "try scale=1.",
        )
    pictures = pictures.detach().cpu()
    pictures = pictures.float() / 255 if pictures.dtype == torch.uint8 else pictures.float()
    if pictures.shape[1] not in (1, 3):
        pictures = pictures.mean(dim=1, keepdim=True)
    shades = (pictures.nan_to_num(nan=0.0).clamp(0, 1) * 255).round().byte().expand(-1, 3, -1, -1)
    return shades.repeat_interleave(scale, dim=2).repeat_interleave(scale, dim=3)


def _in_columns(tiles: Tensor, columns: int | None, between_rows: int = GAP) -> Tensor:
    """Tiles (N, 3, h, w), row by row, with paper between and around them  ->  (3, H', W')."""
    count = len(tiles)
    if columns is None:
        columns = math.ceil(math.sqrt(count))
    if columns < 1:
        raise ArgumentError(
            f"columns is {columns};",
            "it must be a whole number of at least 1;",
            "try columns=8.",
        )
    columns = min(columns, count)
    missing = -count % columns
    tiles = F.pad(tiles, (0, GAP, between_rows, 0), value=PAPER)
    tiles = torch.cat([tiles, torch.full_like(tiles[:1], PAPER).expand(missing, -1, -1, -1)])
    page = tiles.unflatten(0, (-1, columns)).permute(2, 0, 3, 1, 4).flatten(3, 4).flatten(1, 2)
    return F.pad(page[:, between_rows:], (GAP, 0, GAP, GAP), value=PAPER)
