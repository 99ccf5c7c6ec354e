"""Combines many small images into one, for TensorBoard and PNG files: samples, reconstructions, traversals.

Input images are floats in [0, 1] or uint8, with 1 or 3 channels; of other numbers of channels the mean is shown. Values
outside of [0, 1] are clamped and NaN is black, so that outputs of a diverged network can still be shown. A small image
is enlarged by a whole factor without interpolation, which would make it look better than it is.
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
BETWEEN_PAIRS = 8  # pixels between pairs, so that an output is nearer to its input than to the next pair
WHITE = 255
VISIBLE = 64  # pixels: an image is enlarged to about this side
LARGEST = 8192  # pixels of the side of a sprite sheet: the texture size that every graphics card supports in WebGL


def grid(pictures: Tensor, columns: int | None = None, scale: int | None = None) -> Tensor:
    """Combine images (N, C, H, W), row by row, into one, uint8 (3, H', W'); by default about as many columns as rows.

    Raises:
        ArgumentError: no images, another shape, ``columns`` or ``scale`` below 1.
    """
    return _in_columns(_tiles(pictures, scale), columns)


def side_by_side(inputs: Tensor, outputs: Tensor, columns: int | None = None, scale: int | None = None) -> Tensor:
    """Combine inputs and outputs, both (N, C, H, W), into one image, uint8 (3, H', W'): each output below its input.

    Raises:
        ArgumentError: see ``grid``; or there are not as many outputs as inputs, of the same height and width.
    """
    if inputs.ndim != 4 or outputs.ndim != 4 or (inputs[:, 0].shape != outputs[:, 0].shape):
        raise ArgumentError(
            f"inputs have shape {tuple(inputs.shape)} and outputs {tuple(outputs.shape)};",
            "they must be pairs of images (N, C, H, W) of one size;",
            "try outputs.view_as(inputs).",
        )
    above, below = _tiles(inputs, scale), _tiles(outputs, scale)
    line = torch.full_like(above[:, :, :1], WHITE)
    if columns is None:
        columns = math.ceil(math.sqrt(2 * len(above)))  # a pair is twice as high as wide
    return _in_columns(torch.cat([above, line, below], dim=2), columns, BETWEEN_PAIRS)


def rows(pictures: Tensor, scale: int | None = None) -> Tensor:
    """Combine images (R, K, C, H, W), R rows of K, into one, uint8 (3, H', W').

    Raises:
        ArgumentError: see ``grid``.
    """
    if pictures.ndim != 5:
        raise ArgumentError(
            f"the rows of images have shape {tuple(pictures.shape)};",
            "they must be (R, K, C, H, W);",
            "try pictures.unflatten(0, (R, K)).",
        )
    return _in_columns(_tiles(pictures.flatten(0, 1), scale), columns=pictures.shape[1])


def sprite(pictures: Tensor, side: int = VISIBLE) -> tuple[Tensor, int]:
    """Combine images (N, C, H, W), row by row, into a square sheet, uint8 (3, S, S); also return the side of one image.

    The images in it are square, padded in black, and scaled to about ``side``. The sheet is at most ``LARGEST`` pixels
    wide. This is the format of TensorBoard's projector.

    Raises:
        ArgumentError: see ``grid``.
    """
    columns = math.ceil(math.sqrt(len(pictures)))  # as many rows as columns
    side = max(min(side, LARGEST // max(columns, 1)), 1)
    longest = max(pictures.shape[-2:])
    if pictures.ndim == 4 and longest > side:
        size = [max(length * side // longest, 1) for length in pictures.shape[2:]]
        shades = pictures.float() / 255 if pictures.dtype == torch.uint8 else pictures
        pictures = F.interpolate(shades, size, mode="area")  # the mean of the pixels that become one
    tiles = _tiles(pictures, scale=max(side // max(pictures.shape[-2:]), 1))  # (N, 3, h, w)
    height, width = tiles.shape[2:]
    side = max(height, width)
    left, top = (side - width) // 2, (side - height) // 2
    tiles = F.pad(tiles, (left, side - width - left, top, side - height - top))
    empty = tiles.new_zeros(columns**2 - len(tiles), *tiles.shape[1:])
    sheet = torch.cat([tiles, empty]).unflatten(0, (columns, columns))  # (rows, columns, 3, side, side)
    # To (3, rows, side, columns, side), then rows and columns merged with the pixels.
    return sheet.permute(2, 0, 3, 1, 4).flatten(3, 4).flatten(1, 2), side


def write_png(picture: Tensor, path: str | Path) -> None:
    """Write an image (C, H, W) in its own size, atomically: a reader of ``path`` never sees an incomplete file.

    Raises:
        ArgumentError: the shape is not (C, H, W).
    """
    with open_atomically(path, "wb") as file:
        file.write(png_of(picture))


def png_of(picture: Tensor) -> bytes:
    """Return an image (C, H, W) as the bytes of a PNG file.

    Raises:
        ArgumentError: see ``write_png``.
    """
    if picture.ndim != 3:
        raise ArgumentError(
            f"the image has shape {tuple(picture.shape)};",
            "it must be (C, H, W);",
            "try grid(pictures) for many.",
        )
    pixels = _tiles(picture[None], scale=1)[0].permute(1, 2, 0).contiguous()  # (H, W, 3), as Pillow needs it
    file = BytesIO()
    Image.fromarray(pixels.numpy()).save(file, format="PNG")
    return file.getvalue()


def _tiles(pictures: Tensor, scale: int | None) -> Tensor:
    """Convert images (N, C, H, W) to RGB and enlarge them, on the CPU: uint8 (N, 3, scale * H, scale * W)."""
    if pictures.ndim != 4 or not pictures.numel():
        raise ArgumentError(
            f"the images have shape {tuple(pictures.shape)};",
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
    # Rounded: byte() alone truncates, which would make images darker. Grey images get three equal channels.
    shades = (pictures.nan_to_num(nan=0.0).clamp(0, 1) * 255).round().byte().expand(-1, 3, -1, -1)
    return shades.repeat_interleave(scale, dim=2).repeat_interleave(scale, dim=3)


def _in_columns(tiles: Tensor, columns: int | None, between_rows: int = GAP) -> Tensor:
    """Arrange tiles (N, 3, h, w), row by row, with white between and around them: (3, H', W')."""
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
    missing = -count % columns  # tiles that the last row lacks; they stay white
    tiles = F.pad(tiles, (0, GAP, between_rows, 0), value=WHITE)  # right of and above each tile
    tiles = torch.cat([tiles, torch.full_like(tiles[:1], WHITE).expand(missing, -1, -1, -1)])
    # (rows, columns, 3, h, w) to (3, rows, h, columns, w), then rows and columns merged with the pixels
    page = tiles.unflatten(0, (-1, columns)).permute(2, 0, 3, 1, 4).flatten(3, 4).flatten(1, 2)
    # The gap above the first row may be that of pairs: it becomes as wide as the other borders.
    return F.pad(page[:, between_rows:], (GAP, 0, GAP, GAP), value=WHITE)
